import { useState } from "preact/hooks";
import type { UserInfoJson } from "#proto/objects.ts";
import {
  changeFriends,
  friendOf,
  friendProblem,
  isBlocked,
  openChatWith,
  requestsReceived,
  requestsSent,
} from "../friends.ts";
import { client, session } from "../state.ts";
import { t } from "../strings.ts";
import { AnswerButtons } from "./answer-buttons.tsx";
import { type Attempt, useAttempt } from "./attempt.ts";
import { Avatar } from "./avatar.tsx";
import { Confirm } from "./confirm.tsx";
import { closeDialog, showDialog } from "./dialogs.tsx";
import { FriendProblem } from "./friend-notes.tsx";
import { keepFocus } from "./keep-focus.ts";
import { PresenceLine } from "./presence-line.tsx";
import { Problem } from "./problem.tsx";
import { RemarkForm } from "./remark-form.tsx";
import { RequestForm } from "./request-form.tsx";

/** Somebody, and what one can do about it. */
export function showPerson(person: UserInfoJson): void {
  friendProblem.value = undefined;
  const name = (): string => friendOf(person.id)?.remark ?? person.username;
  showDialog(`person-${person.id}`, name, () => <PersonCard person={person} />);
}

type Step = "card" | "ask" | "remove" | "block";

function PersonCard(props: { person: UserInfoJson }) {
  const { person } = props;
  const [step, setStep] = useState<Step>("card");
  const attempt = useAttempt();
  const user = session.value?.user;
  const name = friendOf(person.id)?.remark ?? person.username;
  const isFriend = friendOf(person.id) !== undefined;
  const back = (): void => {
    attempt.clear();
    setStep("card");
  };
  const confirmed = (action: () => Promise<void>): void => void attempt.run(action).then((done) => done && back());
  if (step === "remove" || step === "block") {
    const removes = step === "remove";
    return (
      <Confirm
        title={t(removes ? "removeFriendTitle" : "blockTitle", { name })}
        text={t(removes ? "removeFriendText" : isFriend ? "blockTextFriend" : "blockText", { name })}
        action={t(removes ? "removeFriend" : "block")}
        attempt={attempt}
        onCancel={back}
        onConfirm={() =>
          confirmed(() => (removes ? client.friends.remove(person.id) : client.friends.block(person.id, person)))
        }
      />
    );
  }
  return (
    <div class="person">
      <div class="person-head">
        <Avatar id={person.id} name={name} size="large" />
        <div class="person-names">
          <strong dir="auto">{person.username}</strong>
          <PresenceLine userId={person.id} />
        </div>
      </div>
      {user?.isGuest === true && <p class="hint">{t("guestNoChats")}</p>}
      {person.isGuest === true && user?.isGuest === false && <p class="hint">{t("guestPerson")}</p>}
      {person.isGuest !== true && user?.isGuest === false && user.id !== person.id && (
        <Standing person={person} name={name} asking={step === "ask"} attempt={attempt} onStep={setStep} />
      )}
      <Problem text={attempt.problem} />
      <FriendProblem />
    </div>
  );
}

/** Friend, asked, stranger or blocked: each has its own actions. */
function Standing(props: {
  person: UserInfoJson;
  name: string;
  asking: boolean;
  attempt: Attempt;
  onStep: (step: Step) => void;
}) {
  const { person, name, asking, attempt, onStep } = props;
  const friend = friendOf(person.id);
  const received = requestsReceived.value.find((one) => one.requesterId === person.id);
  const asked = requestsSent.value.some((one) => one.targetId === person.id);
  if (isBlocked(person.id)) {
    return (
      <>
        <p class="hint">{t("youBlockedShort")}</p>
        <button
          type="button"
          class="button"
          onClick={({ currentTarget }) => {
            keepFocus(currentTarget, ".dialog .button.primary");
            changeFriends(client.friends.unblock(person.id));
          }}
        >
          {t("unblock")}
        </button>
      </>
    );
  }
  const openChat = (): void =>
    void attempt
      .run(() => openChatWith(person.id))
      .then((opened) => {
        if (opened) closeDialog();
      });
  return (
    <>
      {friend !== undefined && <RemarkForm friend={friend} name={person.username} />}
      {received !== undefined && (
        <div class="asks">
          <p>{t("wantsToBeFriends", { name })}</p>
          <AnswerButtons request={received} />
        </div>
      )}
      {asking ? (
        <RequestForm userId={person.id} name={name} onSent={() => onStep("card")} onCancel={() => onStep("card")} />
      ) : (
        <div class="button-column">
          <button type="button" class="button primary" disabled={attempt.busy} onClick={openChat}>
            {t("message")}
          </button>
          {friend === undefined && received === undefined && (
            <button type="button" class="button" disabled={asked} onClick={() => onStep("ask")}>
              {t(asked ? "requested" : "addFriend")}
            </button>
          )}
          {friend !== undefined && (
            <button type="button" class="button danger" onClick={() => onStep("remove")}>
              {t("removeFriend")}
            </button>
          )}
          <button type="button" class="button danger" onClick={() => onStep("block")}>
            {t("block")}
          </button>
        </div>
      )}
    </>
  );
}
