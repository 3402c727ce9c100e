import type { DescMethod } from "@bufbuild/protobuf";
import { CallContext } from "./call-context.ts";
import { canceledError, TRACE_HEADER } from "./rpc.ts";

/** The context of a call that came as a Connect unary request. */
export class FastContext extends CallContext {
  override readonly protocolName = "connect";
  readonly #request: Request;
  #requestHeader: Headers | undefined;

  constructor(method: DescMethod, timeoutMs: number | undefined, request: Request) {
    super(method, timeoutMs);
    this.#request = request;
  }

  override get url(): string {
    return this.#request.url;
  }

  /** A call without a trace id gets one, so that its log lines can be found. */
  override get requestHeader(): Headers {
    if (this.#requestHeader === undefined) {
      this.#requestHeader = new Headers(this.#request.headers);
      if (!this.#requestHeader.has(TRACE_HEADER)) this.#requestHeader.set(TRACE_HEADER, Bun.randomUUIDv7());
    }
    return this.#requestHeader;
  }

  override header(name: string): string | undefined {
    return this.requestHeader.get(name) ?? undefined;
  }

  override traceId(): string {
    return this.header(TRACE_HEADER) ?? "";
  }

  protected override listened(): void {
    const { signal } = this.#request;
    const away = (): void => this.abort(canceledError(signal.reason));
    if (signal.aborted) away();
    else signal.addEventListener("abort", away, { once: true });
  }
}
