import type { CentrifugoPlace } from "./load/dialect-centrifugo.ts";
import { socketsPerProcess } from "./load-process.ts";
import { type CommonOptions, commonFlags, commonOf, number, readFlags, whole } from "./options.ts";

import { parsePeer } from "./peer.ts";

/** What `gochat bench world` may be told; each within bounds, so that a typing error does not fill the machine. */
export interface WorldOptions extends CommonOptions {
  /** Sockets, 1…100,000; a load process opens up to 19,600 of them. */
  conns: number;
  /** Messages per second sent into the room, 1…5,000; with a window it is not used. */
  rate: number;
  /** 0: open loop by rate; else messages under way, each until every socket was shown it, 1…1,000. */
  window: number;
  /** Messages due at the same instant, which may share a frame; the reference then publishes them as one, 1…100. */
  joined: number;
  /** Bytes of a message's content, 40…5,000. */
  size: number;
  /** All rounds of a side together, 1…3,600. */
  seconds: number;
  /** Message by message before anything is measured, so that GoChat's code is compiled as in a server that has run for some
   *  minutes, 0…600 s. */
  warm: number;
  /** Turns of reference and GoChat, 1…15. */
  rounds: number;
  encoding: "text" | "proto";
  /** Gateway processes of an embedded server, 1…16. */
  processes: number;
  /** Percent of the sockets that stop reading after half of the time, 0…50. */
  slowReaders: number;
  /** Bare `Bun.serve` publish in the same minutes. */
  reference: boolean;
  /** A system that runs already and takes turns too. */
  peer: CentrifugoPlace | undefined;
  /** Servers and clients held on cores of their own. */
  pinned: boolean;
}

export function parseWorldOptions(args: readonly string[]): WorldOptions {
  const flags = readFlags(args, {
    ...commonFlags,
    conns: "1000",
    rate: "50",
    window: "0",
    joined: "1",
    size: "200",
    seconds: "12",
    warm: "0",
    rounds: undefined,
    text: false,
    proto: false,
    processes: "1",
    "slow-readers": "0",
    reference: false,
    "no-reference": false,
    "no-pin": false,
    peer: undefined,
  });
  const conns = whole("conns", flags.conns, 1, 100_000);
  const seconds = whole("seconds", flags.seconds, 1, 3600);
  return {
    ...commonOf("world", args, flags),
    conns,
    rate: whole("rate", flags.rate, 1, 5000),
    window: whole("window", flags.window, 0, 1000),
    joined: whole("joined", flags.joined, 1, 100),
    size: whole("size", flags.size, 40, 5000),
    seconds,
    warm: whole("warm", flags.warm, 0, 600),
    rounds: whole("rounds", flags.rounds ?? (seconds < 6 ? "1" : "3"), 1, 15),
    encoding: flags.proto ? "proto" : "text",
    processes: whole("processes", flags.processes, 1, 16),
    slowReaders: number("slow-readers", flags["slow-readers"], 0, 50),
    // With slow readers the run is compared with its own first half; more sockets than one process may open, it has not.
    reference: !flags["no-reference"] && flags["slow-readers"] === "0" && conns <= socketsPerProcess,
    peer: parsePeer(flags.peer, process.env),
    pinned: !flags["no-pin"],
  };
}
