import type { Script } from "#infra/cache/cache.ts";
import { finish, prelude, read } from "./presence-scripts.ts";

/** A life of a gateway as scripts name it. */
export function placeOf({ gatewayId, incarnation }: { gatewayId: string; incarnation: string }): string {
  return `${gatewayId}|${incarnation}`;
}

/** Arguments after the common three: before (Unix s), then the places of gateways that are gone. Drops what stopped reporting,
 *  and sessions of these places that reported last before that time. Answers how many are left, and when and where the
 *  latest of the dropped ones reported ("0" and "" when not known). */
export const sweepSessions: Script = {
  name: "presence.sweep",
  lua: `${prelude}
local rows, dead = read()
local gone = {}
for i = 5, #ARGV do gone[ARGV[i]] = true end
local kept, seen, gateway = {}, 0, ''
for _, row in ipairs(rows) do
  if row.lastSeen < tonumber(ARGV[4]) and gone[row.gatewayId .. '|' .. row.incarnation] then
    dead[#dead + 1] = row.id
    if row.lastSeen >= seen then seen, gateway = row.lastSeen, row.gatewayId end
  else
    kept[#kept + 1] = row
  end
end
finish(kept, dead)
return { tostring(#kept), string.format('%.0f', seen), gateway }`,
  local(store, [online = "", presence = ""], args) {
    const before = Number(args[3]);
    const gone = new Set(args.slice(4));
    const { rows, dead } = read(store, online, args);
    const swept = rows.filter((row) => row.lastSeen < before && gone.has(placeOf(row)));
    const kept = rows.filter((row) => !swept.includes(row));
    const latest = swept.toSorted((a, b) => a.lastSeen - b.lastSeen).at(-1);
    finish(store, [online, presence], args, kept, [...dead, ...swept.map(({ id }) => id)]);
    return [String(kept.length), String(latest?.lastSeen ?? 0), latest?.gatewayId ?? ""];
  },
};
