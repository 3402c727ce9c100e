import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { type ContextValues, createContextValues, type HandlerContext } from "@connectrpc/connect";

/** What a handler sees of its call. What most handlers never look at is made when they do. */
export abstract class CallContext implements HandlerContext {
  readonly method: DescMethod;
  readonly service: DescService;
  readonly requestMethod = "POST";
  abstract readonly protocolName: string;
  readonly #deadlineMs: number | undefined;
  #controller: AbortController | undefined;
  #ended: { reason: unknown } | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: ContextValues | undefined;

  constructor(method: DescMethod, timeoutMs: number | undefined) {
    this.method = method;
    this.service = method.parent;
    this.#deadlineMs = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
  }

  abstract get url(): string;
  abstract get requestHeader(): Headers;
  /** A header of the request by its name in lower case, without making what is not there. */
  abstract header(name: string): string | undefined;
  abstract traceId(): string | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#ended !== undefined) this.#controller.abort(this.#ended.reason);
      else this.listened();
    }
    return this.#controller.signal;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  /** What the handler set; undefined when it never looked. */
  get madeResponseHeader(): Headers | undefined {
    return this.#responseHeader;
  }

  get madeResponseTrailer(): Headers | undefined {
    return this.#responseTrailer;
  }

  get values(): ContextValues {
    this.#values ??= this.givenValues() ?? createContextValues();
    return this.#values;
  }

  timeoutMs(): number | undefined {
    return this.#deadlineMs === undefined ? undefined : Math.max(0, this.#deadlineMs - performance.now());
  }

  abort(reason: unknown): void {
    this.#ended ??= { reason };
    this.#controller?.abort(reason);
  }

  /** The call is over: who still listens may stop. */
  end(): void {
    this.abort(undefined);
  }

  /** Called once, when somebody first asks for the signal of a call that goes on. */
  protected listened(): void {}

  protected givenValues(): ContextValues | undefined {
    return undefined;
  }
}

/** A header of the request by its name in lower case. */
export function headerOf(call: HandlerContext, name: string): string | undefined {
  return call instanceof CallContext ? call.header(name) : (call.requestHeader.get(name) ?? undefined);
}
