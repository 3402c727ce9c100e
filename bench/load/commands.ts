import type { CentrifugoPlace } from "./dialect-centrifugo.ts";
import type { DriveFigures, DrivePlan, Sample } from "./drive.ts";
import type { Verdict } from "./verify.ts";

/** What the bench asks its load processes for. A fleet is known by its name. */
export interface Commands {
  /** Makes people; they stay in the load process. `registered` ones may hold conversations, guests are in the world. */
  people(args: { url: string; count: number; registered: boolean }): Promise<void>;
  /** Opens the sockets of a fleet, or those of it that are not open. */
  open(args: OpenArgs): Promise<OpenFigures>;
  /** Who converses with whom: the world, or conversations of `members` people each; reads where they stand. */
  converse(args: {
    fleet: string;
    url: string | undefined;
    kind: "world" | "single" | "group";
    members: number;
  }): Promise<void>;
  /** Sends and measures; samples are told meanwhile. */
  drive(args: { fleet: string; plan: Omit<DrivePlan, "audience"> }): Promise<DriveFigures>;
  /** Begins to count what the sockets of a fleet hear while another process sends. */
  listen(args: { fleet: string }): Promise<void>;
  /** What was heard since, when every socket heard `rows` rows or waited for them long enough. */
  heard(args: { fleet: string; rows: number }): Promise<HeardFigures>;
  /** Sockets of a fleet that ended without being told to. */
  closed(args: { fleet: string }): Promise<number>;
  /** Reads the histories and compares. Without a URL there is no history: rows up to `lastSeq` should have come. */
  verify(args: { fleet: string; url: string | undefined; lastSeq: number }): Promise<Verdict>;
  /** Sockets that read no more. Each asks for `fillBytes` of history first, so that the kernel's buffers (4 MB on Linux) hold that
   *  already and what comes then waits in the server. Resolves when all have asked. */
  stall(args: { fleet: string; count: number; fillBytes: number }): Promise<void>;
  /** Those sockets are gone. Answers how many of them the server had closed before: a socket that reads again finds its end
   *  behind what was waiting. */
  unstall(args: { fleet: string }): Promise<number>;
  /** Writes messages into the world over HTTP, one after the other, each as another of its people; resolves when all are acked. */
  post(args: { fleet: string; url: string; count: number }): Promise<void>;
  /** All sockets of a fleet are lost at once. */
  lose(args: { fleet: string }): Promise<void>;
  /** They come back and sync from where each stood. */
  wave(args: { fleet: string }): Promise<OpenFigures>;
  close(args: { fleet: string }): Promise<void>;
}

export interface OpenArgs {
  readonly fleet: string;
  readonly dialect: "text" | "proto" | "reference" | "reference-proto" | "centrifugo";
  /** For `centrifugo`. */
  readonly peer?: CentrifugoPlace | undefined;
  /** Messages of an instant in one frame; for the reference. */
  readonly joined: boolean;
  readonly urls: readonly string[];
  /** Sockets of the fleet that should be open after it; the fleet is made for `size`. */
  readonly upTo: number;
  readonly size: number;
  readonly atOnce: number;
}

export interface OpenFigures {
  readonly opened: number;
  readonly seconds: number;
  /** Packed histogram of the time from TCP connect to ready (a wave: from its begin to the answer of `sync`), µs. */
  readonly latency: string;
  /** Handshakes that were answered 503 and tried again. */
  readonly turnedAway: number;
  readonly cpuShare: number;
}

/** What a load process heard that did not send. */
export interface HeardFigures {
  readonly deliveries: number;
  readonly closed: number;
  /** Packed histogram, µs. */
  readonly shown: string;
  readonly cpuShare: number;
}

/** A command on its way, and what comes back. */
export type Request = { readonly id: number; readonly name: keyof Commands; readonly args: unknown };
export type Reply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly sample: Sample };
