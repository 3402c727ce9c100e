import { useState } from "preact/hooks";
import type { ConversationJson, ConversationMemberJson } from "#proto/objects.ts";
import { clockOrDay } from "../format-group.ts";
import { session } from "../state.ts";
import { errorText, t } from "../strings.ts";
import { isMuted, may, membersOf, settingOf } from "../together.ts";
import { AddPeople } from "./add-people.tsx";
import { Avatar } from "./avatar.tsx";
import { showDialog } from "./dialogs.tsx";
import { MuteIcon } from "./group-icons.tsx";
import { PlusIcon } from "./icons.tsx";
import { memberActions } from "./member-actions.ts";
import { MenuButton } from "./menu.tsx";
import { useNow } from "./use-now.ts";

/** From here on a field to search in them is shown. */
const searchFrom = 10;
/** Elements for at most this many; the others are found by name. */
const shownMax = 300;
const tickMs = 15_000;

/** Who is in a group, and what this user may do about each. */
export function DetailsMembers(props: { conversation: ConversationJson }) {
  const { conversation } = props;
  const { id } = conversation;
  const [text, setText] = useState("");
  const members = membersOf(id);
  const nowMs = useNow(tickMs);
  const wanted = text.trim().toLocaleLowerCase();
  const found = members.list().filter((one) => (one.user?.username ?? "").toLocaleLowerCase().includes(wanted));
  const state = members.loading();
  const invites =
    may("add_members", conversation) || (settingOf(conversation, "invite_enabled") && may("invite", conversation));
  return (
    <section class="details-part">
      <header class="part-head">
        <h3>
          {t("membersTitle")} <span class="tally">{conversation.memberCount}</span>
        </h3>
        {invites && (
          <button
            type="button"
            class="icon-button small"
            aria-label={t("addPeople")}
            title={t("addPeople")}
            onClick={() =>
              showDialog(
                "add-people",
                () => t("addPeople"),
                () => <AddPeople conversationId={id} />,
              )
            }
          >
            <PlusIcon />
          </button>
        )}
      </header>
      {(members.total() >= searchFrom || members.hasMore()) && (
        <input
          class="field slim"
          type="search"
          aria-label={t("memberSearch")}
          placeholder={t("memberSearch")}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      )}
      <ul class="members">
        {found.slice(0, shownMax).map((member) => (
          <Member key={member.userId} conversation={conversation} member={member} nowMs={nowMs} />
        ))}
      </ul>
      {state.at === "failed" && (
        <p class="problem" role="alert">
          {t("membersFailed")} {errorText(state.code)}{" "}
          <button type="button" class="link" onClick={() => void members.loadMore()}>
            {t("tryAgain")}
          </button>
        </p>
      )}
      {state.at === "loading" && found.length === 0 && <p class="hint">{t("loading")}</p>}
      {state.at === "idle" && found.length === 0 && wanted !== "" && <p class="hint">{t("noMember")}</p>}
      {state.at === "idle" && members.hasMore() && (
        <button type="button" class="link" onClick={() => void members.loadMore()}>
          {t("moreMembers")}
        </button>
      )}
    </section>
  );
}

function Member(props: { conversation: ConversationJson; member: ConversationMemberJson; nowMs: number }) {
  const { conversation, member, nowMs } = props;
  const name = member.user?.username ?? "";
  const isMe = member.userId === session.value?.user.id;
  const muted = isMuted(member, nowMs);
  const until = member.mutedUntil ?? 0;
  const mutedText = until === 0 ? t("mutedMember") : t("mutedUntil", { time: clockOrDay(until, nowMs) });
  const actions = memberActions(conversation, member, nowMs);
  return (
    <li class="member person-row">
      <Avatar id={member.userId} name={name} />
      <span class="member-text">
        <span class="entry-name" dir="auto">
          {name}
        </span>
        {muted && (
          <span class="member-muted">
            <MuteIcon />
            {mutedText}
          </span>
        )}
      </span>
      {isMe && <span class="tag">{t("you")}</span>}
      {member.role > 1 && <span class="tag role">{t(member.role === 3 ? "owner" : "admin")}</span>}
      {actions.length > 0 ? (
        <MenuButton label={t("actionsOf", { name })} items={() => actions} />
      ) : (
        <span class="menu-gap" aria-hidden="true" />
      )}
    </li>
  );
}
