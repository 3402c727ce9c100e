/** What a server needs to know to run: where to keep things, on which ports, and how to report. */
export interface Place {
  /** Loopback only. */
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Programs that this server unpacks or builds; survives `infra clean`. */
  readonly programs: string;
  /** What the server stores; `infra clean` removes it. */
  readonly data: string;
  /** Output of the server and of the steps that prepare it. */
  readonly logFile: string;
  /** One line of progress. */
  say(line: string): void;
}

/** A program to start. It runs in the background, writes to the log file, and outlives this command. */
export interface Launch {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Asks for a stop that loses nothing and does not wait for clients. Default SIGTERM. */
  readonly stopSignal?: "SIGTERM" | "SIGINT";
}

/** One server of the infrastructure as a local process. */
export interface Server {
  readonly name: ServerName;
  /** Which of several versions it is. A running one of another variant is stopped first. */
  readonly variant?: string;
  /** The first port is the one that clients use; the others follow it directly (Kafka's controller, etcd's peers). */
  readonly portCount: number;
  /** The longest wait from the start until it answers, in milliseconds. */
  readonly readyMs: number;
  /** Says why this machine cannot run it, when it cannot; `up` then leaves it out. */
  missing?(): string | undefined;
  /** Folders with what it stores, when they are elsewhere than in `place.data`. */
  stored?(place: Place): readonly string[];
  /** Gets the programs. Does nothing when they are there. */
  install(place: Place): Promise<void>;
  /** Prepares the data folder, once, and says what to run. */
  start(place: Place): Promise<Launch>;
  /** Resolves once a client is served; rejects with what is wrong. Makes users, databases and buckets that are missing. */
  check(place: Place): Promise<void>;
  /** The variables by which the tests and the services find it. */
  variables(port: number): Readonly<Record<string, string>>;
}

export const serverNames = ["redis", "etcd", "postgres", "mariadb", "mysql", "kafka", "opensearch", "s3"] as const;
export type ServerName = (typeof serverNames)[number];

/** The account of tests and services on every server that knows accounts. Loopback only, so no secret. */
export const account = { user: "gochat", password: "gochat-dev-password", database: "gochat_test" } as const;

/** Something that the reader has to do something about; the message says what. */
export class InfraError extends Error {
  override readonly name = "InfraError";
  /** False when the server's log has nothing to say about it. */
  readonly logged: boolean;
  constructor(message: string, options: { logged?: boolean } = {}) {
    super(message);
    this.logged = options.logged ?? true;
  }
}
