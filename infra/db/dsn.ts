/** Where a database is: `mysql://user:password@host:port/name`, the password percent-encoded. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `off`; `on`: encrypted, the certificate checked; `unchecked`: encrypted, whoever answers. `?tls=` */
  readonly tls: "off" | "on" | "unchecked";
}

export type Dsn =
  | { readonly driver: "sqlite"; readonly file: string }
  | { readonly driver: "mysql" | "postgres"; readonly address: ServerAddress };

const defaultPort = { mysql: 3306, postgres: 5432 } as const;
const tlsModes = ["off", "on", "unchecked"] as const;
const databaseForm = /^[A-Za-z_][A-Za-z0-9_$-]{0,62}$/;

/** Reads `sqlite:path`, `mysql://…` (MySQL or MariaDB) or `postgres://…`. Throws TypeError that never quotes the DSN: it
 *  holds a password. */
export function parseDsn(text: string): Dsn {
  if (text.startsWith("sqlite:")) return { driver: "sqlite", file: text.slice("sqlite:".length) };
  const wrong = (what: string): TypeError =>
    new TypeError(`the DSN ${what}; write sqlite:FILE, mysql://USER:PASSWORD@HOST:PORT/NAME or postgres://…`);
  if (!URL.canParse(text)) throw wrong("is no URL");
  const url = new URL(text);
  const driver = url.protocol === "mysql:" ? "mysql" : /^postgres(ql)?:$/.test(url.protocol) ? "postgres" : undefined;
  if (driver === undefined) throw wrong("names no known database");
  const database = decodeURIComponent(url.pathname.slice(1));
  if (!databaseForm.test(database)) throw wrong("names no database, or one that is no plain identifier");
  if (url.hostname === "" || url.username === "") throw wrong("names no host or no user");
  const tls = tlsModes.find((mode) => mode === (url.searchParams.get("tls") ?? "off"));
  if (tls === undefined) throw wrong(`has a wrong tls (${tlsModes.join(", ")})`);
  const address = {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? defaultPort[driver] : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database,
    tls,
  };
  return { driver, address };
}
