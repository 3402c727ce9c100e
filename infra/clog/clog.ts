import { pino } from "pino";
import { prettyFactory } from "pino-pretty";
import { callerOf } from "./caller.ts";
import { cleanFields } from "./redact.ts";
import { openStdout } from "./stdout.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "fatal";
export type LogFormat = "json" | "pretty";

/** What is known beside the message. Names are snake_case as in the list of fields (`user_id`, `latency_ms`, `err`, …). Passwords, tokens
 *  and message content never belong here; fields named like them are blanked as a safety net. A bigint is written as a decimal string. */
export type Fields = Readonly<Record<string, unknown>>;

/** Writes one line per call, in order. No call throws, and none waits for a reader of the log that is slow or gone. */
export interface Logger {
  debug(msg: string, fields?: Fields): void;
  info(msg: string, fields?: Fields): void;
  warn(msg: string, fields?: Fields): void;
  error(msg: string, fields?: Fields): void;
  /** Writes and ends the process with exit code 1. For `main.ts` only. */
  fatal(msg: string, fields?: Fields): void;
  /** A logger of the same level and output whose `namespace` is the dotted path down to `name`. */
  namespace(name: string): Logger;
  /** A logger that adds `fields` to every line (`trace_id`, `user_id`, …); a field of the call wins. */
  with(fields: Fields): Logger;
}

/** The logger of a process. Level and format are hot: they act on every logger made from this one, from the next line on. */
export interface RootLogger extends Logger {
  configure(change: { level?: LogLevel; format?: LogFormat; addSource?: boolean }): void;
}

export interface LoggerOptions {
  service: string;
  level: LogLevel;
  /** `json` for machines; `pretty` for a console. */
  format: LogFormat;
  /** Adds `caller` (file:line); costs a stack trace per line. Default false. */
  addSource?: boolean;
  /** Colours in `pretty`: what `wantsColour` says. Default false. */
  colour?: boolean;
  /** Takes each line, its newline included; what it throws is dropped with the line. Default: `openStdout`. */
  write?: (line: string) => void;
  clock?: () => number;
  /** Called by `fatal`; default `process.exit`. */
  exit?: (code: number) => void;
}

const levelRank = { debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const satisfies Record<LogLevel, number>;

interface Output {
  rank: number;
  addSource: boolean;
  emit(level: LogLevel, msg: string, fields: Fields): void;
  exit(code: number): void;
}

/** Makes the logger of a process. Mandatory fields of every line: `time` (RFC 3339, ms), `level`, `msg`, `service`, `namespace`. */
export function createLogger(options: LoggerOptions): RootLogger {
  const clock = options.clock ?? Date.now;
  const write =
    options.write ??
    openStdout((lines) => root.warn("the reader of the log was too slow, lines were left out", { left_out: lines }));
  const pretty = prettyFactory({
    colorize: options.colour ?? false,
    messageKey: "msg",
    timestampKey: "time",
    translateTime: false,
    ignore: "service,namespace",
    messageFormat: (line, key) => (line.namespace ? `${line.namespace}: ${line[key]}` : String(line[key])),
    singleLine: true,
  });
  let format = options.format;
  const lines = pino(
    {
      level: "trace",
      base: null,
      timestamp: () => `,"time":"${new Date(clock()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // Errors are plain objects by then (cleanFields); pino's own serializer would take their type away.
      serializers: { err: (err: unknown) => err },
    },
    { write: (line: string) => write(format === "json" ? line : pretty(line)) },
  );
  const output: Output = {
    rank: levelRank[options.level],
    addSource: options.addSource ?? false,
    emit(level, msg, fields) {
      try {
        lines[level](fields, msg);
      } catch {
        // A log that cannot be written must not stop what it tells of, least of all a shutdown.
      }
    },
    exit: options.exit ?? ((code) => process.exit(code)),
  };
  const root = loggerOf(output, "", { service: options.service });
  return {
    ...root,
    configure(change) {
      if (change.level !== undefined) output.rank = levelRank[change.level];
      if (change.format !== undefined) format = change.format;
      if (change.addSource !== undefined) output.addSource = change.addSource;
    },
  };
}

/** Whether `pretty` is coloured: on a terminal, unless NO_COLOR is set to anything (no-color.org). */
export function wantsColour(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  return isTerminal && (env.NO_COLOR ?? "") === "";
}

/** Writes nothing; for tests. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  namespace: () => silentLogger,
  with: () => silentLogger,
};

function loggerOf(output: Output, path: string, bound: Fields): Logger {
  const log = (level: LogLevel, msg: string, fields: Fields | undefined): void => {
    if (levelRank[level] < output.rank) return;
    const source = output.addSource ? { caller: callerOf() } : undefined;
    const own = fields === undefined ? undefined : cleanFields(fields);
    output.emit(level, msg, { ...bound, namespace: path, ...source, ...own });
  };
  return {
    debug: (msg, fields) => log("debug", msg, fields),
    info: (msg, fields) => log("info", msg, fields),
    warn: (msg, fields) => log("warn", msg, fields),
    error: (msg, fields) => log("error", msg, fields),
    fatal(msg, fields) {
      log("fatal", msg, fields);
      output.exit(1);
    },
    namespace: (name) => loggerOf(output, path === "" ? name : `${path}.${name}`, bound),
    with: (fields) => loggerOf(output, path, { ...bound, ...cleanFields(fields) }),
  };
}
