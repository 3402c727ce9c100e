import type { AnySection } from "#infra/config/config.ts";
import { hostSpec } from "#infra/host/config.ts";
import { gatewaySpec } from "../gateway/config.ts";
import { logicSpec } from "../logic/config.ts";
import { repoSpec } from "../repo/config.ts";
import { taskSpec } from "../task/config.ts";
import { allSpec } from "./all-in-one-spec.ts";

/** The keys of every service. */
export const serviceSpecs = { gateway: gatewaySpec, logic: logicSpec, repo: repoSpec, task: taskSpec } as const;

/** Where documents of the configuration centre may stand: for all processes, or for one service. */
export const centreFolders = ["global", "gateway", "logic", "repo", "task"] as const;
export type CentreFolder = (typeof centreFolders)[number];

/** The keys that documents of a folder may hold. */
export function specsOf(folder: CentreFolder): Readonly<Record<string, AnySection>> {
  return folder === "global"
    ? { process: hostSpec, ...serviceSpecs, all: allSpec }
    : { process: hostSpec, [folder]: serviceSpecs[folder] };
}
