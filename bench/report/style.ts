/** The look of a report: one column of prose width for the verdict, charts in two, light and dark by the reader's system. */
export const style = `
:root{--bg:#fbfbfa;--card:#fff;--ink:#1d2126;--soft:#68707a;--line:#e4e6e8;--good:#1f7a4d;--bad:#b3261e;
--s0:#2f6fde;--s1:#9aa3ad;--s2:#d9822b;--s3:#7a55c7}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1b1f23;--ink:#e8eaec;--soft:#98a1ab;--line:#2c3238;--good:#5cc98f;
--bad:#f2877f;--s0:#6ea1ff;--s1:#7d8791;--s2:#f0a45d;--s3:#b495f2}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1180px;margin:0 auto;padding:40px 24px 72px}
header p{color:var(--soft);margin:0}
h1{font-size:15px;font-weight:600;letter-spacing:.02em;color:var(--soft);margin:0 0 4px}
h2{font-size:26px;line-height:1.3;font-weight:650;margin:6px 0 14px;max-width:42em;text-wrap:pretty}
h3{font-size:14px;font-weight:600;margin:0}
section{margin:36px 0 0;padding:28px 0 0;border-top:1px solid var(--line)}
.kicker{font-size:13px;color:var(--soft);margin:0}
.bad{color:var(--bad)}.good{color:var(--good)}
.note{color:var(--bad);margin:0 0 12px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:16px;margin:18px 0}
figure{margin:0;max-width:640px;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px 8px}
figcaption{display:flex;flex-wrap:wrap;gap:4px 14px;align-items:baseline;justify-content:space-between;margin-bottom:6px}
.legend{display:flex;flex-wrap:wrap;gap:4px 12px;font-size:12px;color:var(--soft)}
.legend i{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:6px;vertical-align:middle;background:currentColor}
svg{display:block;width:100%;height:auto}
.grid{stroke:var(--line)}.tick,.axis{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}
.line{fill:none;stroke-width:2;stroke-linejoin:round}.dot{stroke:none}
.line.s0{stroke:var(--s0)}.line.s1{stroke:var(--s1)}.line.s2{stroke:var(--s2)}.line.s3{stroke:var(--s3)}
.dot.s0{fill:var(--s0)}.dot.s1{fill:var(--s1)}.dot.s2{fill:var(--s2)}.dot.s3{fill:var(--s3)}
i.s0{color:var(--s0)}i.s1{color:var(--s1)}i.s2{color:var(--s2)}i.s3{color:var(--s3)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:14px;min-width:min(100%,520px)}
th{font-weight:600;font-size:12px;color:var(--soft);text-align:left}
th,td{padding:6px 18px 6px 0;border-bottom:1px solid var(--line);white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
pre{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px;overflow-x:auto;font:13px/1.6 ui-monospace,
SFMono-Regular,Menlo,Consolas,monospace;margin:12px 0 0}
`;
