import { repoSuites } from "./live-testing.ts";

repoSuites("postgres", "GOCHAT_TEST_POSTGRES", process.env.GOCHAT_TEST_POSTGRES);
