import { randomBytes } from "node:crypto";
import { accessSync, constants, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { exitCodes, StartError } from "./start-error.ts";

/** The folder in which an embedded installation keeps everything. */
export interface DataFolder {
  /** Absolute. */
  readonly path: string;
  file(name: string): string;
}

/** Makes the folder when it is missing. Throws StartError when it cannot be made or written. */
export function openDataFolder(dir: string): DataFolder {
  const path = resolve(dir);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.W_OK | constants.X_OK);
    const probe = join(path, ".writable");
    writeFileSync(probe, "");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(
      `The data folder ${path} cannot be written (${reason}). Make it writable, or choose another one with --data DIR.`,
      exitCodes.dataFolder,
      { cause: error },
    );
  }
  return { path, file: (name) => resolve(path, name) };
}

/** Reads the secret in `file`, or makes one of 32 random bytes (hex), readable by this user only. */
export function readOrMakeSecret(file: string): string {
  try {
    const known = readFileSync(file, "utf8").trim();
    if (known !== "") return known;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
  const made = randomBytes(32).toString("hex");
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${made}\n`, { mode: 0o600 });
  try {
    // Unlike a rename it never replaces what another process has made meanwhile.
    linkSync(draft, file);
    return made;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    const theirs = readFileSync(file, "utf8").trim();
    if (theirs !== "") return theirs;
    renameSync(draft, file);
    return made;
  } finally {
    rmSync(draft, { force: true });
  }
}
