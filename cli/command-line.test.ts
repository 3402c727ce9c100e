import { describe, expect, test } from "bun:test";
import { parseCommandLine, UsageError } from "./command-line.ts";

describe("the command line", () => {
  test("no words: all of GoChat", () => {
    expect(parseCommandLine([], {})).toEqual({
      name: "serve",
      service: undefined,
      surroundings: { env: {}, flags: {} },
    });
  });

  test("PORT is the port, --port wins", () => {
    const env = { PORT: "9000" };
    expect(parseCommandLine(["serve"], env)).toMatchObject({ surroundings: { flags: { port: "9000" } } });
    expect(parseCommandLine(["serve", "--port", "1"], env)).toMatchObject({ surroundings: { flags: { port: "1" } } });
  });

  test("a service by both of its names", () => {
    for (const word of ["gateway", "im-gateway"])
      expect(parseCommandLine(["serve", word], {})).toMatchObject({ service: "gateway" });
  });

  test("any key by --set", () => {
    expect(parseCommandLine(["serve", "--set", "ws.max_connections=7", "--data", "/d"], {})).toMatchObject({
      surroundings: { flags: { "ws.max_connections": "7", "data.dir": "/d" } },
    });
  });

  test("how many gateway processes share the port", () => {
    expect(parseCommandLine(["serve", "--gateways", "2"], {})).toMatchObject({
      surroundings: { flags: { processes: "2" } },
    });
    expect(parseCommandLine(["serve", "gateway", "--processes", "4"], {})).toMatchObject({
      surroundings: { flags: { processes: "4" } },
    });
    for (const args of [
      ["serve", "logic", "--processes", "2"],
      ["serve", "gateway", "--gateways", "2"],
      ["serve", "--processes", "2"],
    ])
      expect(() => parseCommandLine(args, {})).toThrow(UsageError);
  });

  test.each([[["fly"]], [["serve", "moon"]], [["serve", "--what"]], [["serve", "--set", "x"]], [["serve", "a", "b"]]])(
    "%p is refused with a reason",
    (args) => {
      expect(() => parseCommandLine(args, {})).toThrow(UsageError);
    },
  );
});
