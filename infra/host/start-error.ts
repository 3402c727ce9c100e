/** Exit codes of a start that failed (sysexits.h). */
export const exitCodes = {
  /** A wrong command line. */
  usage: 64,
  /** Something needed is not there: a busy port, a server that does not answer. */
  unavailable: 69,
  /** The data folder cannot be used. */
  dataFolder: 73,
  /** The configuration is wrong. */
  config: 78,
} as const;

/** A start that cannot succeed as things are. `message` is for people and says what to do. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly exitCode: number;
  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Turns the error of a listener into what to do about it; other errors stay as they are. */
export function listenError(error: unknown, host: string, port: number, setting: string): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE")
    return new StartError(
      `Port ${port} on ${host} is in use. Stop what uses it, or choose another port with ${setting}.`,
      exitCodes.unavailable,
      { cause: error },
    );
  if (code === "EACCES")
    return new StartError(
      `Port ${port} on ${host} may not be opened by this user. Choose a port above 1023 with ${setting}.`,
      exitCodes.unavailable,
      { cause: error },
    );
  if (code === "EADDRNOTAVAIL")
    return new StartError(`${host} is no address of this machine. Set another one with ${setting}.`, exitCodes.config, {
      cause: error,
    });
  return error;
}
