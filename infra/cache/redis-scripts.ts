import { createHash } from "node:crypto";

/** A step that runs on the server in one piece. */
export interface Lua {
  readonly text: string;
  /** What the server knows it by. */
  readonly sha: string;
}

export function luaOf(text: string): Lua {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/** The driver's own steps. A value and its time to live are written together, or a connection lost in between would leave a key that stays for ever. */
export const steps = {
  /** ARGV: by, ttlMs (only for a key that is made). */
  incr: luaOf(`local there = redis.call('EXISTS', KEYS[1])
local value = redis.call('INCRBY', KEYS[1], ARGV[1])
if there == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return value`),
  /** ARGV: the command (it answers a count), ttlMs, the command's arguments, singly or in pairs; Lua unpacks less than 8000 at a time. */
  writeAndExpire: luaOf(`local count = 0
for first = 3, #ARGV, 4000 do
  count = count + redis.call(ARGV[1], KEYS[1], unpack(ARGV, first, math.min(first + 3999, #ARGV)))
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return count`),
  /** KEYS: key, its lease. ARGV: a new lease, its ttlMs. Answers the value; or 1, the lease was taken; or 0. */
  getOrLease: luaOf(`local value = redis.call('GET', KEYS[1])
if value then return value end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0`),
  /** KEYS: key, its lease. ARGV: lease, value, ttlMs. */
  storeWithLease: luaOf(`if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`),
  /** ARGV: owner, ttlMs. */
  refresh: luaOf(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`),
  /** ARGV: owner. */
  unlock: luaOf(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`),
  /** KEYS: the mark. ARGV: a new mark. The server's run id tells of a restart and of another primary; the mark, a key like any other, of data that was wiped.
   *  The SET does nothing where the mark is, but a replica refuses it: what answers is a primary. */
  runId: luaOf(`redis.call('SET', KEYS[1], ARGV[1], 'NX')
return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') .. ':' .. redis.call('GET', KEYS[1])`),
} as const satisfies Record<string, Lua>;
