/** The first frame outside the logger as `file:line`, or "" when the engine gives none. */
export function callerOf(): string {
  for (const frame of (new Error().stack ?? "").split("\n").slice(1)) {
    if (/infra[\\/]clog[\\/](?:clog|caller)\.ts/.test(frame)) continue;
    const place = /([^\s()]+:\d+):\d+\)?$/.exec(frame);
    if (place?.[1] !== undefined) return place[1];
  }
  return "";
}
