import { version } from "#infra/host/run.ts";
import { exitCodes } from "#infra/host/start-error.ts";
import { type Command, parseCommandLine, UsageError } from "./command-line.ts";

const usage = `gochat ${version}

  gochat serve                 start all of GoChat in one process (default)
  gochat serve SERVICE         start one service: gateway, logic, repo or task
  gochat bench world           measure the fan-out of the world room, beside bare Bun.serve publish
  gochat bench send            measure stored and acked messages: single chats, groups, the world room
  gochat bench storm|idle|soak measure connects, memory per socket, a long run; docs/performance.md has all scenarios
  gochat bench report DIR      one page and table of the results in a folder
  gochat infra up|down|status  start, stop or list the servers for development and tests
  gochat up, gochat down       start, stop the four services as processes on those servers (GATEWAYS=2 DB=postgres)
  gochat bench mq              measure the log: SQLite, and Kafka with --kafka HOST:PORT
  gochat bench rpc             measure a unary call: a bare server, our fast path, the library's handler
  gochat topics VERB           topics and consumer groups on Kafka: create, check, list, reset-offset …; gochat topics --help
  gochat config                list every key of the configuration
  gochat config get|set|delete KEY, gochat config sync|diff [ENVIRONMENT]
                               read and write the configuration centre; gochat config --help
  gochat version
  gochat help

Options of serve:
  --port N        HTTP and WebSocket (default: PORT, else 8080)
  --host ADDRESS  address to listen on (default 127.0.0.1; 0.0.0.0 opens it to the network)
  --data DIR      where everything is kept (default ./data)
  --gateways N    serve: N gateway processes on the port, one per core, beside the process with everything else
  --processes N   serve gateway: N gateway processes on the port
  --set KEY=VALUE any key of the configuration, for example --set ws.max_connections=1000

Options of every bench against a server:
  --target embedded|up|URL  --set KEY=VALUE  --json FILE  --baseline FILE

Options of bench world:
  --conns N  --rate N | --window N  --joined N  --size BYTES  --seconds N  --rounds N  --warm N  --text|--proto
  --processes N  --slow-readers PERCENT  --no-reference  --no-pin

Options of bench send:
  --kind single|group|world  --closed WINDOW | --open RATE  --conns N  --members N  --size BYTES  --seconds N

Options of bench mq:
  --records N  --size BYTES  --batch N  --partitions N  --rounds N  --kafka HOST:PORT  --json FILE

Options of bench rpc:
  --calls N  --clients N  --rounds N  --json FILE

Exit codes: 0 stopped as asked, 1 unexpected, 64 usage, 69 something needed is not there (a busy port), 73 data folder,
78 configuration.`;

async function run(command: Command): Promise<number> {
  switch (command.name) {
    case "serve": {
      const { serve } = await import("./serve.ts");
      return serve(command);
    }
    case "gateway-process": {
      const { gatewayProcess } = await import("./gateways/child.ts");
      return gatewayProcess(command.flags, command);
    }
    case "bench": {
      const { bench } = await import("../bench/main.ts");
      return bench(command.args);
    }
    case "infra": {
      const { infra } = await import("./infra/main.ts");
      return infra(command.args);
    }
    case "up": {
      const { up } = await import("./up/main.ts");
      return up(command.args);
    }
    case "down": {
      const { down } = await import("./up/main.ts");
      return down(command.args);
    }
    case "topics": {
      const { runTopics } = await import("./topics.ts");
      return runTopics(command.args);
    }
    case "config": {
      const { configCommand } = await import("./config-command.ts");
      return configCommand(command.args);
    }
    case "version":
      console.log(version);
      return 0;
    case "help":
      console.log(usage);
      return 0;
  }
}

async function main(args: readonly string[]): Promise<number> {
  try {
    return await run(parseCommandLine(args, process.env));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\nRun \`gochat help\` for what there is.`);
    return exitCodes.usage;
  }
}

process.exit(await main(process.argv.slice(2)));
