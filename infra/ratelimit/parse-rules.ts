import { checkRules, InvalidRuleError, type Rule, type Rules } from "./rules.ts";

const perSecond = { s: 1, min: 60, h: 3600 } as const;

/** `20/min`, `30/s`, `10/h` or a number per second, in tokens per second. Undefined when it is none of these. */
export function parseRate(raw: unknown): number | undefined {
  if (typeof raw === "number") return raw;
  if (typeof raw !== "string") return undefined;
  const parts = /^(\d+(?:\.\d+)?)(?:\/(s|min|h))?$/.exec(raw.trim());
  if (parts === null) return undefined;
  const unit = parts[2];
  return Number(parts[1]) / (unit === "min" || unit === "h" ? perSecond[unit] : 1);
}

/** One document of the configuration centre: a JSON map rule → {mode, rate, capacity, onError?, description?}. Throws InvalidRuleError with every problem. */
export function parseRules(text: string): Rules {
  const problems: string[] = [];
  const rules: Record<string, Rule> = {};
  for (const [name, given] of Object.entries(mapOf(text))) {
    const rule = ruleOf(given);
    if (typeof rule === "string") problems.push(`${name}: ${rule}`);
    else rules[name] = rule;
  }
  if (problems.length > 0) throw new InvalidRuleError(problems);
  checkRules(rules);
  return rules;
}

function mapOf(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidRuleError(["the document is no JSON"]);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InvalidRuleError(["the document is no map of rules"]);
  return value;
}

/** The rule, or what is wrong. */
function ruleOf(given: unknown): Rule | string {
  if (typeof given !== "object" || given === null) return "is no map";
  const field = (name: string): unknown => Reflect.get(given, name);
  const mode = field("mode");
  if (mode !== "local" && mode !== "distributed") return "mode is neither local nor distributed";
  const ratePerSecond = parseRate(field("rate"));
  if (ratePerSecond === undefined) return "rate is no number per s, min or h";
  const capacity = field("capacity");
  if (typeof capacity !== "number") return "capacity is no number";
  const onError = field("onError") ?? field("on_error") ?? "allow";
  if (onError !== "allow" && onError !== "deny") return "onError is neither allow nor deny";
  const description = field("description");
  return { mode, ratePerSecond, capacity, onError, ...(typeof description === "string" ? { description } : undefined) };
}
