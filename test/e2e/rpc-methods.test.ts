import { afterAll, beforeAll, expect, test } from "bun:test";
import type { DescService } from "@bufbuild/protobuf";
import { PusherService } from "../../proto/gen/gochat/gateway/v1/pusher_service_pb.ts";
import { AuthService } from "../../proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { ConversationService } from "../../proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { FileService } from "../../proto/gen/gochat/logic/v1/file_service_pb.ts";
import { FriendService } from "../../proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { MessageService } from "../../proto/gen/gochat/logic/v1/message_service_pb.ts";
import { NotificationService } from "../../proto/gen/gochat/logic/v1/notification_service_pb.ts";
import { SearchService } from "../../proto/gen/gochat/logic/v1/search_service_pb.ts";
import { UserService } from "../../proto/gen/gochat/logic/v1/user_service_pb.ts";
import { ArchiveService } from "../../proto/gen/gochat/repo/v1/archive_service_pb.ts";
import { ConversationService as RepoConversationService } from "../../proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FileStoreService } from "../../proto/gen/gochat/repo/v1/file_store_service_pb.ts";
import { FriendshipService } from "../../proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { IdempotencyService } from "../../proto/gen/gochat/repo/v1/idempotency_service_pb.ts";
import { MessageService as RepoMessageService } from "../../proto/gen/gochat/repo/v1/message_service_pb.ts";
import { NotificationStoreService } from "../../proto/gen/gochat/repo/v1/notification_store_service_pb.ts";
import { OnlineStatusService } from "../../proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { OutboxService } from "../../proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import { SearchIndexService } from "../../proto/gen/gochat/repo/v1/search_index_service_pb.ts";
import { SessionService } from "../../proto/gen/gochat/repo/v1/session_service_pb.ts";
import { UserService as RepoUserService } from "../../proto/gen/gochat/repo/v1/user_service_pb.ts";
import { insideOf, needsInside, notOurs, startTarget, type Target } from "../support/target.ts";

/** Whole services that come with what needs them. */
const later: readonly DescService[] = [
  ...[FileService, NotificationService, SearchService],
  ...[ArchiveService, FileStoreService, NotificationStoreService, SearchIndexService],
];
const logic = [AuthService, UserService, ConversationService, MessageService, FriendService];
const repo = [
  ...[RepoUserService, RepoConversationService, RepoMessageService, OnlineStatusService, FriendshipService],
  ...[SessionService, OutboxService, IdempotencyService],
];

let target: Target;
beforeAll(async () => {
  target = await startTarget();
});
afterAll(() => target?.[Symbol.asyncDispose]());

function call(url: string, path: string): Promise<Response> {
  const headers = { "Content-Type": "application/json", "x-service-name": "test" };
  const token = { "x-service-token": insideOf(target).serviceToken };
  return fetch(`${url}/${path}`, { method: "POST", headers: { ...headers, ...token }, body: "{}" });
}

async function isThere(url: string, path: string): Promise<boolean> {
  const answer = await call(url, path);
  // Of a service that is not there at all the answer is no JSON.
  return (
    answer.headers.get("content-type")?.includes("json") === true && !(await answer.text()).includes('"unimplemented"')
  );
}

test.skipIf(notOurs)(
  `30 §3, §4, §5: every method is there, but for the services that come later${needsInside}`,
  async () => {
    const { logicUrl, repoUrl, pusherUrl } = insideOf(target);
    const urlOf = (typeName: string): string => {
      if (typeName.startsWith("gochat.gateway.")) return pusherUrl;
      return typeName.startsWith("gochat.logic.") ? logicUrl : repoUrl;
    };
    const absent: string[] = [];
    for (const service of [...logic, ...repo, PusherService, ...later]) {
      const url = urlOf(service.typeName);
      for (const { name } of service.methods) {
        const path = `${service.typeName}/${name}`;
        if (!(await isThere(url, path))) absent.push(path);
      }
    }
    const notYet = later.flatMap(({ typeName, methods }) => methods.map(({ name }) => `${typeName}/${name}`));
    expect(absent.toSorted()).toEqual(notYet.toSorted());
  },
);

test.skipIf(notOurs)(`30 §4: ListGateways names the gateway that runs${needsInside}`, async () => {
  const answer = await call(insideOf(target).repoUrl, "gochat.repo.v1.OnlineStatusService/ListGateways");
  const one = {
    gatewayId: expect.stringMatching(/^gateway-\d+$/),
    incarnation: expect.stringMatching(/^[0-9a-f-]{36}$/),
  };
  expect(await answer.json()).toEqual({ gateways: [one] });
});
