import { type ConfigOf, loadConfig, section } from "#infra/config/config.ts";
import { bool, bytes, duration, type Environment, int, list, oneOf, string } from "#infra/config/keys.ts";
import { CONTENT_CHARS_MAX, GROUP_CREATE_MEMBERS_MAX } from "#proto/limits.ts";
import { jwtSection, passwordSection } from "./auth/config.ts";

const mib = 1024 * 1024;

/** The keys of the service `logic`. */
export const logicSpec = section({
  rpc: section({
    host: string({ default: "127.0.0.1", lengthMax: 255, doc: "address on which Connect and gRPC-Web are served" }),
    port: int({ default: 9001, min: 0, max: 65_535, doc: "port of Connect and gRPC-Web, 0 = any free one" }),
    grpcPort: int({
      default: undefined,
      min: 0,
      max: 65_535,
      doc: "port of gRPC with reflection over HTTP/2, 0 = any free one; unset: none",
    }),
  }),
  jwt: jwtSection,
  password: passwordSection,
  message: section({
    maxLength: int({
      default: CONTENT_CHARS_MAX,
      min: 1,
      max: CONTENT_CHARS_MAX,
      doc: "characters of a message's content",
      hot: true,
    }),
    recallWindow: duration({
      default: 120_000,
      min: 0,
      max: 365 * 86_400_000,
      doc: "in which a sender may recall and edit; a conversation's settings may say otherwise",
      hot: true,
    }),
    filter: section({
      enabled: bool({ default: false, doc: "texts are searched for the words below", hot: true }),
      action: oneOf(["replace", "reject"], {
        default: "replace",
        doc: "a word becomes *, or the message is refused",
        hot: true,
      }),
      words: list({
        default: [],
        itemsMax: 10_000,
        lengthMax: 100,
        doc: "words, found anywhere without regard to case",
        hot: true,
      }),
    }),
    allowedTypes: list({ default: ["1", "2", "3", "5", "6"], doc: "message types that clients may send", hot: true }),
  }),
  calls: section({
    waitingMax: int({ default: 10_000, min: 1, max: 1_000_000, doc: "sends by call that wait for a batch; then 503" }),
    waitingBytesMax: bytes({ default: 32 * mib, min: mib, max: 1024 * mib, doc: "their bytes" }),
  }),
  single: section({
    requireFriend: bool({ default: false, doc: "only friends may begin a single conversation", hot: true }),
  }),
  group: section({
    maxMembers: int({
      default: GROUP_CREATE_MEMBERS_MAX + 1,
      min: 2,
      max: 10_000,
      doc: "members of a new group, its creator included",
    }),
  }),
});

export type LogicConfig = ConfigOf<typeof logicSpec>;

/** The defaults, for tests and compositions that read no files. */
export function defaultLogicConfig(environment: Environment): LogicConfig {
  return loadConfig(logicSpec, { environment }).config;
}
