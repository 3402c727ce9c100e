import type { HandlerContext } from "@connectrpc/connect";
import { isUnary, methodName, type RpcService } from "../rpc/rpc.ts";
import type { Span, Tracer } from "./trace.ts";
import { TRACEPARENT_HEADER } from "./w3c.ts";

type Fn = (request: unknown, context: HandlerContext) => unknown;

/** The same services, where a call whose headers carry a sampled `traceparent` is a span `rpc {service}/{method}`, and
 *  the handler finds the span's own context in that header. It makes no difference how the call came: directly, by
 *  Connect, by gRPC-Web. */
export function tracedServices(services: readonly RpcService[], tracer: Tracer): RpcService[] {
  return services.map(({ service, impl }) => {
    const traced: Record<string, unknown> = { ...impl };
    for (const method of service.methods) {
      const fn = impl[method.localName];
      if (!isUnary(method) || typeof fn !== "function") continue;
      const name = `rpc ${methodName(method).replace(/^gochat\./, "")}`;
      const bound = (request: unknown, context: HandlerContext): unknown => (fn as Fn).call(impl, request, context);
      traced[method.localName] = (request: unknown, context: HandlerContext): unknown => {
        const span = startOf(tracer, name, context);
        return span === undefined ? bound(request, context) : settled(span, () => bound(request, context));
      };
    }
    return { service, impl: traced };
  });
}

function startOf(tracer: Tracer, name: string, context: HandlerContext): Span | undefined {
  const parent = callParent(tracer, context);
  const span = tracer.startSpan(name, parent, { kind: "server" });
  if (span !== undefined) context.requestHeader.set(TRACEPARENT_HEADER, span.traceparent);
  return span;
}

/** The context that a call carries; undefined when nothing is sampled here. */
export function callParent(tracer: Tracer, context: Pick<HandlerContext, "requestHeader">): string | undefined {
  return tracer.enabled ? (context.requestHeader.get(TRACEPARENT_HEADER) ?? undefined) : undefined;
}

async function settled(span: Span, call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    span.fail(error);
    throw error;
  } finally {
    span.end();
  }
}
