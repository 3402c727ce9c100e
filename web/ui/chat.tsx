import { useRef } from "preact/hooks";
import { isBlocked } from "../friends.ts";
import { aboutOf, nameOf } from "../naming.ts";
import { showList } from "../route.ts";
import { current, openConversation } from "../state.ts";
import { t } from "../strings.ts";
import { ActingBar } from "./acting-bar.tsx";
import { Announcer } from "./announcer.tsx";
import { Avatar } from "./avatar.tsx";
import { BlockedBar } from "./blocked-bar.tsx";
import { Composer } from "./composer.tsx";
import { ConnectionState } from "./connection-state.tsx";
import { BackIcon } from "./icons.tsx";
import { MessageList } from "./message-list.tsx";
import { PersonButton } from "./person-button.tsx";
import { PresenceLine } from "./presence-line.tsx";

/** One conversation: who, what was said, and where to write. */
export function Chat(props: { id: string }) {
  const { id } = props;
  const conversation = current.value;
  const name = nameOf(conversation, id);
  const about = aboutOf(conversation);
  const jump = useRef<() => void>(() => undefined);
  const peer = conversation?.peer;
  const avatarId = peer?.id ?? id;
  return (
    <main class="chat" aria-label={name}>
      <header class="chat-head">
        <button type="button" class="icon-button back" onClick={showList} aria-label={t("back")}>
          <BackIcon />
        </button>
        <Avatar id={avatarId} name={name} world={id === "world"} />
        <div class="titles">
          <h1 dir="auto">{name}</h1>
          {peer === undefined ? about !== "" && <p>{about}</p> : <PresenceLine userId={peer.id} />}
        </div>
        {peer !== undefined && <PersonButton person={peer} />}
      </header>
      <ConnectionState />
      <MessageList
        key={id}
        open={openConversation(id)}
        onJumpReady={(next) => {
          jump.current = next;
        }}
      />
      <ActingBar conversationId={id} />
      {peer !== undefined && isBlocked(peer.id) ? (
        <BlockedBar userId={peer.id} name={name} />
      ) : (
        <Composer conversationId={id} name={name} onSent={() => jump.current()} />
      )}
      <Announcer />
    </main>
  );
}
