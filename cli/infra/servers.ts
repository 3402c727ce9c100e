import { createEtcd } from "./etcd.ts";
import { createKafka } from "./kafka.ts";
import { createMariadb } from "./mariadb.ts";
import { createMysql } from "./mysql.ts";
import { createOpensearch } from "./opensearch.ts";
import { createPackages } from "./packages.ts";
import { createPostgres } from "./postgres.ts";
import { createRedis } from "./redis.ts";
import { createS3 } from "./s3.ts";
import type { Server } from "./server.ts";
import type { InfraSettings } from "./settings.ts";

/** Every server that can run as a local process. */
export function createServers(settings: InfraSettings): readonly Server[] {
  const packages = createPackages(settings.programsDir);
  return [
    createRedis(packages),
    createEtcd(packages),
    createPostgres(packages),
    createMariadb(packages),
    createMysql(packages),
    createKafka(packages, settings.kafka),
    createOpensearch(packages),
    createS3(packages),
  ];
}
