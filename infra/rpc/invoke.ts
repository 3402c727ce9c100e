import { create, type DescMethodUnary, isMessage, type Message } from "@bufbuild/protobuf";
import type { Interceptor, UnaryRequest, UnaryResponse } from "@connectrpc/connect";
import type { CallContext } from "./call-context.ts";
import type { UnaryFunction } from "./rpc.ts";

/** Runs an implementation, through the interceptors when there are some, outermost first. */
export function invokeUnary(
  method: DescMethodUnary,
  fn: UnaryFunction,
  message: Message,
  context: CallContext,
  interceptors: readonly Interceptor[],
): Promise<Message> {
  return interceptors.length === 0
    ? invoke(method, fn, message, context)
    : intercepted(method, fn, message, context, interceptors);
}

async function invoke(
  method: DescMethodUnary,
  fn: UnaryFunction,
  request: Message,
  context: CallContext,
): Promise<Message> {
  const answer = await fn(request, context);
  return isMessage(answer, method.output) ? answer : create(method.output, answer);
}

async function intercepted(
  method: DescMethodUnary,
  fn: UnaryFunction,
  message: Message,
  context: CallContext,
  interceptors: readonly Interceptor[],
): Promise<Message> {
  const innermost = async (request: UnaryRequest): Promise<UnaryResponse> => ({
    stream: false,
    service: method.parent,
    method,
    header: context.responseHeader,
    trailer: context.responseTrailer,
    message: await invoke(method, fn, request.message, context),
  });
  const chain = interceptors.reduceRight<ReturnType<Interceptor>>(
    (next, interceptor) => interceptor(next),
    innermost as ReturnType<Interceptor>,
  );
  const response = await chain({
    stream: false,
    service: method.parent,
    method,
    requestMethod: context.requestMethod,
    url: context.url,
    signal: context.signal,
    header: context.requestHeader,
    contextValues: context.values,
    message,
  });
  return response.message as Message;
}
