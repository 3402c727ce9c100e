import type { Side } from "./cores.ts";
import type { OpenArgs, OpenFigures } from "./load/commands.ts";
import { joinVerdicts, type Verdict } from "./load/verify.ts";
import { type LoadProcess, socketsPerProcess, startLoad } from "./load-process.ts";
import { BenchUsageError } from "./options.ts";

/** The load processes of a run, as many as the sockets need. The first one sends; all of them receive. */
export interface Crew extends AsyncDisposable {
  readonly processes: readonly LoadProcess[];
  readonly first: LoadProcess;
  /** Sockets of each process. */
  readonly shares: readonly number[];
  people(args: { url: string; registered: boolean }): Promise<void>;
  open(args: Omit<OpenArgs, "upTo" | "size">, part?: number): Promise<OpenFigures[]>;
  converse(args: {
    fleet: string;
    url: string | undefined;
    kind: "world" | "single" | "group";
    members: number;
  }): Promise<void>;
  verify(args: { fleet: string; url: string | undefined; lastSeq: number }): Promise<Verdict>;
  /** Sockets that ended without being told to. */
  closed(fleet: string): Promise<number>;
}

/** Starts load processes for `sockets` sockets of one fleet, with `fleets` fleets in each. */
export function startCrew(sockets: number, options: { side: Side; fleets: number; processes?: number }): Crew {
  const perProcess = Math.floor(socketsPerProcess / options.fleets);
  const count = Math.max(options.processes ?? 1, Math.ceil(sockets / perProcess));
  if (count > 16) throw new BenchUsageError(`${sockets} sockets need ${count} load processes; at most 16.`);
  const processes = Array.from({ length: count }, () => startLoad(options.side));
  const shares = processes.map((_, index) => Math.floor((sockets + count - 1 - index) / count));
  const [first] = processes;
  if (first === undefined) throw new Error("no load process");
  const all = <T>(run: (load: LoadProcess, share: number) => Promise<T>): Promise<T[]> =>
    Promise.all(processes.map((load, index) => run(load, shares[index] ?? 0)));

  return {
    processes,
    first,
    shares,
    people: async (args) => void (await all((load, count) => load.ask.people({ ...args, count }))),
    open: (args, part = 1) => all((load, size) => load.ask.open({ ...args, size, upTo: Math.ceil(size * part) })),
    converse: async (args) => void (await all((load) => load.ask.converse(args))),
    verify: async (args) => joinVerdicts(await all((load) => load.ask.verify(args))),
    closed: async (fleet) => (await all((load) => load.ask.closed({ fleet }))).reduce((sum, one) => sum + one, 0),
    async [Symbol.asyncDispose]() {
      await Promise.all(processes.map((load) => load[Symbol.asyncDispose]()));
    },
  };
}
