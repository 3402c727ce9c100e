import { type HistoryResult, historyVerdict } from "../history.ts";
import { type IdleResult, idleVerdict } from "../idle.ts";
import { type SendResult, sendVerdict } from "../send.ts";
import { type SoakResult, soakVerdict } from "../soak.ts";
import { type StormResult, stormVerdict } from "../storm.ts";
import { type WorldResult, worldVerdict } from "../world-result.ts";
import { type AnyResult, factsOf, figure } from "./facts.ts";

/** What a run showed, in a sentence. */
export function verdictOf(result: AnyResult): { readonly text: string; readonly good: boolean } {
  const faults = ["lost", "duplicated", "reordered"].reduce((all, name) => all + Number(result[name] ?? 0), 0);
  return { text: sentence(result), good: faults === 0 };
}

function sentence(result: AnyResult): string {
  const known = result as unknown;
  switch (result.scenario) {
    case "world":
      return worldVerdict(known as WorldResult);
    case "send":
    case "group":
      return sendVerdict(known as SendResult);
    case "history":
      return historyVerdict(known as HistoryResult);
    case "soak":
      return soakVerdict(known as SoakResult);
    case "storm":
      return stormVerdict(known as StormResult);
    case "idle":
      return idleVerdict(known as IdleResult);
    default: {
      const [first, second] = factsOf(result);
      return [first, second]
        .flatMap((fact) => (fact === undefined ? [] : [`${fact.label} ${figure(fact.value)} ${fact.unit}`]))
        .join(", ");
    }
  }
}
