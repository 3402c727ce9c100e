import { repoSuites } from "./live-testing.ts";

repoSuites("mysql", "GOCHAT_TEST_MYSQL", process.env.GOCHAT_TEST_MYSQL);
