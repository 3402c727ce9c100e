import { textFault } from "#proto/limits.ts";
import { invalid } from "../rpc/arguments.ts";

/** Characters of the JSON text a client may give. */
const settingsCharsMax = 8192;
const membersMax = 10_000;

/** A year: as long as `message.recall_window` may be. */
const recallSecondsMax = 365 * 86_400;

const groupFlags = ["join_approval_required", "invite_enabled", "mute_all", "allow_member_view_history"] as const;
const singleFlags = ["allow_recall", "show_read_status"] as const;

/** The settings of a group that a client may choose (spec 10 §9), alone or in `group_settings`, as the JSON to store: known
 *  keys only, each of its type. Throws INVALID_PARAMETER. */
export function groupSettings(text: string): string {
  if (text === "") return "";
  const given = sectionOf(jsonObject(text), "group_settings");
  const max_members = wholeOf(given, "max_members", 2, membersMax);
  return JSON.stringify({ ...flagsOf(given, groupFlags), max_members });
}

/** The same for a single conversation, which whoever begins it chooses for both. */
export function singleSettings(text: string): string {
  if (text === "") return "";
  const given = sectionOf(jsonObject(text), "single_settings");
  const recall_time_limit = wholeOf(given, "recall_time_limit", 0, recallSecondsMax);
  return JSON.stringify({ ...flagsOf(given, singleFlags), recall_time_limit });
}

/** `single_settings.show_read_status`; true unless it says false. */
export function isReadShown(settings: string): boolean {
  if (!settings.includes("show_read_status")) return true;
  const { single_settings: section, ...alone } = JSON.parse(settings) as {
    show_read_status?: boolean;
    single_settings?: { show_read_status?: boolean };
  };
  return (section?.show_read_status ?? alone.show_read_status) !== false;
}

/** What `groupSettings` made of the group's own bound, or undefined: the server's holds. */
export function maxMembersOf(settings: string): number | undefined {
  return settings === "" ? undefined : (JSON.parse(settings) as { max_members?: number }).max_members;
}

function sectionOf(given: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const section = given[name];
  if (section === undefined) return given;
  if (typeof section !== "object" || section === null || Array.isArray(section)) throw invalid(`settings.${name}`);
  return { ...given, ...section };
}

function flagsOf(given: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, boolean> {
  const flags: Record<string, boolean> = {};
  for (const key of keys) {
    const value = given[key];
    if (value === undefined) continue;
    if (typeof value !== "boolean") throw invalid(`settings.${key}`);
    flags[key] = value;
  }
  return flags;
}

function wholeOf(given: Readonly<Record<string, unknown>>, key: string, min: number, max: number): number | undefined {
  const value = given[key];
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(`settings.${key}`);
  }
  return value;
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
