import { describe } from "bun:test";
import { metricsFlows } from "../support/metrics-flows.ts";
import { needsInside, notOurs, startTarget } from "../support/target.ts";

describe.skipIf(notOurs)(`metrics of one process${needsInside}`, () => metricsFlows(startTarget, "one"));
