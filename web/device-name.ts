const browsers: readonly (readonly [RegExp, string])[] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/SamsungBrowser\//, "Samsung Internet"],
  [/Firefox\/|FxiOS\//, "Firefox"],
  [/Chrome\/|CriOS\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const systems: readonly (readonly [RegExp, string])[] = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "Mac"],
  [/CrOS/, "ChromeOS"],
  [/Linux/, "Linux"],
];

/** What the list of devices calls this browser, e.g. "Firefox on Linux". */
export function deviceName(userAgent: string): string {
  const found = (table: typeof browsers): string | undefined => table.find(([sign]) => sign.test(userAgent))?.[1];
  const browser = found(browsers) ?? "Browser";
  const system = found(systems);
  return system === undefined ? browser : `${browser} on ${system}`;
}
