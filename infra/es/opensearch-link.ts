import { BreakerOpenError, type Breakers, createBreakers } from "../breaker/breaker.ts";
import { SearchUnavailableError } from "./es.ts";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Question {
  readonly method: "GET" | "POST" | "PUT" | "HEAD";
  readonly path: string;
  /** JSON text, or lines of it. */
  readonly body?: string;
  readonly lines?: boolean;
  readonly timeoutMs: number;
}

/** HTTP to the nodes of one cluster. Answers of 2xx and 4xx (but 429) are handed back. Everything else becomes SearchUnavailableError: no node answered in time, all
 *  of them are overloaded, or the breaker is open. A node that cannot be reached is passed over for the next one, each at most once. */
export interface Link {
  ask(question: Question): Promise<Answer>;
}

export interface LinkOptions {
  readonly urls: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** The name of the breaker in the configuration centre. */
export const breakerName = "http:search";

export function createLink(options: LinkOptions, breakers: Breakers = createBreakers()): Link {
  const { urls, username, password } = options;
  const headers: Record<string, string> = {};
  if (username !== undefined)
    headers.authorization = `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}`;
  // The node that answered last is asked first.
  let first = 0;
  const askOne = async (url: string, question: Question): Promise<Answer> => {
    const response = await fetch(url + question.path, {
      method: question.method,
      headers: { ...headers, "content-type": question.lines === true ? "application/x-ndjson" : "application/json" },
      ...(question.body === undefined ? {} : { body: question.body }),
      signal: AbortSignal.timeout(question.timeoutMs),
    });
    const text = await response.text();
    if (response.status === 429 || response.status >= 500)
      throw new SearchUnavailableError(`${url} answers ${response.status}: ${text.slice(0, 300)}`);
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };
  const askAny = async (question: Question): Promise<Answer> => {
    let failure: unknown;
    for (let tried = 0; tried < urls.length; tried += 1) {
      const at = (first + tried) % urls.length;
      try {
        const answer = await askOne(urls[at] ?? "", question);
        first = at;
        return answer;
      } catch (error) {
        failure = error;
        // A question that ran out of time would run out of it everywhere.
        if (error instanceof Error && error.name === "TimeoutError") break;
      }
    }
    throw failure instanceof SearchUnavailableError
      ? failure
      : new SearchUnavailableError(`no node of ${urls.join(", ")} answers`, { cause: failure });
  };
  return {
    async ask(question) {
      try {
        return await breakers.get(breakerName).do(() => askAny(question));
      } catch (error) {
        if (error instanceof BreakerOpenError) throw new SearchUnavailableError(error.message, { cause: error });
        throw error;
      }
    },
  };
}
