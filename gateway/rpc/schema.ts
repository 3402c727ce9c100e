import { create, type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** The protobuf files of the services and what they import, as a FileDescriptorSet: what `buf curl --schema` and like
 *  tools take instead of files. */
export function descriptorSet(services: readonly DescService[]): Uint8Array<ArrayBuffer> {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile): void => {
    if (files.has(file.proto.name)) return;
    // Imports first, as readers of a set expect.
    for (const dependency of file.dependencies) add(dependency);
    files.set(file.proto.name, file);
  };
  for (const { file } of services) add(file);
  const set = create(FileDescriptorSetSchema, { file: [...files.values()].map(({ proto }) => proto) });
  return new Uint8Array(toBinary(FileDescriptorSetSchema, set));
}
