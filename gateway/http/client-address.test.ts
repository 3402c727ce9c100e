import { expect, test } from "bun:test";
import { createClientAddress } from "./client-address.ts";

test("60 §8: without trusted proxies the header is ignored", () => {
  const address = createClientAddress([]);
  expect(address("10.0.0.1", "1.2.3.4")).toBe("10.0.0.1");
});

test("60 §8: a peer that is no trusted proxy cannot forge its address", () => {
  const address = createClientAddress(["10.0.0.0/8"]);
  expect(address("203.0.113.9", "1.2.3.4")).toBe("203.0.113.9");
});

test("60 §8: the right-most address that is no trusted proxy counts", () => {
  const address = createClientAddress(["10.0.0.0/8", "fd00::/8"]);
  expect(address("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.2.3.4")).toBe("203.0.113.9");
  expect(address("fd00::1", "2001:db8::7, 10.2.3.4")).toBe("2001:db8::7");
  expect(address("::ffff:10.0.0.1", "203.0.113.9")).toBe("203.0.113.9");
  expect(address("10.0.0.1", "10.0.0.7")).toBe("10.0.0.7");
});

test("what is no address ends the walk, and never becomes the key of a limit", () => {
  const address = createClientAddress(["10.0.0.0/8"]);
  expect(address("10.0.0.1", "1.2.3.4, ' OR 1=1 --, 10.0.0.2")).toBe("10.0.0.2");
  expect(address("10.0.0.1", "999.1.1.1")).toBe("10.0.0.1");
  expect(address("10.0.0.1", "")).toBe("10.0.0.1");
});

test("IPv4 in IPv6 has the name of the IPv4 address", () => {
  expect(createClientAddress([])("::ffff:192.0.2.1", null)).toBe("192.0.2.1");
});

test("a malformed CIDR is refused at start", () => {
  for (const cidr of ["10.0.0.0/33", "x", "10.0.0/8", "::1/129", ""]) {
    expect(() => createClientAddress([cidr])).toThrow(RangeError);
  }
});
