import { exitCodes } from "#infra/host/start-error.ts";
import { historyText, parseHistoryOptions, runHistory } from "./history.ts";
import { idleText, parseIdleOptions, runIdle } from "./idle.ts";
import { serveLoad } from "./load/worker.ts";
import { runMq } from "./mq.ts";
import { parseMqOptions } from "./mq-options.ts";
import { faultsOf, mqText } from "./mq-result.ts";
import { BenchUsageError } from "./options.ts";
import { tell } from "./output.ts";
import { serveReference } from "./reference-server.ts";
import { runReport } from "./report/join.ts";
import { isFaithful } from "./result.ts";
import { runRpc } from "./rpc.ts";
import { parseRpcOptions, type RpcKind } from "./rpc-options.ts";
import { rpcText } from "./rpc-result.ts";
import { serveRpc } from "./rpc-server.ts";
import { runSelection } from "./selection.ts";
import { runSend, sendText } from "./send.ts";
import { parseSendOptions } from "./send-options.ts";
import { parseSoakOptions, runSoak, soakText } from "./soak.ts";
import { parseStormOptions, runStorm, stormText } from "./storm.ts";
import { runTargets } from "./targets.ts";
import { parseTraceOptions, runTrace, traceText } from "./trace.ts";
import { runWorld } from "./world.ts";
import { parseWorldOptions } from "./world-options.ts";
import { worldText } from "./world-result.ts";

/** Runs one scenario with the words after its name. Answers the exit code. */
type Scenario = (args: readonly string[]) => Promise<number>;

const scenarios: Readonly<Record<string, Scenario>> = {
  async world(args) {
    const options = parseWorldOptions(args);
    const result = await runWorld(options);
    await tell(worldText(result), { ...result }, options);
    return isFaithful(result) ? 0 : 1;
  },
  async send(args) {
    const options = parseSendOptions(args);
    const result = await runSend(options);
    await tell(sendText(result), { ...result }, options);
    return isFaithful(result) ? 0 : 1;
  },
  async group(args) {
    const options = parseSendOptions(args, "group");
    const result = { ...(await runSend(options)), scenario: "group" };
    await tell(sendText({ ...result, scenario: "send" }), result, options);
    return isFaithful(result) ? 0 : 1;
  },
  async soak(args) {
    const options = parseSoakOptions(args);
    const result = await runSoak(options);
    await tell(soakText(result), { ...result }, options);
    return isFaithful(result) ? 0 : 1;
  },
  async history(args) {
    const options = parseHistoryOptions(args);
    const result = await runHistory(options);
    await tell(historyText(result), { ...result }, options);
    return 0;
  },
  async storm(args) {
    const options = parseStormOptions(args);
    const result = await runStorm(options);
    await tell(stormText(result), { ...result }, options);
    return 0;
  },
  async idle(args) {
    const options = parseIdleOptions(args);
    const result = await runIdle(options);
    await tell(idleText(result), { ...result }, options);
    return 0;
  },
  async mq(args) {
    const options = parseMqOptions(args, process.env);
    const result = await runMq(options);
    await tell(mqText(result), { ...result }, options);
    return faultsOf(result) === 0 ? 0 : 1;
  },
  async rpc(args) {
    const options = parseRpcOptions(args);
    if (options.serve !== undefined) return serveUntilStopped(options.serve);
    const result = await runRpc(options);
    await tell(rpcText(result), { ...result }, options);
    return 0;
  },
  async trace(args) {
    const options = parseTraceOptions(args);
    const result = await runTrace();
    await tell(traceText(result), { ...result }, options);
    return 0;
  },
};

/** What works on results instead of measuring. */
const tools: Readonly<Record<string, Scenario>> = { all: runSelection, report: runReport, targets: runTargets };

/** Processes that the bench starts for itself. */
const inner: Readonly<Record<string, Scenario>> = { load: serveLoad, reference: serveReference };

/** For the bench itself, which ends the process. */
function serveUntilStopped(kind: RpcKind): Promise<number> {
  serveRpc(kind);
  return new Promise(() => undefined);
}

/** `gochat bench …`. Answers the exit code: 0 a faithful run, 1 one that lost, doubled or reordered, 64 a wrong option. */
export async function bench(args: readonly string[]): Promise<number> {
  const [name = "", ...rest] = args;
  try {
    const all = { ...scenarios, ...tools, ...inner };
    const scenario = Object.hasOwn(all, name) ? all[name] : undefined;
    if (scenario === undefined) {
      throw new BenchUsageError(
        `There is no scenario "${name}". Scenarios: ${Object.keys({ ...scenarios, ...tools }).join(", ")}.`,
      );
    }
    return await scenario(rest);
  } catch (error) {
    if (!(error instanceof BenchUsageError)) throw error;
    console.error(error.message);
    return exitCodes.usage;
  }
}
