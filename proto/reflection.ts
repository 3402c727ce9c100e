import { createRegistry, type DescFile, type DescService, type Registry, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { ErrorDetailSchema } from "./gen/gochat/common/v1/error_pb.ts";
import {
  type ExtensionRequest,
  ServerReflection,
  type ServerReflectionRequest,
} from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "./gen/grpc/reflection/v1alpha/reflection_pb.ts";

/** A request as both versions have it. */
type Asked =
  | Exclude<ServerReflectionRequest["messageRequest"], { case: "fileContainingExtension" }>
  | { case: "fileContainingExtension"; value: Pick<ExtensionRequest, "containingType" | "extensionNumber"> };

type Answer =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

/** Status codes of gRPC. */
const invalidArgument = 3;
const notFound = 5;

interface ReflectionService {
  readonly service: DescService;
  readonly impl: Readonly<Record<string, unknown>>;
}

/** The reflection of gRPC, in both versions that tools ask for, about these services and all that their files import. */
export function reflectionServices(services: readonly DescService[]): ReflectionService[] {
  const answer = reflector(services);
  const current: Partial<ServiceImpl<typeof ServerReflection>> = {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        yield { validHost: request.host, originalRequest: request, messageResponse: answer(request.messageRequest) };
      }
    },
  };
  const alpha: Partial<ServiceImpl<typeof ServerReflectionAlpha>> = {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        yield { validHost: request.host, originalRequest: request, messageResponse: answer(request.messageRequest) };
      }
    },
  };
  return [
    { service: ServerReflection, impl: current },
    { service: ServerReflectionAlpha, impl: alpha },
  ];
}

function reflector(services: readonly DescService[]): (asked: Asked) => Answer {
  // The detail of errors too, which no method names.
  const files = withImports([...services, ErrorDetailSchema].map(({ file }) => file));
  const byName = new Map(files.map((file) => [file.proto.name, file]));
  const registry = createRegistry(...files);
  return (asked) => {
    switch (asked.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: services.map(({ typeName }) => ({ name: typeName })) },
        };
      case "fileByFilename":
        return fileAnswer(byName.get(asked.value), asked.value);
      case "fileContainingSymbol":
        return fileAnswer(fileOfSymbol(registry, asked.value), asked.value);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = asked.value;
        const type = registry.getMessage(containingType);
        const extension = type === undefined ? undefined : registry.getExtensionFor(type, extensionNumber);
        return fileAnswer(extension?.file, `${containingType} ${extensionNumber}`);
      }
      case "allExtensionNumbersOfType":
        return extensionsAnswer(registry, asked.value);
      default:
        return { case: "errorResponse", value: { errorCode: invalidArgument, errorMessage: "nothing is asked" } };
    }
  };
}

/** The files and what they import, imports first. */
export function withImports(files: readonly DescFile[]): DescFile[] {
  const all = new Map<string, DescFile>();
  const add = (file: DescFile): void => {
    if (all.has(file.proto.name)) return;
    for (const dependency of file.dependencies) add(dependency);
    all.set(file.proto.name, file);
  };
  for (const file of files) add(file);
  return [...all.values()];
}

/** Of a type or service, or of something in one: a method, a field. */
function fileOfSymbol(registry: Registry, symbol: string): DescFile | undefined {
  return (registry.get(symbol) ?? registry.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf(".")))))?.file;
}

function fileAnswer(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return missing(asked);
  // The one that was asked for first; the rest spares the tool a question each.
  const found = withImports([file]).reverse();
  const fileDescriptorProto = found.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function extensionsAnswer(registry: Registry, baseTypeName: string): Answer {
  if (registry.getMessage(baseTypeName) === undefined) return missing(baseTypeName);
  const extensionNumber = [...registry].flatMap((desc) =>
    desc.kind === "extension" && desc.extendee.typeName === baseTypeName ? [desc.number] : [],
  );
  return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } };
}

function missing(asked: string): Answer {
  return { case: "errorResponse", value: { errorCode: notFound, errorMessage: `${asked} is not served here` } };
}
