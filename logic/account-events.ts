import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { outRecord } from "#infra/mq/mq.ts";
import { uuidv7 } from "#infra/uid/uid.ts";
import type { User } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { UserEventSchema } from "#proto/gen/gochat/mq/v1/user_event_pb.ts";
import { topics } from "#proto/topics.ts";
import type { Announce } from "./announce.ts";

/** Tells the log what accounts do; who is online is told by gateways. Never waits and never throws. */
export interface AccountEvents {
  registered(user: User): void;
  guestCreated(user: User): void;
  /** A guest is an account now; `user` is as it is now. */
  upgraded(user: User): void;
  /** A login session begins. */
  login(user: User, session: { readonly sid: string; readonly ip: string; readonly clientInfo: string }): void;
  profileUpdated(before: User, after: User): void;
}

type Payload = NonNullable<MessageInitShape<typeof UserEventSchema>["payload"]>;

export interface AccountEventsDeps {
  readonly announce: Announce;
  /** Unix ms. */
  readonly clock: () => number;
}

export function createAccountEvents({ announce, clock }: AccountEventsDeps): AccountEvents {
  function tell({ id }: User, eventType: string, payload: Payload): void {
    const event = create(UserEventSchema, {
      eventId: uuidv7(),
      eventType,
      timestampMs: BigInt(clock()),
      userId: BigInt(id),
      payload,
    });
    announce(outRecord(topics.userEvents, id, event));
  }

  return {
    registered: (user) => tell(user, "user.registered", { case: "registered", value: { username: user.username } }),
    guestCreated: (user) =>
      tell(user, "user.guest.created", { case: "guestCreated", value: { username: user.username } }),
    upgraded: (user) => tell(user, "user.upgraded", { case: "upgraded", value: { username: user.username } }),
    login: (user, { sid, ip, clientInfo }) =>
      tell(user, "user.login", { case: "login", value: { sid, ipAddress: ip, clientInfo } }),
    profileUpdated(before, after) {
      if (before.avatarUrl === after.avatarUrl) return;
      const value = {
        updatedFields: ["avatar_url"],
        oldValues: { avatar_url: before.avatarUrl },
        newValues: { avatar_url: after.avatarUrl },
      };
      tell(after, "user.profile.updated", { case: "profileUpdated", value });
    },
  };
}
