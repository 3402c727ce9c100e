import { BenchUsageError, type CommonOptions, commonFlags, commonOf, readFlags, whole } from "./options.ts";

/** What `gochat bench send` may be told. */
export interface SendOptions extends CommonOptions {
  /** Where the messages go: pairs of people, groups, or the world room. */
  kind: "single" | "group" | "world";
  /** Sockets, 2…10,000, each of a person who sends in turn. People of single chats and groups are registered accounts, which cost
   *  the server a fifth of a second of CPU each. */
  conns: number;
  /** People of a group, 3…500. */
  members: number;
  /** Messages under way in a closed loop, 1…20,000; 0 for an open one. */
  closed: number;
  /** Messages per second of an open loop, 1…50,000; 0 for a closed one. */
  open: number;
  /** Bytes of a content, 40…5,000. */
  size: number;
  seconds: number;
}

/** `scenario` `group` is `send --kind group` with groups of 100. */
export function parseSendOptions(args: readonly string[], scenario: "send" | "group" = "send"): SendOptions {
  const large = scenario === "group";
  const flags = readFlags(args, {
    ...commonFlags,
    kind: large ? "group" : "single",
    conns: undefined,
    members: large ? "100" : "10",
    closed: undefined,
    open: undefined,
    size: "200",
    seconds: "10",
  });
  const { kind } = flags;
  if (kind !== "single" && kind !== "group" && kind !== "world")
    throw new BenchUsageError(`--kind is single, group or world, not "${kind}".`);
  if (flags.closed !== undefined && flags.open !== undefined)
    throw new BenchUsageError("--closed WINDOW or --open RATE, not both.");
  const members = whole("members", flags.members, 3, 500);
  const conns = whole("conns", flags.conns ?? (kind === "world" ? "20" : large ? flags.members : "40"), 2, 10_000);
  const size = kind === "single" ? 2 : kind === "group" ? members : 1;
  if (conns < size) throw new BenchUsageError(`--conns ${conns} is less than one conversation of ${size}.`);
  return {
    ...commonOf(scenario, args, flags),
    kind,
    conns: conns - (conns % size),
    members,
    closed: flags.open === undefined ? whole("closed", flags.closed ?? "500", 1, 20_000) : 0,
    open: flags.open === undefined ? 0 : whole("open", flags.open, 1, 50_000),
    size: whole("size", flags.size, 40, 5000),
    seconds: whole("seconds", flags.seconds, 1, 3600),
  };
}
