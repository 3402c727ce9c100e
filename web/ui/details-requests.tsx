import { useEffect, useState } from "preact/hooks";
import type { JoinRequest } from "#client/groups.ts";
import type { ConversationJson } from "#proto/objects.ts";
import { clockOrDay } from "../format-group.ts";
import { client, connection } from "../state.ts";
import { t } from "../strings.ts";
import { nameOfUser, settingOf } from "../together.ts";
import { useAttempt } from "./attempt.ts";
import { Avatar } from "./avatar.tsx";
import { Problem } from "./problem.tsx";

/** No push tells of a request: asked for this often while it is on screen. */
const askEveryMs = 20_000;
const pending = 1;

/** Who asks to be let in. */
export function DetailsRequests(props: { conversation: ConversationJson }) {
  const { conversation } = props;
  const { id } = conversation;
  const open = settingOf(conversation, "join_approval_required");
  const [requests, setRequests] = useState<readonly JoinRequest[]>([]);
  const attempt = useAttempt();
  const isUp = connection.value.at === "open";
  useEffect(() => {
    if (!open || !isUp) return;
    let gone = false;
    const ask = (): void => {
      client.groups.joinRequests(id, { status: pending }).then(
        (page) => {
          if (!gone) setRequests(page.requests);
        },
        () => undefined, // The next time; what was here stays.
      );
    };
    ask();
    const timer = setInterval(ask, askEveryMs);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [id, open, isUp]);
  if (requests.length === 0) return null;
  const answer = (request: JoinRequest, accept: boolean): void =>
    void attempt
      .run(() => (accept ? client.groups.acceptJoin(request) : client.groups.rejectJoin(request)))
      .then((done) => {
        if (done) setRequests((before) => before.filter((one) => one.id !== request.id));
      });
  return (
    <section class="details-part">
      <h3>
        {t("joinRequestsTitle")} <span class="tally">{requests.length}</span>
      </h3>
      <ul class="requests">
        {requests.map((request) => {
          const name = nameOfUser(request.userId);
          return (
            <li key={request.id} class="request">
              <div class="person-row">
                <Avatar id={request.userId} name={name} />
                <span class="entry-name" dir="auto">
                  {name}
                </span>
                <span class="hint">{clockOrDay(request.createdAt)}</span>
              </div>
              {request.message !== undefined && (
                <p class="description" dir="auto">
                  {request.message}
                </p>
              )}
              <div class="button-row">
                <button
                  type="button"
                  class="button"
                  disabled={attempt.busy}
                  aria-label={t("turnDownName", { name })}
                  onClick={() => answer(request, false)}
                >
                  {t("turnDown")}
                </button>
                <button
                  type="button"
                  class="button primary"
                  disabled={attempt.busy}
                  aria-label={t("letInName", { name })}
                  onClick={() => answer(request, true)}
                >
                  {t("letIn")}
                </button>
              </div>
            </li>
          );
        })}
      </ul>
      <Problem text={attempt.problem} />
    </section>
  );
}
