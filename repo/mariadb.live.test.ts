import { repoSuites } from "./live-testing.ts";

repoSuites("mariadb", "GOCHAT_TEST_MARIADB", process.env.GOCHAT_TEST_MARIADB);
