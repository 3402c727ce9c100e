import { Kafka, type LogEntry, logLevel, type SASLOptions } from "kafkajs";
import type { Logger } from "../clog/clog.ts";
import type { KafkaSettings } from "./config.ts";

/** One client of the cluster: producer, admin and consumers share its settings, not its connections. `readFile` gives a
 *  PEM file's text and may throw. */
export function createKafkaClient(settings: KafkaSettings, clog: Logger, readFile: (path: string) => string): Kafka {
  const { security, sasl } = settings;
  return new Kafka({
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    connectionTimeout: settings.connectTimeout,
    authenticationTimeout: settings.requestTimeout,
    requestTimeout: settings.requestTimeout,
    enforceRequestTimeout: true,
    retry: retryOf(settings.retries),
    ssl: security.endsWith("ssl") ? tlsOf(settings.tls, readFile) : false,
    ...(security.startsWith("sasl") ? { sasl: saslOf(sasl) } : {}),
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => bridge(clog, entry),
  });
}

/** Repeats inside the client: 100 ms × 2 … 1 s, a fifth of it random. */
export function retryOf(retries: number) {
  return { retries, initialRetryTime: 100, maxRetryTime: 1000, factor: 0.2, multiplier: 2 };
}

function tlsOf(tls: KafkaSettings["tls"], readFile: (path: string) => string) {
  const { caFile, certFile, keyFile } = tls;
  return {
    rejectUnauthorized: true,
    ...(caFile === undefined ? {} : { ca: [readFile(caFile)] }),
    ...(certFile === undefined || keyFile === undefined ? {} : { cert: readFile(certFile), key: readFile(keyFile) }),
  };
}

function saslOf({ mechanism, username = "", password = "" }: KafkaSettings["sasl"]): SASLOptions {
  return { mechanism, username, password };
}

// The library repeats most of what it calls an error by itself, several times a second while a broker is away. What is an
// error for us, we log where it ends.
function bridge(clog: Logger, { level, namespace, log }: LogEntry): void {
  if (level > logLevel.WARN) return;
  const { message, timestamp: _, stack: __, ...fields } = log;
  clog.debug(`kafka: ${message}`, { part: namespace, ...fields });
}
