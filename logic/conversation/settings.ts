import { textFault } from "#proto/limits.ts";
import { invalid } from "../rpc/arguments.ts";

/** Characters of the JSON text a client may give. */
const settingsCharsMax = 8192;
const membersMax = 10_000;

const booleans = ["join_approval_required", "invite_enabled", "mute_all", "allow_member_view_history"] as const;

/** The settings of a group that a client may choose (spec 10 §9), as the JSON to store: known keys only, each of its
 *  type. Throws INVALID_PARAMETER. */
export function groupSettings(text: string): string {
  if (text === "") return "";
  const given = jsonObject(text);
  const kept: Partial<Record<(typeof booleans)[number], boolean>> & { max_members?: number } = {};
  for (const key of booleans) {
    const value = given[key];
    if (value === undefined) continue;
    if (typeof value !== "boolean") throw invalid(`settings.${key}`);
    kept[key] = value;
  }
  const { max_members: members } = given;
  if (members !== undefined) {
    if (typeof members !== "number" || !Number.isInteger(members) || members < 2 || members > membersMax) {
      throw invalid("settings.max_members");
    }
    kept.max_members = members;
  }
  return JSON.stringify(kept);
}

/** What `groupSettings` made of the group's own bound, or undefined: the server's holds. */
export function maxMembersOf(settings: string): number | undefined {
  return settings === "" ? undefined : (JSON.parse(settings) as { max_members?: number }).max_members;
}

function jsonObject(text: string): Record<string, unknown> {
  if (textFault(text, settingsCharsMax) !== undefined) throw invalid("settings");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("settings");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("settings");
  return { ...value };
}
