/** A process of its own for the live tests: `claim ENDPOINT PREFIX COUNT` claims numbers and prints them, `lock ENDPOINT PREFIX NAME TTL_MS` takes a lock and says
 *  so. It lives until its standard input ends, or until it is killed. */
import { connectEtcd } from "./etcd.ts";
import { etcdConfig } from "./etcd-testing.ts";

const [verb = "", endpoint = "", prefix = "", what = "", ttlMs = ""] = process.argv.slice(2);
await using coord = await connectEtcd(etcdConfig([endpoint], { prefix }));
if (verb === "claim") {
  const claims = Array.from({ length: Number(what) }, () => coord.claimNumber("race", { min: 1, max: 1023 }));
  console.log(JSON.stringify((await Promise.all(claims)).map((lease) => lease.number)));
} else {
  await coord.acquire(what, { ttlMs: Number(ttlMs), signal: AbortSignal.timeout(10_000) });
  console.log("locked");
}
for await (const _ of Bun.stdin.stream()) {
  // Nothing is said to it.
}
