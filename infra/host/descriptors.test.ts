import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readDescriptorLimit } from "./descriptors.ts";

test("the limit of descriptors is read, also when there is none, and unknown where the system does not tell", () => {
  const folder = mkdtempSync(join(tmpdir(), "gochat-limits-"));
  const file = join(folder, "limits");
  const line = (soft: string, hard: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft}                 ${hard}                files\n`;
  try {
    writeFileSync(file, line("1024", "20000"));
    expect(readDescriptorLimit(file)).toEqual({ soft: 1024, hard: 20_000 });
    writeFileSync(file, line("1024", "unlimited"));
    expect(readDescriptorLimit(file)).toEqual({ soft: 1024, hard: Number.POSITIVE_INFINITY });
    writeFileSync(file, "something else");
    expect(readDescriptorLimit(file)).toBeUndefined();
    expect(readDescriptorLimit(join(folder, "absent"))).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the runtime raises the soft limit to the hard one", async () => {
  if (readDescriptorLimit() === undefined) return;
  const script = `import { readDescriptorLimit } from ${JSON.stringify(join(import.meta.dir, "descriptors.ts"))};
console.log(JSON.stringify(readDescriptorLimit()));`;
  const child = Bun.spawn(["sh", "-c", `ulimit -Sn 512 && exec "${process.execPath}" -e '${script}'`], {
    stdout: "pipe",
  });
  const { soft, hard } = JSON.parse(await new Response(child.stdout).text()) as { soft: number; hard: number };
  expect(soft).toBe(hard);
});
