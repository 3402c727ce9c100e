import type { FriendRequestJson } from "#proto/objects.ts";
import { shortTime } from "../format.ts";
import { AnswerButtons } from "./answer-buttons.tsx";
import { Avatar } from "./avatar.tsx";

/** A request to the user, with its words and the two answers. */
export function ReceivedRequest(props: { request: FriendRequestJson }) {
  const { request } = props;
  const name = request.requester?.username ?? request.requesterId;
  return (
    <li class="request">
      <RequestHead id={request.requesterId} name={name} request={request} />
      {request.message !== undefined && (
        <p class="request-words">
          <bdi>{request.message}</bdi>
        </p>
      )}
      <AnswerButtons request={request} />
    </li>
  );
}

/** A request of the user that waits. It cannot be withdrawn. */
export function SentRequest(props: { request: FriendRequestJson }) {
  const { request } = props;
  return (
    <li class="request">
      <RequestHead id={request.targetId} name={request.target?.username ?? request.targetId} request={request} />
    </li>
  );
}

function RequestHead(props: { id: string; name: string; request: FriendRequestJson }) {
  const { id, name, request } = props;
  return (
    <div class="request-head">
      <Avatar id={id} name={name} />
      <span class="entry-name" dir="auto">
        {name}
      </span>
      <time dateTime={new Date(request.createdAt * 1_000).toISOString()}>{shortTime(request.createdAt)}</time>
    </div>
  );
}
