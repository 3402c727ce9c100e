import { useState } from "preact/hooks";
import { CONVERSATION_NAME_CHARS_MAX, DESCRIPTION_CHARS_MAX } from "#proto/limits.ts";
import type { ConversationJson } from "#proto/objects.ts";
import { aboutOf, nameOf } from "../naming.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
import { may } from "../together.ts";
import { Avatar } from "./avatar.tsx";
import { DetailsForm } from "./details-form.tsx";
import { EditIcon } from "./icons.tsx";
import { showPerson } from "./person-card.tsx";
import { PresenceLine } from "./presence-line.tsx";

/** Name and description; those who may change them do it in place. */
export function DetailsInfo(props: { conversation: ConversationJson }) {
  const { conversation } = props;
  const [editing, setEditing] = useState(false);
  if (editing) return <EditInfo conversation={conversation} onDone={() => setEditing(false)} />;
  const name = nameOf(conversation);
  const { description = "", peer } = conversation;
  const editable = may("edit_info", conversation);
  return (
    <section class="details-info">
      <Avatar id={conversation.peer?.id ?? conversation.id} name={name} world={conversation.type === 3} size="large" />
      <h3 dir="auto">
        {name}
        {editable && (
          <button
            type="button"
            class="icon-button small"
            aria-label={t("editDetails")}
            title={t("editDetails")}
            onClick={() => setEditing(true)}
          >
            <EditIcon />
          </button>
        )}
      </h3>
      {peer === undefined ? <p class="about">{aboutOf(conversation)}</p> : <PresenceLine userId={peer.id} />}
      {peer !== undefined && (
        <button type="button" class="button" aria-haspopup="dialog" onClick={() => showPerson(peer)}>
          {t("moreAbout", { name: peer.username })}
        </button>
      )}
      {description !== "" && (
        <p class="description" dir="auto">
          {description}
        </p>
      )}
      {description === "" && editable && <p class="about">{t("noDescription")}</p>}
    </section>
  );
}

function EditInfo(props: { conversation: ConversationJson; onDone: () => void }) {
  const { conversation, onDone } = props;
  const [name, setName] = useState(conversation.name ?? "");
  const [description, setDescription] = useState(conversation.description ?? "");
  const save = async (): Promise<void> => {
    const changed = {
      ...(name.trim() === conversation.name ? {} : { name: name.trim() }),
      ...(description.trim() === (conversation.description ?? "") ? {} : { description: description.trim() }),
    };
    if (Object.keys(changed).length > 0) await client.groups.update(conversation.id, changed);
  };
  return (
    <DetailsForm ready={name.trim() !== ""} save={save} onDone={onDone}>
      <label>
        {t("name")}
        <input
          class="field"
          dir="auto"
          required
          autofocus
          maxLength={CONVERSATION_NAME_CHARS_MAX}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label>
        {t("description")}
        <textarea
          class="field"
          dir="auto"
          rows={3}
          maxLength={DESCRIPTION_CHARS_MAX}
          value={description}
          onInput={(event) => setDescription(event.currentTarget.value)}
        />
      </label>
    </DetailsForm>
  );
}
