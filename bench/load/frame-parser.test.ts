import { expect, test } from "bun:test";
import fc from "fast-check";
import { clientFrame, createFrameParser } from "./frame-parser.ts";

/** A server's frame: as a client's, without the mask. */
function serverFrame(opcode: number, payload: Buffer, final = true): Buffer {
  const masked = clientFrame(1, payload);
  const headBytes = masked.length - payload.length - 4;
  const frame = Buffer.concat([masked.subarray(0, headBytes), payload]);
  frame[0] = (final ? 0x80 : 0) | opcode;
  frame[1] = (frame[1] ?? 0) & 0x7f;
  return frame;
}

test("any cut of the stream gives the same messages", () => {
  const payload = fc.oneof(fc.string({ maxLength: 200 }), fc.constantFrom("x".repeat(126), "y".repeat(70_000)));
  fc.assert(
    fc.property(
      fc.array(payload, { maxLength: 6 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 9000 })),
      (texts, cuts) => {
        const stream = Buffer.concat(texts.map((text) => serverFrame(1, Buffer.from(text))));
        const got: string[] = [];
        const parser = createFrameParser((_, bytes) => got.push(bytes.toString()));
        for (let at = 0; at < stream.length; ) {
          const size = cuts.next().value ?? 1;
          parser.push(Buffer.from(stream.subarray(at, at + size)));
          at += size;
        }
        expect(got).toEqual(texts);
      },
    ),
    { numRuns: 60 },
  );
});

test("fragments are joined, a ping between them is handed out at once", () => {
  const got: [number, string][] = [];
  const parser = createFrameParser((opcode, bytes) => got.push([opcode, bytes.toString()]));
  parser.push(serverFrame(1, Buffer.from("a"), false));
  parser.push(serverFrame(9, Buffer.from("p")));
  parser.push(serverFrame(0, Buffer.from("b"), true));
  expect(got).toEqual([
    [9, "p"],
    [1, "ab"],
  ]);
});

test("a masked server frame is a breach", () => {
  const parser = createFrameParser(() => undefined);
  expect(() => parser.push(clientFrame(1, Buffer.from("x")))).toThrow(RangeError);
});
