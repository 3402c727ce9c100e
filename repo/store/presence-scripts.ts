import type { LocalStore, Script } from "#infra/cache/cache.ts";
import { formatPresence, type PresencePlace } from "./presence-format.ts";
import { formatRow, type PresenceRow, parseRow } from "./presence-row.ts";
import { byConnection, decideArrival } from "./presence-rules.ts";

/** The atomic steps of presence. Every script has the keys `user:online:{user}` and `presence:{user}` and writes both, so
 *  that routes never differ from sessions; the arguments begin with now, the oldest `lastSeen` that still counts (both
 *  Unix s), and the time to live (ms). Sessions that stopped reporting are dropped in passing: their gateway died. */

interface Live extends PresenceRow {
  readonly id: string;
}

/** `parseRow`, `formatRow`, `read` and `finish` in Lua, as below. */
export const prelude = `
local rowPattern = '^' .. string.rep('([^\\t]+)\\t', 2) .. '([^\\t]*)\\t' .. string.rep('([0-9]+)\\t', 2)
  .. '([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)$'
local function parse(text)
  local gatewayId, incarnation, sid, connectedAtMs, lastSeen, platform, deviceId, clientInfo = string.match(text, rowPattern)
  if not gatewayId or #connectedAtMs > 15 or #lastSeen > 15 then return nil end
  return { gatewayId = gatewayId, incarnation = incarnation, sid = sid, connectedAtMs = tonumber(connectedAtMs),
    lastSeen = tonumber(lastSeen), platform = platform, deviceId = deviceId, clientInfo = clientInfo }
end
local function read()
  local all = redis.call('HGETALL', KEYS[1])
  local rows, dead = {}, {}
  for i = 1, #all, 2 do
    local row = parse(all[i + 1])
    if row and row.lastSeen >= tonumber(ARGV[2]) then
      row.id = all[i]
      rows[#rows + 1] = row
    else
      dead[#dead + 1] = all[i]
    end
  end
  table.sort(rows, function(a, b)
    if a.connectedAtMs ~= b.connectedAtMs then return a.connectedAtMs < b.connectedAtMs end
    return a.id < b.id
  end)
  return rows, dead
end
local function put(row)
  redis.call('HSET', KEYS[1], row.id, table.concat({ row.gatewayId, row.incarnation, row.sid,
    string.format('%.0f', row.connectedAtMs), string.format('%.0f', row.lastSeen),
    row.platform, row.deviceId, row.clientInfo }, '\\t'))
end
local function finish(rows, dead)
  if #dead > 0 then redis.call('HDEL', KEYS[1], unpack(dead)) end
  if #rows == 0 then
    redis.call('DEL', KEYS[2])
    return
  end
  local counts, places = {}, {}
  for _, row in ipairs(rows) do
    local place = row.gatewayId .. '|' .. row.incarnation
    if not counts[place] then
      counts[place] = 0
      places[#places + 1] = place
    end
    counts[place] = counts[place] + 1
  end
  table.sort(places)
  for i, place in ipairs(places) do places[i] = place .. '|' .. counts[place] end
  redis.call('SET', KEYS[2], table.concat(places, ';'), 'PX', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
`;

/** `decideArrival`. Arguments after the common three: session id, its row, eviction, most sessions (0 = any number), 1 when
 *  it is a new connection. Answers 1 when the user had no session before, 1 when it was refused (else 0), the time it connected (Unix ms), then id,
 *  gateway and incarnation of each evicted session, the oldest first. */
export const goOnline: Script = {
  name: "presence.online",
  lua: `${prelude}
local rows, dead = read()
local own = parse(ARGV[5])
if not own then return redis.error_reply('ERR not a presence row') end
own.id = ARGV[4]
local most, new, known, others = tonumber(ARGV[7]), ARGV[8] == '1', false, {}
for _, row in ipairs(rows) do
  if row.id == own.id then
    known, new = true, false
    own.connectedAtMs = row.connectedAtMs
  else
    others[#others + 1] = row
  end
end
local latest = others[#others]
if new and latest and latest.connectedAtMs >= own.connectedAtMs then own.connectedAtMs = latest.connectedAtMs + 1 end
local kept, gone, refused = {}, {}, false
for _, row in ipairs(others) do
  local same = ARGV[6] == 'single'
    or (ARGV[6] == 'per-platform' and row.platform == own.platform)
    or (ARGV[6] == 'multi' and own.deviceId ~= '' and row.deviceId == own.deviceId)
  if not same then kept[#kept + 1] = row else gone[#gone + 1] = row end
  if same and row.connectedAtMs > own.connectedAtMs then refused = true end
end
local over = most > 0 and #kept - most + 1 or 0
if over > 0 and kept[over].connectedAtMs > own.connectedAtMs then refused = true end
local answer = { #rows == 0 and '1' or '0', refused and '1' or '0', string.format('%.0f', own.connectedAtMs) }
if refused then
  if known then dead[#dead + 1] = own.id end
  finish(others, dead)
  return answer
end
for _ = 1, over do gone[#gone + 1] = table.remove(kept, 1) end
for _, row in ipairs(gone) do
  dead[#dead + 1] = row.id
  answer[#answer + 1] = row.id
  answer[#answer + 1] = row.gatewayId
  answer[#answer + 1] = row.incarnation
end
kept[#kept + 1] = own
if #dead > 0 then redis.call('HDEL', KEYS[1], unpack(dead)) end
put(own)
finish(kept, {})
return answer`,
  local(store, [online = "", presence = ""], args) {
    const [sessionId = "", text = "", eviction = "", most = "0", isNew = "0"] = args.slice(3);
    const row = parseRow(text);
    if (!row) throw new Error("not a presence row");
    const { rows, dead } = read(store, online, args);
    const scene = { rows, eviction, most: Number(most), isNew: isNew === "1" };
    const { known, others, gone, kept, ...decision } = decideArrival({ ...row, id: sessionId }, scene);
    const own: Live = { ...row, id: sessionId, connectedAtMs: decision.connectedAtMs };
    const answer = [rows.length === 0 ? "1" : "0", decision.refused ? "1" : "0", String(own.connectedAtMs)];
    if (decision.refused) {
      finish(store, [online, presence], args, others, known ? [...dead, sessionId] : dead);
      return answer;
    }
    for (const one of gone) {
      dead.push(one.id);
      answer.push(one.id, one.gatewayId, one.incarnation);
    }
    // Before the new row is put: a session that comes back may be among the dead itself.
    if (dead.length > 0) store.hdel(online, dead);
    store.hset(online, { [sessionId]: formatRow(own) });
    finish(store, [online, presence], args, [...kept, own], []);
    return answer;
  },
};

/** Arguments after the common three: session id, gateway, incarnation. Takes the session out if it is that gateway's.
 *  Answers 1 when no session is left, else 0. */
export const goOffline: Script = {
  name: "presence.offline",
  lua: `${prelude}
local rows, dead = read()
local kept = {}
for _, row in ipairs(rows) do
  if row.id == ARGV[4] and row.gatewayId == ARGV[5] and row.incarnation == ARGV[6] then
    dead[#dead + 1] = row.id
  else
    kept[#kept + 1] = row
  end
end
finish(kept, dead)
return #kept == 0 and 1 or 0`,
  local(store, [online = "", presence = ""], args) {
    const [sessionId, gatewayId, incarnation] = args.slice(3);
    const { rows, dead } = read(store, online, args);
    const kept: Live[] = [];
    for (const row of rows) {
      if (row.id === sessionId && row.gatewayId === gatewayId && row.incarnation === incarnation) dead.push(row.id);
      else kept.push(row);
    }
    finish(store, [online, presence], args, kept, dead);
    return kept.length === 0 ? 1 : 0;
  },
};

/** Arguments after the common three: gateway, incarnation, then session ids. Marks them as seen now. Answers those that
 *  presence does not know as that gateway's. With no session ids it only drops what stopped reporting. */
export const stayOnline: Script = {
  name: "presence.heartbeat",
  lua: `${prelude}
local rows, dead = read()
local known, unknown = {}, {}
for _, row in ipairs(rows) do
  if row.gatewayId == ARGV[4] and row.incarnation == ARGV[5] then known[row.id] = row end
end
for i = 6, #ARGV do
  local row = known[ARGV[i]]
  if row then
    row.lastSeen = tonumber(ARGV[1])
    put(row)
  else
    unknown[#unknown + 1] = ARGV[i]
  end
end
finish(rows, dead)
return unknown`,
  local(store, [online = "", presence = ""], args) {
    const [gatewayId, incarnation, ...sessionIds] = args.slice(3);
    const { rows, dead } = read(store, online, args);
    const known = new Map(rows.map((row) => [row.id, row]));
    const unknown: string[] = [];
    const seen: Record<string, string> = {};
    for (const id of sessionIds) {
      const row = known.get(id);
      if (row && row.gatewayId === gatewayId && row.incarnation === incarnation) {
        seen[id] = formatRow({ ...row, lastSeen: Number(args[0]) });
      } else unknown.push(id);
    }
    if (Object.keys(seen).length > 0) store.hset(online, seen);
    finish(store, [online, presence], args, rows, dead);
    return unknown;
  },
};

/** Key: who holds a gateway id. Arguments: incarnation (UUID v7: a later start is greater), time to live (ms). Answers 1
 *  when the caller is the latest incarnation, 0 when it was replaced. */
export const holdGateway: Script = {
  name: "presence.gateway",
  lua: `
local holder = redis.call('GET', KEYS[1])
if holder and holder > ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`,
  local(store, [key = ""], [incarnation = "", ttlMs]) {
    const holder = store.get(key);
    if (holder !== undefined && holder > incarnation) return 0;
    store.set(key, incarnation, { ttlMs: Number(ttlMs) });
    return 1;
  },
};

/** The sessions that count, the earliest connection first, and the ids of the others. */
export function read(store: LocalStore, online: string, args: readonly string[]): { rows: Live[]; dead: string[] } {
  const rows: Live[] = [];
  const dead: string[] = [];
  for (const [id, text] of Object.entries(store.hgetall(online))) {
    const row = parseRow(text);
    if (row && row.lastSeen >= Number(args[1])) rows.push({ ...row, id });
    else dead.push(id);
  }
  rows.sort(byConnection);
  return { rows, dead };
}

/** Drops the dead and writes the routes of `rows`. */
export function finish(
  store: LocalStore,
  [online, presence]: readonly [string, string],
  args: readonly string[],
  rows: readonly PresenceRow[],
  dead: readonly string[],
): void {
  if (dead.length > 0) store.hdel(online, dead);
  if (rows.length === 0) {
    store.del([presence]);
    return;
  }
  const places = new Map<string, PresencePlace>();
  for (const { gatewayId, incarnation } of rows) {
    const name = `${gatewayId}|${incarnation}`;
    places.set(name, { gatewayId, incarnation, sessions: (places.get(name)?.sessions ?? 0) + 1 });
  }
  const sorted = [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, place]) => place);
  const ttlMs = Number(args[2]);
  store.set(presence, formatPresence(sorted), { ttlMs });
  store.expire(online, ttlMs);
}
