import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";

/** Messages of the runner: each behind its length, 32 bits, network byte order. Ends with the input. */
export async function* readMessages<D extends DescMessage>(
  desc: D,
  input: ReadableStream<Uint8Array> = Bun.stdin.stream(),
): AsyncGenerator<MessageShape<D>> {
  let waiting = Buffer.alloc(0);
  for await (const chunk of input) {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.byteLength >= 4) {
      const end = 4 + waiting.readUInt32BE(0);
      if (waiting.byteLength < end) break;
      yield fromBinary(desc, waiting.subarray(4, end));
      waiting = waiting.subarray(end);
    }
  }
}

/** One write per message, so that answers of parallel calls cannot mix. */
export function writeMessage<D extends DescMessage>(desc: D, message: MessageShape<D>): Promise<number> {
  const body = toBinary(desc, message);
  const out = Buffer.alloc(4 + body.byteLength);
  out.writeUInt32BE(body.byteLength, 0);
  out.set(body, 4);
  return Bun.write(Bun.stdout, out);
}
