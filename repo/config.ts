import { type ConfigOf, section } from "#infra/config/config.ts";
import { bytes, int, string } from "#infra/config/keys.ts";
import { COMMIT_BYTES_MAX, COMMIT_ITEMS_MAX } from "#proto/limits.ts";

/** The keys of the service `repo`. */
export const repoSpec = section({
  rpc: section({
    host: string({ default: "127.0.0.1", lengthMax: 255, doc: "address on which Connect and gRPC-Web are served" }),
    port: int({ default: 9002, min: 0, max: 65_535, doc: "port of Connect and gRPC-Web, 0 = any free one" }),
    grpcPort: int({
      default: undefined,
      min: 0,
      max: 65_535,
      doc: "port of gRPC with reflection over HTTP/2, 0 = any free one; unset: none",
    }),
  }),
  fanout: section({
    largeGroupThreshold: int({
      default: 500,
      min: 1,
      max: 10_000,
      doc: "members above which a group becomes a room, at its next member change",
      hot: true,
    }),
    roomOffBelow: int({
      default: 400,
      min: 0,
      max: 10_000,
      doc: "members below which it is listed again",
      hot: true,
    }),
  }),
  commit: section({
    itemsMax: int({
      default: COMMIT_ITEMS_MAX,
      min: COMMIT_ITEMS_MAX,
      max: 5000,
      doc: "messages that one CommitMessages may hold; callers send up to the least",
      hot: true,
    }),
    bytesMax: bytes({
      default: COMMIT_BYTES_MAX,
      min: COMMIT_BYTES_MAX,
      max: 8 * 1024 * 1024,
      doc: "bytes that it may hold; the same",
      hot: true,
    }),
  }),
});

export type RepoConfig = ConfigOf<typeof repoSpec>;
