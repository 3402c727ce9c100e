import { expect, test } from "bun:test";
import { BenchUsageError } from "./options.ts";
import { parsePeer } from "./peer.ts";
import { parseSendOptions } from "./send-options.ts";
import { parseWorldOptions } from "./world-options.ts";

test("--json FILE says where the result goes, --json alone the encoding", () => {
  const file = parseWorldOptions(["--json", "a/b.json", "--proto"]);
  expect([file.json, file.html, file.encoding]).toEqual(["a/b.json", "a/b.html", "proto"]);
  const alone = parseWorldOptions(["--json", "--conns", "7"]);
  expect([alone.json, alone.encoding, alone.conns]).toEqual([undefined, "text", 7]);
  expect(parseWorldOptions(["--out", "x.json"]).json).toBe("x.json");
});

test("a wrong option is a usage error", () => {
  for (const words of [["--conns", "0"], ["--conns", "1e9"], ["--nonsense"], ["--peer", "x"], ["--rate", ""]])
    expect(() => parseWorldOptions(words)).toThrow(BenchUsageError);
  expect(() => parseSendOptions(["--open", "5", "--closed", "5"])).toThrow(BenchUsageError);
  expect(() => parseSendOptions(["--kind", "pair"])).toThrow(BenchUsageError);
});

test("sockets are a multiple of a conversation's people", () => {
  expect(parseSendOptions(["--conns", "41"]).conns).toBe(40);
  expect(parseSendOptions(["--kind", "group", "--members", "7", "--conns", "20"]).conns).toBe(14);
  expect(parseSendOptions([], "group")).toMatchObject({ kind: "group", members: 100, conns: 100 });
});

test("--warm is seconds of a warm-up, none unless asked for", () => {
  expect([parseWorldOptions([]).warm, parseWorldOptions(["--warm", "20"]).warm]).toEqual([0, 20]);
  expect(() => parseWorldOptions(["--warm", "601"])).toThrow(BenchUsageError);
});

test("settings and the command are kept", () => {
  const options = parseWorldOptions(["--set", "ws.frame_out_max=128KiB", "--set", "a.b=c=d"]);
  expect(options.set).toEqual({ "ws.frame_out_max": "128KiB", "a.b": "c=d" });
  expect(options.command).toBe("./gochat bench world --set ws.frame_out_max=128KiB --set a.b=c=d");
});

test("--peer names a system and where it is", () => {
  const place = parsePeer("centrifugo=http://127.0.0.1:8000/", { CENTRIFUGO_API_KEY: "k" });
  expect(place).toEqual({ url: "http://127.0.0.1:8000", apiKey: "k", token: undefined });
  expect(parsePeer(undefined, {})).toBeUndefined();
  for (const wrong of ["goim=http://a", "centrifugo", "centrifugo=a:8000"])
    expect(() => parsePeer(wrong, {})).toThrow(BenchUsageError);
});
