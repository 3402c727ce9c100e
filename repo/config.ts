import { type ConfigOf, section } from "#infra/config/config.ts";
import { bytes, int, string } from "#infra/config/keys.ts";

/** The keys of the service `repo`. */
export const repoSpec = section({
  rpc: section({
    host: string({ default: "127.0.0.1", lengthMax: 255, doc: "address on which Connect and gRPC-Web are served" }),
    port: int({ default: 9002, min: 0, max: 65_535, doc: "port of Connect and gRPC-Web, 0 = any free one" }),
  }),
  commit: section({
    itemsMax: int({ default: 500, min: 1, max: 5000, doc: "messages in one CommitMessages", hot: true }),
    bytesMax: bytes({
      default: 512 * 1024,
      min: 64 * 1024,
      max: 8 * 1024 * 1024,
      doc: "bytes in one CommitMessages",
      hot: true,
    }),
  }),
});

export type RepoConfig = ConfigOf<typeof repoSpec>;
