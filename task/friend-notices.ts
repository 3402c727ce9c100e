import { type Mq, type OutRecord, outRecord } from "#infra/mq/mq.ts";
import type { ServerFrameData } from "#proto/frames.ts";
import type { OnlineStatus } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { DownstreamRecord } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { MutualFriends } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { IDS_MAX } from "#proto/limits.ts";
import { joinedRecords, routesOf, signalRecords } from "#proto/signal-records.ts";
import { downstreamTopic } from "#proto/topics.ts";
import type { RepoClients } from "./deps.ts";

/** Users who are told of in one call. */
export const noticesMax = 100;
/** Pairs of user and friend in one page: presence of all of them is one call. */
const pageMax = IDS_MAX - noticesMax;
const callTimeoutMs = 5000;

/** What is to be told of somebody, if presence says the same when it is told. */
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

/** What became of the notices: how many were told, and how many of which presence said otherwise. The others have no
 *  friends. */
export interface Telling {
  readonly told: number;
  readonly dropped: number;
}

/** Sends `online-status` to every session of the friends of users, page by page: nobody who blocks the user or is blocked
 *  by him. At most 100 notices, of different users. Rejects when repo or the log is away; some friends may have been told
 *  then, and are told the same again when it is repeated. */
export type TellFriends = (notices: readonly Notice[], signal: AbortSignal) => Promise<Telling>;

export function createTellFriends({ repo, mq, clock }: FriendNoticesDeps): TellFriends {
  /** Presence of the users and of their friends, who is in it by id. */
  async function presenceOf(
    page: readonly MutualFriends[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, OnlineStatus>> {
    const userIds = [...new Set(page.flatMap(({ userId, friendIds }) => [userId, ...friendIds]))];
    const { statuses } = await repo.onlineStatus.getUsersOnlineStatus(
      { userIds },
      { signal, timeoutMs: callTimeoutMs },
    );
    return new Map(statuses.flatMap((status) => (status.isOnline ? [[status.userId, status]] : [])));
  }

  return async (notices, signal) => {
    const byUser = new Map(notices.map((notice) => [notice.userId.toString(), notice]));
    const userIds = [...byUser.keys()];
    const told = new Set<string>();
    const dropped = new Set<string>();

    async function tellPage(page: readonly MutualFriends[]): Promise<void> {
      if (page.length === 0) return;
      const online = await presenceOf(page, signal);
      const records: DownstreamRecord[] = [];
      for (const { userId, friendIds } of page) {
        const notice = byUser.get(userId);
        if (notice === undefined) continue;
        const isTrue = online.has(userId) === (notice.data.status === "online") && notice.isOver?.() !== true;
        (isTrue ? told : dropped).add(userId);
        if (!isTrue) continue;
        const routes = routesOf(friendIds.flatMap((friendId) => online.get(friendId) ?? []));
        records.push(...signalRecords(routes, { type: "online-status", data: notice.data, ttlMs: 0 }, clock()));
      }
      const out = joinedRecords(records).map(
        (record) => outRecord(downstreamTopic(record.gatewayId), undefined, record) as OutRecord,
      );
      if (out.length > 0) await mq.send(out);
    }

    let after = { afterUserId: "", afterFriendId: "" };
    while (userIds.length > 0) {
      const asked = { userIds, ...after, limit: pageMax };
      const page = await repo.friendship.getMutualFriends(asked, { signal, timeoutMs: callTimeoutMs });
      await tellPage(page.users);
      after = { afterUserId: page.nextUserId, afterFriendId: page.nextFriendId };
      if (after.afterUserId === "") break;
    }
    return { told: told.size, dropped: dropped.size };
  };
}
