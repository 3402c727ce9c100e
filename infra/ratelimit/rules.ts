/** A token bucket: `ratePerSecond` tokens flow in, at most `capacity` wait. */
export interface Rule {
  /** `local`: this process alone; `distributed`: all processes together, by the cache. */
  readonly mode: "local" | "distributed";
  readonly ratePerSecond: number;
  readonly capacity: number;
  /** What a distributed rule does while the cache is away: `allow` goes on with buckets of this process (default), `deny` refuses the first time and until the buckets of this process exist. */
  readonly onError?: "allow" | "deny";
  readonly description?: string;
}
export type Rules = Readonly<Record<string, Rule>>;

/** Both for rate (per second) and capacity. */
export const rateMax = 1_000_000;

const minute = 60;
const hour = 3600;

/** The table of spec 60 §8. `machine_qps` is absent: off until a document sets it. */
export const defaultRules = {
  user_send_message: { mode: "distributed", ratePerSecond: 30, capacity: 60 },
  guest_send_message: { mode: "distributed", ratePerSecond: 20 / minute, capacity: 20 },
  world_send_message: { mode: "distributed", ratePerSecond: 60 / minute, capacity: 20 },
  user_login_attempt: { mode: "distributed", ratePerSecond: 5, capacity: 10, onError: "deny" },
  ws_frames: { mode: "local", ratePerSecond: 50, capacity: 100 },
  ws_bytes: { mode: "local", ratePerSecond: 256 * 1024, capacity: 512 * 1024 },
  ws_connect: { mode: "local", ratePerSecond: 10, capacity: 50 },
  friend_request: { mode: "distributed", ratePerSecond: 10 / hour, capacity: 10 },
  create_group: { mode: "distributed", ratePerSecond: 5 / hour, capacity: 5 },
  draft: { mode: "local", ratePerSecond: 2, capacity: 30 },
  search: { mode: "distributed", ratePerSecond: 30 / minute, capacity: 30 },
  api_default: { mode: "local", ratePerSecond: 100, capacity: 200 },
  ip_total: { mode: "distributed", ratePerSecond: 1000 / minute, capacity: 1000 },
} as const satisfies Rules;

/** A rule outside its range; `problems` lists every one. */
export class InvalidRuleError extends Error {
  override readonly name = "InvalidRuleError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.problems = problems;
  }
}

/** Throws InvalidRuleError when a rate or capacity is not within 0 < x ≤ `rateMax`. */
export function checkRules(rules: Rules): void {
  const problems: string[] = [];
  for (const [name, rule] of Object.entries(rules)) {
    if (!(rule.ratePerSecond > 0 && rule.ratePerSecond <= rateMax))
      problems.push(`${name}: rate ${rule.ratePerSecond}/s is not within (0, ${rateMax}]`);
    if (!(rule.capacity >= 1 && rule.capacity <= rateMax))
      problems.push(`${name}: capacity ${rule.capacity} is not within [1, ${rateMax}]`);
  }
  if (problems.length > 0) throw new InvalidRuleError(problems);
}
