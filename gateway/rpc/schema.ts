import { create, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { withImports } from "#proto/reflection.ts";

/** The protobuf files of the services and what they import, as a FileDescriptorSet: what `buf curl --schema` and like
 *  tools take instead of files. */
export function descriptorSet(services: readonly DescService[]): Uint8Array<ArrayBuffer> {
  const file = withImports(services.map((service) => service.file)).map(({ proto }) => proto);
  return new Uint8Array(toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file })));
}
