import type { DescMethod } from "@bufbuild/protobuf";
import type { CallOptions, ContextValues } from "@connectrpc/connect";
import { CallContext } from "./call-context.ts";
import { TRACE_HEADER } from "./rpc.ts";

/** The context of a call inside the process. */
export class DirectContext extends CallContext {
  override readonly protocolName = "direct";
  readonly callerSignal: AbortSignal | undefined;
  readonly #options: CallOptions;
  #requestHeader: Headers | undefined;

  constructor(method: DescMethod, timeoutMs: number | undefined, options: CallOptions) {
    super(method, timeoutMs);
    this.callerSignal = options.signal;
    this.#options = options;
  }

  override get url(): string {
    return `direct:///${this.service.typeName}/${this.method.name}`;
  }

  override get requestHeader(): Headers {
    this.#requestHeader ??= new Headers(this.#options.headers);
    return this.#requestHeader;
  }

  override header(name: string): string | undefined {
    const { headers } = this.#options;
    if (this.#requestHeader === undefined && isRecord(headers)) {
      for (const given of Object.keys(headers)) {
        if (given === name || given.toLowerCase() === name) return headers[given];
      }
      return undefined;
    }
    if (this.#requestHeader === undefined && headers === undefined) return undefined;
    return this.requestHeader.get(name) ?? undefined;
  }

  override traceId(): string | undefined {
    return this.header(TRACE_HEADER);
  }

  protected override givenValues(): ContextValues | undefined {
    return this.#options.contextValues;
  }
}

function isRecord(headers: CallOptions["headers"]): headers is Record<string, string> {
  return typeof headers === "object" && !Array.isArray(headers) && !(headers instanceof Headers);
}
