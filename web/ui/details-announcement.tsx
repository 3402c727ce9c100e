import { useState } from "preact/hooks";
import { ANNOUNCEMENT_CHARS_MAX } from "#proto/limits.ts";
import type { ConversationJson } from "#proto/objects.ts";
import { clockOrDay } from "../format-group.ts";
import { t } from "../strings.ts";
import { announce, announcementOf, loadAnnouncement, may, nameOfUser } from "../together.ts";
import { DetailsForm } from "./details-form.tsx";

/** What is announced; those who may write it do it in place. */
export function DetailsAnnouncement(props: { conversation: ConversationJson }) {
  const { conversation } = props;
  const [editing, setEditing] = useState(false);
  const present = announcementOf(conversation.id);
  const editable = may("announce", conversation);
  if (!editable && present === undefined) return null;
  return (
    <section class="details-part">
      <h3>{t("announcement")}</h3>
      {editing ? (
        <EditAnnouncement conversationId={conversation.id} onDone={() => setEditing(false)} />
      ) : (
        <>
          {present === undefined ? (
            <p class="hint">{t("noAnnouncement")}</p>
          ) : (
            <>
              <p class="announced" dir="auto">
                {present.content}
              </p>
              <p class="hint">
                {t("announcedBy", { name: nameOfUser(present.authorId), time: clockOrDay(present.updatedAt) })}
              </p>
            </>
          )}
          {editable && (
            <button type="button" class="link" onClick={() => setEditing(true)}>
              {t(present === undefined ? "announce" : "editAnnouncement")}
            </button>
          )}
        </>
      )}
    </section>
  );
}

function EditAnnouncement(props: { conversationId: string; onDone: () => void }) {
  const { conversationId, onDone } = props;
  const [text, setText] = useState(announcementOf(conversationId)?.content ?? "");
  const save = async (): Promise<void> => {
    try {
      await announce(conversationId, text.trim());
    } catch (error) {
      // The next try is made on what is there now.
      await loadAnnouncement(conversationId);
      throw error;
    }
  };
  return (
    <DetailsForm ready save={save} onDone={onDone}>
      <textarea
        class="field"
        dir="auto"
        rows={4}
        autofocus
        aria-label={t("announcement")}
        aria-describedby="announcement-hint"
        maxLength={ANNOUNCEMENT_CHARS_MAX}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <p id="announcement-hint" class="hint">
        {t("announcementHint")}
      </p>
    </DetailsForm>
  );
}
