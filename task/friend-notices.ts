import type { Mq, OutRecord } from "#infra/mq/mq.ts";
import { outRecord } from "#infra/mq/mq.ts";
import type { ServerFrameData } from "#proto/frames.ts";
import type { DownstreamRecord } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { MutualFriends } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { joinedRecords, routesOf, signalRecords } from "#proto/signal-records.ts";
import { downstreamTopic } from "#proto/topics.ts";
import type { RepoClients } from "./deps.ts";

/** Pairs of user and friend in one page, and so users whose presence is asked at once. */
const pageMax = 1000;
const callTimeoutMs = 5000;

export interface Notice {
  readonly userId: bigint;
  readonly data: ServerFrameData["online-status"];
  /** True: nobody is to be told any more. Asked before each page leaves. */
  isOver?(): boolean;
}

export interface FriendNoticesDeps {
  readonly repo: Pick<RepoClients, "friendship" | "onlineStatus">;
  readonly mq: Pick<Mq, "send">;
  /** Unix ms. */
  readonly clock: () => number;
}

/** Sends `online-status` to every session of the friends of users, page by page: nobody who blocks the user or is blocked
 *  by him. At most 1000 notices, of different users. Rejects when repo or the log is away; some friends may have been told
 *  then, and are told the same again when it is repeated. */
export type TellFriends = (notices: readonly Notice[], signal: AbortSignal) => Promise<void>;

export function createTellFriends({ repo, mq, clock }: FriendNoticesDeps): TellFriends {
  async function tellPage(
    page: readonly MutualFriends[],
    notices: ReadonlyMap<string, Notice>,
    signal: AbortSignal,
  ): Promise<void> {
    const userIds = [...new Set(page.flatMap(({ friendIds }) => friendIds))];
    if (userIds.length === 0) return;
    const call = { signal, timeoutMs: callTimeoutMs };
    const { statuses } = await repo.onlineStatus.getUsersOnlineStatus({ userIds }, call);
    const online = new Map(statuses.flatMap((status) => (status.isOnline ? [[status.userId, status]] : [])));
    const records: DownstreamRecord[] = [];
    for (const { userId, friendIds } of page) {
      const notice = notices.get(userId);
      if (notice === undefined || notice.isOver?.() === true) continue;
      const routes = routesOf(friendIds.flatMap((friendId) => online.get(friendId) ?? []));
      records.push(...signalRecords(routes, { type: "online-status", data: notice.data, ttlMs: 0 }, clock()));
    }
    const out = joinedRecords(records).map(
      (record) => outRecord(downstreamTopic(record.gatewayId), undefined, record) as OutRecord,
    );
    if (out.length > 0) await mq.send(out);
  }

  return async (notices, signal) => {
    if (notices.length === 0) return;
    const byUser = new Map(notices.map((notice) => [notice.userId.toString(), notice]));
    const userIds = [...byUser.keys()];
    let after = { afterUserId: "", afterFriendId: "" };
    do {
      const page = await repo.friendship.getMutualFriends(
        { userIds, ...after, limit: pageMax },
        { signal, timeoutMs: callTimeoutMs },
      );
      await tellPage(page.users, byUser, signal);
      after = { afterUserId: page.nextUserId, afterFriendId: page.nextFriendId };
    } while (after.afterUserId !== "");
  };
}
