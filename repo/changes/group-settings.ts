/** The settings of a group that decide about its members (spec 10 §9). */
export interface GroupSettings {
  readonly join_approval_required: boolean;
  readonly invite_enabled: boolean;
  readonly mute_all: boolean;
  readonly allow_member_view_history: boolean;
  /** 0: the server's default. */
  readonly max_members: number;
}

const defaults: GroupSettings = {
  join_approval_required: false,
  invite_enabled: true,
  mute_all: false,
  allow_member_view_history: true,
  max_members: 0,
};

type Stored = Partial<GroupSettings> & { readonly group_settings?: Partial<GroupSettings> };

/** Keys may stand alone or in the section `group_settings`; the text is this system's own JSON. */
export function groupSettingsOf({ settings }: { readonly settings: string | null }): GroupSettings {
  if (settings === null || settings === "") return defaults;
  const { group_settings: section, ...alone } = JSON.parse(settings) as Stored;
  return { ...defaults, ...alone, ...section };
}

/** The stored settings with others in their place, key by key. */
export function mergedSettings(settings: string | null, given: string): string {
  const { group_settings: section, ...alone } = JSON.parse(settings ?? "{}") as Stored;
  return JSON.stringify({ ...alone, ...section, ...(JSON.parse(given) as object) });
}
