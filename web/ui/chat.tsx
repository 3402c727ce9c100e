import { useEffect, useRef } from "preact/hooks";
import { isBlocked } from "../friends.ts";
import { aboutOf, nameOf } from "../naming.ts";
import { detailsShown, hideDetails, isWide, showDetails, showList } from "../route.ts";
import { client, connection, current, listLoaded, openConversation, revision } from "../state.ts";
import { t } from "../strings.ts";
import { loadAnnouncement, lost, silenceIn } from "../together.ts";
import { ActingBar } from "./acting-bar.tsx";
import { AnnouncementBar } from "./announcement-bar.tsx";
import { Announcer } from "./announcer.tsx";
import { Avatar } from "./avatar.tsx";
import { BlockedBar } from "./blocked-bar.tsx";
import { Composer } from "./composer.tsx";
import { ConnectionState } from "./connection-state.tsx";
import { DetailsIcon } from "./group-icons.tsx";
import { BackIcon } from "./icons.tsx";
import { MessageList } from "./message-list.tsx";
import { NoAccess } from "./no-access.tsx";
import { PinsBar } from "./pins-bar.tsx";
import { PresenceLine } from "./presence-line.tsx";
import { SilenceNotice } from "./silence.tsx";
import { TypingLine } from "./typing-line.tsx";
import { useNow } from "./use-now.ts";

/** A mute that ends is noticed within this time. */
const tickMs = 5_000;

/** One conversation: who, what was said, and where to write. */
export function Chat(props: { id: string }) {
  const { id } = props;
  const conversation = current.value;
  const name = nameOf(conversation, id) || (lost.value.get(id) ?? "");
  const about = aboutOf(conversation);
  const peer = conversation?.peer;
  const avatarId = peer?.id ?? id;
  const shown = detailsShown.value;
  useSurroundings(id);
  const closed = isClosed(id);
  return (
    <main class="chat" aria-label={name} inert={shown && !isWide()}>
      <header class="chat-head">
        <button type="button" class="icon-button back" onClick={showList} aria-label={t("back")}>
          <BackIcon />
        </button>
        {name !== "" && <Avatar id={avatarId} name={name} world={id === "world"} />}
        <div class="titles">
          <h1 dir="auto">{name}</h1>
          {peer === undefined ? about !== "" && !closed && <p>{about}</p> : <PresenceLine userId={peer.id} />}
        </div>
        {conversation !== undefined && (
          <button
            type="button"
            class="icon-button details-button"
            aria-expanded={shown}
            aria-label={t("detailsOf", { name })}
            title={t("details")}
            onClick={shown ? hideDetails : showDetails}
          >
            <DetailsIcon />
          </button>
        )}
      </header>
      <ConnectionState />
      {closed ? <NoAccess key={id} conversationId={id} /> : <Talk key={id} id={id} name={name} />}
      <Announcer />
    </main>
  );
}

function Talk(props: { id: string; name: string }) {
  const { id, name } = props;
  const jump = useRef<() => void>(() => undefined);
  return (
    <>
      <AnnouncementBar conversationId={id} />
      {id !== "world" && <PinsBar conversationId={id} />}
      <MessageList
        open={openConversation(id)}
        onJumpReady={(next) => {
          jump.current = next;
        }}
      />
      <TypingLine conversationId={id} />
      <ActingBar conversationId={id} />
      <Writing id={id} name={name} onSent={() => jump.current()} />
    </>
  );
}

/** The composer, or why nothing can be written. */
function Writing(props: { id: string; name: string; onSent: () => void }) {
  const { id, name, onSent } = props;
  const silence = silenceIn(current.value, useNow(tickMs));
  const peer = current.value?.peer;
  if (peer !== undefined && isBlocked(peer.id)) return <BlockedBar userId={peer.id} name={name} />;
  if (silence !== undefined) return <SilenceNotice silence={silence} />;
  return <Composer conversationId={id} name={name} onSent={onSent} />;
}

/** Groups up to this size say who has read a message. */
const receiptMembersMax = 200;

/** Fetches what belongs to a conversation beside its rows, each time it is opened and after a reconnect. */
function useSurroundings(id: string): void {
  const type = current.value?.type;
  const isSmall = (current.value?.memberCount ?? 0) <= receiptMembersMax;
  const isUp = connection.value.at === "open";
  useEffect(() => {
    if (!isUp || type === undefined || type === 3) return;
    // What fails is asked for with the next opening; receipts that are pushed show all the same.
    if (isSmall) client.receipts.load(id).catch(() => undefined);
    if (type === 2) void loadAnnouncement(id);
  }, [id, type, isSmall, isUp]);
}

const refusals = ["NOT_CONVERSATION_MEMBER", "CONVERSATION_NOT_FOUND", "INVALID_PARAMETER"];

/** This user may not read it: he was removed, has left, or came by an address. */
function isClosed(id: string): boolean {
  if (lost.value.has(id)) return true;
  if (current.value !== undefined || !listLoaded.value) return false;
  revision.value; // The state of loading lies outside of signals.
  const state = openConversation(id).loading();
  return state.at === "failed" && refusals.includes(state.code);
}
