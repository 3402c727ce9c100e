import { usernameKey } from "./username.ts";

/** Failed sign-ins within `windowMs` that lock a name from one address, or an address (spec 10 §3). */
export interface LockoutLimits {
  /** failures of one name from one address that lock the pair */
  readonly pairFailuresMax: number;
  /** failures from one address that lock the address */
  readonly ipFailuresMax: number;
  readonly windowMs: number;
}
export const lockoutLimits: LockoutLimits = { pairFailuresMax: 5, ipFailuresMax: 20, windowMs: 300_000 };

/** Names longer than this exist nowhere; cut before they become part of a key. */
const nameCharsMax = 80;

/** The cache keys that count the failures of a name from an address, and of the address (spec 40 §5). */
export function loginFailureKeys(username: string, ip: string): { readonly pair: string; readonly ip: string } {
  const from = addressKey(ip);
  return {
    pair: `login_fail:user:${usernameKey(username.slice(0, nameCharsMax))}:${from}`,
    ip: `login_fail:ip:${from}`,
  };
}

/** The address that is counted: IPv4 as it is (mapped into IPv6 as well), of IPv6 the /64, which one customer holds whole. */
export function addressKey(ip: string): string {
  const text = ip.slice(0, 64).toLowerCase();
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  if (mapped !== undefined) return mapped;
  if (!text.includes(":")) return text;
  const [head = "", tail] = text.split("%", 1)[0]?.split("::", 2) ?? [];
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  while (tail !== undefined && groups.length + after.length < 8) groups.push("0");
  return `${[...groups, ...after]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}
