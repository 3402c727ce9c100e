import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { type CallOptions, type ContextValues, createContextValues, type HandlerContext } from "@connectrpc/connect";
import { TRACE_HEADER } from "./rpc.ts";

/** The context of a call inside the process. What most handlers never look at is made when they do. */
export class DirectContext implements HandlerContext {
  readonly method: DescMethod;
  readonly service: DescService;
  readonly requestMethod = "POST";
  readonly protocolName = "direct";
  readonly callerSignal: AbortSignal | undefined;
  readonly #deadlineMs: number | undefined;
  readonly #options: CallOptions;
  #controller: AbortController | undefined;
  #ended: { reason: unknown } | undefined;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: ContextValues | undefined;

  constructor(method: DescMethod, timeoutMs: number | undefined, options: CallOptions) {
    this.method = method;
    this.service = method.parent;
    this.callerSignal = options.signal;
    this.#options = options;
    this.#deadlineMs = timeoutMs === undefined ? undefined : performance.now() + timeoutMs;
  }

  get url(): string {
    return `direct:///${this.service.typeName}/${this.method.name}`;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#ended !== undefined) this.#controller.abort(this.#ended.reason);
    }
    return this.#controller.signal;
  }

  get requestHeader(): Headers {
    this.#requestHeader ??= new Headers(this.#options.headers);
    return this.#requestHeader;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  get values(): ContextValues {
    this.#values ??= this.#options.contextValues ?? createContextValues();
    return this.#values;
  }

  readonly timeoutMs = (): number | undefined =>
    this.#deadlineMs === undefined ? undefined : Math.max(0, this.#deadlineMs - performance.now());

  traceId(): string | undefined {
    if (this.#requestHeader === undefined && this.#options.headers === undefined) return undefined;
    return this.requestHeader.get(TRACE_HEADER) ?? undefined;
  }

  abort(reason: unknown): void {
    this.#ended ??= { reason };
    this.#controller?.abort(reason);
  }

  /** The call is over: who still listens may stop. */
  end(): void {
    this.abort(undefined);
  }
}
