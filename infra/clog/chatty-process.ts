import { untilStop } from "../host/signals.ts";
import { createLogger } from "./clog.ts";

/** A process for the test of stdout: logs 4 MB, says so on stderr, and stops at SIGTERM. */
const clog = createLogger({ service: "chatty", level: "info", format: "json" });
clog.info("first");
const stop = untilStop(clog, 5000);
for (let n = 0; n < 4000; n += 1) clog.info("x".repeat(1000));
process.stderr.write("logged\n");
clog.warn("stopping", { reason: await stop });
process.exit(0);
