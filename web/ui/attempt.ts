import { useState } from "preact/hooks";
import { codeOf } from "#client/errors.ts";
import { errorText } from "../strings.ts";

/** One action at a time, and why the last one did not work. */
export interface Attempt {
  readonly busy: boolean;
  /** In words. */
  readonly problem: string | undefined;
  /** Resolves with whether it worked. Nothing begins while another is under way. */
  run(action: () => Promise<unknown>): Promise<boolean>;
  clear(): void;
}

/** `words`: what an error code means here, where it is not what it means elsewhere. */
export function useAttempt(words: Readonly<Record<string, string>> = {}): Attempt {
  const [busy, setBusy] = useState(false);
  const [code, setCode] = useState<string | undefined>(undefined);
  return {
    busy,
    problem: code === undefined ? undefined : (words[code] ?? errorText(code)),
    clear: () => setCode(undefined),
    run: async (action) => {
      if (busy) return false;
      setBusy(true);
      setCode(undefined);
      try {
        await action();
        return true;
      } catch (error) {
        setCode(codeOf(error));
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}
