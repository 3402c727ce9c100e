import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { MessageSchema } from "./gen/gochat/common/v1/message_pb.ts";
import { BroadcastRecordSchema } from "./gen/gochat/mq/v1/downstream_pb.ts";
import { UpstreamMessageSchema } from "./gen/gochat/mq/v1/upstream_pb.ts";
import { downstreamTopic, topics } from "./topics.ts";

describe("topics (spec 50 §1, §7)", () => {
  test("only domain events and notifications are durable in the embedded log", () => {
    const durable = Object.values(topics).filter((topic) => topic.durable);
    expect(durable.map((topic) => topic.name).toSorted()).toEqual([
      "gochat.conversation-events",
      "gochat.friend-events",
      "gochat.message-events",
      "gochat.notifications",
      "gochat.user-events",
    ]);
    expect(downstreamTopic("gateway-1")).toMatchObject({
      name: "gochat.messages.downstream.gateway-1",
      partitions: 1,
      durable: false,
    });
  });

  test("sizeOf is never below the encoded size", () => {
    const text = fc.string({ unit: "binary", maxLength: 300 }).map((s) => s.toWellFormed());
    fc.assert(
      fc.property(text, text, (content, extra) => {
        const upstream = create(UpstreamMessageSchema, {
          traceId: "0".repeat(36),
          userId: 2n ** 62n,
          sessionId: "0".repeat(36),
          gatewayId: "gateway-1023",
          incarnation: "0".repeat(36),
          conversationId: "c".repeat(64),
          clientMsgId: "m".repeat(64),
          content,
          extra,
        });
        expect(topics.upstream.codec.sizeOf(upstream)).toBeGreaterThanOrEqual(
          topics.upstream.codec.encode(upstream).length,
        );
        const message = create(MessageSchema, {
          id: "9".repeat(19),
          conversationId: "c".repeat(64),
          content,
          extra,
          seqId: 2n ** 50n,
        });
        const broadcast = create(BroadcastRecordSchema, {
          body: {
            case: "push",
            value: { conversationId: "world", rows: [{ message, originSessionId: "0".repeat(36) }] },
          },
        });
        expect(topics.broadcast.codec.sizeOf(broadcast)).toBeGreaterThanOrEqual(
          topics.broadcast.codec.encode(broadcast).length,
        );
      }),
    );
  });

  test("values survive the codec", () => {
    const value = create(UpstreamMessageSchema, { userId: 5n, content: "hi", mentions: [1n, 2n] });
    expect(topics.upstream.codec.decode(topics.upstream.codec.encode(value))).toEqual(value);
  });
});
