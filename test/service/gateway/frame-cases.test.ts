import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { AppError, ERRORS, type ErrorName } from "../../../proto/errors.ts";
import type { ClientFrameType } from "../../../proto/frames.ts";
import { anyCall, frameErrors } from "../../../proto/schemas/frame-errors.ts";
import { type Frame, opener, subprotocols } from "../../support/socket.ts";
import { errorCases, type FrameCase, failedCases, type Refused, syncCases } from "./error-cases/frames.ts";
import { openScene, type Scene } from "./error-cases/scene.ts";

/* Each error that a client frame documents (docs/api/asyncapi.yaml) is brought about over both subprotocols. What is wrong
 * with a frame's shape is in frame-fields.test.ts, limits in rate-limits.test.ts. */

let scene: Scene;
beforeAll(async () => {
  scene = await openScene();
});
afterAll(() => scene?.[Symbol.asyncDispose]());

/** Tested where they can be brought about. */
const elsewhere: readonly string[] = [
  // life.test.ts: too many records wait for the log.
  "send-message SERVICE_UNAVAILABLE",
  // logic/failures.test.ts: the store refuses one record.
  "send-message failed INTERNAL_ERROR",
];

const types = Object.keys(frameErrors) as ClientFrameType[];
type Told = "error" | "failed" | "inResult";
const casesOf: Record<Told, (type: ClientFrameType) => Readonly<Partial<Record<ErrorName, FrameCase>>>> = {
  error: (type) => errorCases[type] ?? {},
  failed: (type) => (type === "send-message" ? failedCases : {}),
  inResult: (type) => (type === "sync" ? syncCases : {}),
};
const documented: Record<Told, (type: ClientFrameType) => readonly ErrorName[]> = {
  error: (type) => frameErrors[type].own ?? [],
  failed: (type) => frameErrors[type].failed ?? [],
  inResult: (type) => frameErrors[type].inResult ?? [],
};
const nameOf = (type: string, told: Told, code: string): string =>
  [type, ...(told === "error" ? [] : [told]), code].join(" ");

const rows = types.flatMap((type) =>
  (["error", "failed", "inResult"] as const).flatMap((told) =>
    documented[told](type)
      .filter((code) => !elsewhere.includes(nameOf(type, told, code)))
      .map((code) => ({ type, told, code, act: casesOf[told](type)[code] })),
  ),
);

test("20 §4, §8: every error that a frame documents has a case here, and no case is left of one that is not", () => {
  const missing = rows.filter(({ act }) => act === undefined).map(({ type, told, code }) => nameOf(type, told, code));
  expect(missing).toEqual([]);
  const wanted = new Set(rows.map(({ type, told, code }) => nameOf(type, told, code)));
  const obsolete = types.flatMap((type) =>
    (["error", "failed", "inResult"] as const).flatMap((told) =>
      Object.keys(casesOf[told](type))
        .map((code) => nameOf(type, told, code))
        .filter((name) => !wanted.has(name)),
    ),
  );
  expect(obsolete).toEqual([]);
});

/** What is said about the frame, by the direct answer that echoes its id. */
function codeIn({ type, data }: Frame): unknown {
  if (type === "sync-result") return (data.conversations as { error?: string }[])[0]?.error;
  return type === "message-ack" && data.status !== "failed" ? "acked" : data.code;
}

const answers: Record<Told, string> = { error: "error", failed: "message-ack", inResult: "sync-result" };
const isFinal = (type: string): boolean => type === "refresh-auth";

async function expectRefusal(
  open: ReturnType<typeof opener>,
  type: string,
  { by, data, opened, undo }: Refused,
  [answer, code]: readonly [string, unknown],
): Promise<void> {
  await using socket = await open(scene.town.url, by.accessToken);
  try {
    await opened?.();
    socket.send(type, data, "asked");
    const frame = await socket.next(answer, ({ id }) => id === "asked");
    expect([type, codeIn(frame)]).toEqual([type, code]);
    if (isFinal(type)) {
      expect(await socket.closed).toBe(4001);
      return;
    }
    socket.send("ping", undefined, "still here");
    expect(await socket.next("pong")).toMatchObject({ id: "still here" });
  } finally {
    await undo?.();
  }
}

describe.each(subprotocols)("%s", (subprotocol) => {
  const open = opener(subprotocol);

  test.each(rows)("$type: $told $code", async ({ type, told, code, act }) => {
    if (act === undefined) throw new Error("no case");
    const said = told === "inResult" ? code : ERRORS[code].ws;
    await expectRefusal(open, type, await act(scene), [answers[told], said]);
  });

  const asking = types.filter((type) => frameErrors[type].calls === true);
  const sample: Readonly<Partial<Record<ClientFrameType, object>>> = {
    "mark-read": { conversationId: "world", seqId: 1 },
    typing: { conversationId: "world" },
    "stop-typing": { conversationId: "world" },
    "recall-message": { messageId: "1" },
    react: { messageId: "1", emoji: "x" },
    sync: { conversations: [{ id: "world", afterSeq: 0 }] },
  };
  const failures: Readonly<Record<string, () => Promise<never>>> = {
    INTERNAL_ERROR: () => Promise.reject(new TypeError("secret of the house")),
    SERVICE_UNAVAILABLE: () => Promise.reject(new AppError("SERVICE_UNAVAILABLE")),
    // What a signal rejects with when the deadline of its call has passed.
    TIMEOUT: () => Promise.reject(new DOMException("The operation timed out.", "TimeoutError")),
  };
  test.each(asking.flatMap((type) => anyCall.map((code) => [type, code] as const)))("%s: %s", async (type, code) => {
    await using socket = await open(scene.town.url, scene.ann.accessToken);
    scene.town.breaks = failures[code];
    try {
      socket.send(type, sample[type], "asked");
      const { data } = await socket.next("error", ({ id }) => id === "asked");
      expect(data).toMatchObject({ code: ERRORS[code].ws, message: ERRORS[code].message });
      socket.send("ping");
      await socket.next("pong");
    } finally {
      scene.town.breaks = undefined;
    }
  });
});
