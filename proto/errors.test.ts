import { describe, expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectErrors } from "./connect-errors.ts";
import { AppError, ERRORS, type ErrorName, isAppError, kindOf, toAppError } from "./errors.ts";

const names = Object.keys(ERRORS) as ErrorName[];

describe("errors", () => {
  test("what is not an AppError is INTERNAL_ERROR and tells nothing", () => {
    const error = toAppError(new Error("password=secret"));
    expect(error.code).toBe("INTERNAL_ERROR");
    expect(error.message).not.toContain("secret");
    expect(kindOf("text").http).toBe(500);
  });

  test("every name survives the wire with message, details and trace", () => {
    for (const name of names) {
      const details = { fields: ["a"], retryAfterMs: 5, text: "plain", number: "5", json: '{"a":1}', empty: "" };
      const sent = new AppError(name, { message: "why", details, traceId: "t1" });
      const back = connectErrors.fromConnect(connectErrors.toConnect(sent));
      if (!isAppError(back)) throw new Error("not an AppError");
      expect(back).toMatchObject({ code: name, message: "why", details, traceId: "t1" });
    }
  });

  test("an unexpected error crosses the wire without its text", () => {
    const wire = connectErrors.toConnect(new Error("secret"));
    expect(wire.code).toBe(Code.Internal);
    expect(wire.message).not.toContain("secret");
  });

  test("DESIGN §7: while there are no ids for new messages the service is unavailable, not broken", () => {
    const stale = Object.assign(new Error("lease last confirmed 21000 ms ago"), { name: "LeaseStaleError" });
    expect(connectErrors.fromConnect(connectErrors.toConnect(stale))).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  });

  test("a business error is decided, so that nobody repeats the call; what the table calls `same` is not", () => {
    const crossed = (name: ErrorName) => connectErrors.fromConnect(connectErrors.toConnect(new AppError(name)));
    const decided = names.filter((name) => connectErrors.isDecided(crossed(name)));
    expect(decided).toEqual(names.filter((name) => ERRORS[name].retry !== "same"));
    expect(decided).toContain("VERSION_CONFLICT");
  });

  test("an `aborted` without a detail is nobody's decision, though it is named VERSION_CONFLICT", () => {
    expect(connectErrors.isDecided(connectErrors.fromConnect(new ConnectError("x", Code.Aborted)))).toBe(false);
    expect(connectErrors.isDecided(new Error("x"))).toBe(false);
  });

  test("ERRORS.md: a Connect error without a detail is mapped by its code", () => {
    const mapped = (code: Code) => (connectErrors.fromConnect(new ConnectError("x", code)) as AppError).code;
    expect(mapped(Code.InvalidArgument)).toBe("INVALID_PARAMETER");
    expect(mapped(Code.OutOfRange)).toBe("INVALID_PARAMETER");
    expect(mapped(Code.Unauthenticated)).toBe("UNAUTHORIZED");
    expect(mapped(Code.PermissionDenied)).toBe("FORBIDDEN");
    expect(mapped(Code.NotFound)).toBe("NOT_FOUND");
    expect(mapped(Code.AlreadyExists)).toBe("VERSION_CONFLICT");
    expect(mapped(Code.Aborted)).toBe("VERSION_CONFLICT");
    expect(mapped(Code.ResourceExhausted)).toBe("RATE_LIMITED");
    expect(mapped(Code.FailedPrecondition)).toBe("OPERATION_NOT_SUPPORTED");
    expect(mapped(Code.Unavailable)).toBe("SERVICE_UNAVAILABLE");
    expect(mapped(Code.DeadlineExceeded)).toBe("TIMEOUT");
    expect(mapped(Code.Canceled)).toBe("CANCELLED");
    expect(mapped(Code.Unimplemented)).toBe("METHOD_NOT_ALLOWED");
    expect(mapped(Code.DataLoss)).toBe("INTERNAL_ERROR");
  });
});
