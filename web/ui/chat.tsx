import { useRef } from "preact/hooks";
import { aboutOf, nameOf } from "../naming.ts";
import { showList } from "../route.ts";
import { current, openConversation } from "../state.ts";
import { t } from "../strings.ts";
import { ActingBar } from "./acting-bar.tsx";
import { Announcer } from "./announcer.tsx";
import { Avatar } from "./avatar.tsx";
import { Composer } from "./composer.tsx";
import { ConnectionState } from "./connection-state.tsx";
import { BackIcon } from "./icons.tsx";
import { MessageList } from "./message-list.tsx";

/** One conversation: who, what was said, and where to write. */
export function Chat(props: { id: string }) {
  const { id } = props;
  const conversation = current.value;
  const name = nameOf(conversation, id);
  const about = aboutOf(conversation);
  const jump = useRef<() => void>(() => undefined);
  const avatarId = conversation?.peer?.id ?? id;
  return (
    <main class="chat" aria-label={name}>
      <header class="chat-head">
        <button type="button" class="icon-button back" onClick={showList} aria-label={t("back")}>
          <BackIcon />
        </button>
        <Avatar id={avatarId} name={name} world={id === "world"} />
        <div class="titles">
          <h1 dir="auto">{name}</h1>
          {about !== "" && <p>{about}</p>}
        </div>
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
      <Composer conversationId={id} name={name} onSent={() => jump.current()} />
      <Announcer />
    </main>
  );
}
