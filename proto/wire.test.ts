import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { type DescMethod, type DescService, getOption } from "@bufbuild/protobuf";
import type { GenFile } from "@bufbuild/protobuf/codegenv2";
import { ERRORS } from "./errors.ts";
import { CLOSE } from "./frames.ts";
import { ErrorCode } from "./gen/gochat/common/v1/error_pb.ts";
import { CallerFact, caller, public$ } from "./gen/gochat/common/v1/options_pb.ts";
import { serverFrames } from "./schemas/server-frames.ts";
import { topics } from "./topics.ts";

/** The contract is pinned: whoever changes it changes the snapshot, and reads what moved. */

const GEN = new URL("./gen/", import.meta.url).pathname;

const files = await Promise.all(
  readdirSync(GEN, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith("_pb.ts"))
    .sort()
    .map(async (path) => {
      const module: Record<string, unknown> = await import(`${GEN}${path}`);
      const file = Object.entries(module).find(([name]) => name.startsWith("file_"))?.[1] as GenFile;
      return file;
    }),
);

const services = files.flatMap((file) => file.services);

function kindOfField(field: (typeof files)[number]["messages"][number]["fields"][number]): string {
  if (field.fieldKind === "message") return field.message.typeName;
  if (field.fieldKind === "enum") return field.enum.typeName;
  if (field.fieldKind === "scalar") return String(field.scalar);
  if (field.fieldKind === "list")
    return `repeated ${field.listKind === "scalar" ? field.scalar : (field.message ?? field.enum)?.typeName}`;
  return `map ${field.mapKey} ${field.mapKind === "scalar" ? field.scalar : (field.message ?? field.enum)?.typeName}`;
}

function describeFile(file: GenFile): string[] {
  return [
    ...file.messages.flatMap((message) => [
      ...message.fields.map((field) => `${message.typeName} ${field.number} ${field.name}: ${kindOfField(field)}`),
    ]),
    ...file.enums.flatMap((e) => e.values.map((value) => `${e.typeName} ${value.number} ${value.name}`)),
    ...file.services.flatMap((service) =>
      service.methods.map(
        (m) => `${service.typeName}/${m.name} ${m.idempotency}${getOption(m, public$) ? " public" : ""}`,
      ),
    ),
  ];
}

describe("the wire is pinned", () => {
  for (const file of files) {
    test(`${file.name}.proto`, () => {
      expect(describeFile(file)).toMatchSnapshot();
    });
  }

  test("error names, numbers and statuses", () => {
    expect(
      Object.entries(ERRORS).map(([name, e]) => `${name} ${e.number} ${e.http} ${e.connect} ${e.ws} ${e.retry}`),
    ).toMatchSnapshot();
  });

  test("topics", () => {
    const rows = Object.values(topics).map((t) =>
      [t.name, t.type, t.partitions, t.partitionsProduction, t.durable, t.retentionMs, t.deadLetter].join(" "),
    );
    expect(rows).toMatchSnapshot();
  });

  test("server frame names", () => {
    expect(Object.keys(serverFrames)).toMatchSnapshot();
    expect(CLOSE).toMatchSnapshot();
  });
});

describe("spec 30 §1", () => {
  test("every error of the table has its number in ErrorCode, and the other way round", () => {
    const numbers = Object.values(ERRORS).map((entry) => entry.number);
    const codes = Object.values(ErrorCode).filter((code) => code !== ErrorCode.UNSPECIFIED);
    expect(numbers.toSorted()).toEqual(codes.toSorted());
  });

  const CALLER_FIELDS: Record<string, CallerFact> = {
    user_id: CallerFact.USER_ID,
    creator_id: CallerFact.USER_ID,
    operator_id: CallerFact.USER_ID,
    requester_id: CallerFact.USER_ID,
    handler_id: CallerFact.USER_ID,
    session_id: CallerFact.SESSION_ID,
    ip: CallerFact.IP,
  };

  const publicMethods = services.flatMap((s: DescService) =>
    s.methods.filter((m: DescMethod) => getOption(m, public$)),
  );

  test("a caller field of a public method carries the mark", () => {
    expect(publicMethods.length).toBeGreaterThan(50);
    const unmarked = publicMethods.flatMap((method) =>
      method.input.fields
        .filter(
          (field) => CALLER_FIELDS[field.name] !== undefined && getOption(field, caller) !== CALLER_FIELDS[field.name],
        )
        .map((field) => `${method.parent.typeName}/${method.name} ${field.name}`),
    );
    expect(unmarked).toEqual([]);
  });

  test("only gochat.logic.v1 is public, without the methods for services", () => {
    expect(
      publicMethods.filter((method) => !method.parent.typeName.startsWith("gochat.logic.v1.")).map(String),
    ).toEqual([]);
    const names = new Set(publicMethods.map((method) => method.name));
    for (const name of ["ValidateToken", "RevokeSessions", "GetKeySet", "GetRooms", "PublishAnnouncement"]) {
      expect(names.has(name)).toBe(false);
    }
    const hidden = services
      .filter((service) => service.typeName.startsWith("gochat.logic.v1."))
      .flatMap((service) =>
        service.methods.filter((method) => !getOption(method, public$)).map((method) => method.name),
      );
    expect(hidden.toSorted()).toEqual([
      "GetKeySet",
      "GetRooms",
      "PublishAnnouncement",
      "RevokeSessions",
      "ValidateToken",
    ]);
  });
});
