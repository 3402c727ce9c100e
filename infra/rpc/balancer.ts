import { Code, ConnectError } from "@connectrpc/connect";
import type { Coord, ServiceInstance } from "../coord/coord.ts";
import { createTarget, type Target, type TargetOptions, type Targets } from "./target.ts";

export interface Balancer extends Targets, AsyncDisposable {
  /** What the choice is made from, ordered by id. */
  instances(): readonly {
    readonly id: string;
    readonly url: string;
    readonly calls: number;
    readonly failing: boolean;
  }[];
}

export interface BalancerOptions {
  readonly coord: Pick<Coord, "watch">;
  /** The service, as it registers: `im-logic`. */
  readonly name: string;
  /** `http://host:port` of the one instance to use, whatever is registered. */
  readonly address?: string;
  /** `https` with certificates on both sides. Default `http`. */
  readonly scheme?: "http" | "https";
  readonly target?: TargetOptions;
}

interface Known {
  readonly id: string;
  readonly target: Target;
}

/**
 * The instances of a service, as the registry shows them now. A call goes to the one with the fewest calls in flight; one
 * whose last call found nobody, or no answer in time, stays out of the choice for 0.5 s and up to 30 s, unless all are.
 * Calls under way to an instance that left go on.
 */
export async function connectBalancer(options: BalancerOptions): Promise<Balancer> {
  const { coord, name, address, scheme = "http", target: targetOptions = {} } = options;
  const clock = targetOptions.clock ?? ((): number => performance.now());
  let known: readonly Known[] = [];
  const show = (instances: readonly ServiceInstance[]): void => {
    const before = new Map(known.map((one) => [`${one.id} ${one.target.url}`, one]));
    known = instances.map((instance) => {
      const url = urlOf(instance, scheme);
      return before.get(`${instance.id} ${url}`) ?? { id: instance.id, target: createTarget(url, targetOptions) };
    });
  };
  if (address !== undefined) known = [{ id: address, target: createTarget(address.replace(/\/$/, ""), targetOptions) }];
  const watch = address === undefined ? await coord.watch(name, show) : undefined;
  let turn = 0;

  const choose = (): Target => {
    const now = clock();
    let best: Target | undefined;
    // Begins elsewhere each time, so that equals take turns.
    turn = (turn + 1) % Math.max(1, known.length);
    for (let n = 0; n < known.length; n += 1) {
      const candidate = known[(turn + n) % known.length]?.target;
      if (candidate !== undefined && (best === undefined || better(candidate, best, now))) best = candidate;
    }
    if (best === undefined) throw new ConnectError(`no instance of ${name} is registered`, Code.Unavailable);
    return best;
  };

  return {
    take: (signal) => choose().take(signal),
    count: () => known.length,
    instances: () =>
      known.map(({ id, target }) => ({
        id,
        url: target.url,
        calls: target.calls,
        failing: target.failingUntilMs > clock(),
      })),
    [Symbol.asyncDispose]: async () => watch?.close(),
  };
}

function better(candidate: Target, best: Target, nowMs: number): boolean {
  const waitOf = (target: Target): number => Math.max(0, target.failingUntilMs - nowMs);
  const [ours, theirs] = [waitOf(candidate), waitOf(best)];
  // Among those that fail, the one that failed longest ago is the likeliest to be back.
  return ours === theirs ? candidate.calls < best.calls : ours < theirs;
}

function urlOf({ address, port }: ServiceInstance, scheme: string): string {
  return `${scheme}://${address.includes(":") ? `[${address}]` : address}:${port}`;
}
