import type { ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";

const grpcWeb = "application/grpc-web";

/** The answer to a unary call that is refused before any handler sees it, as an error of the call's protocol: JSON with a
 *  status for Connect, trailers in the place of headers for gRPC-Web. Neither body nor path are looked at. */
export function rpcRefusal(
  request: Request,
  error: ConnectError,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const answer = new Headers(headers);
  const type = request.headers.get("content-type") ?? "";
  if (type.startsWith(grpcWeb)) {
    answer.set("content-type", type);
    setTrailerStatus(answer, error);
    return new Response(null, { headers: answer });
  }
  answer.set("content-type", "application/json");
  const body = errorToJsonBytes(error, undefined);
  return new Response(body as BodyInit, { status: codeToHttpStatus(error.code), headers: answer });
}
