// The gateway alone with its pages, as a single-file executable: gateway/ itself may not import the web page.
import { runGateway } from "../gateway/main.ts";
import { pages } from "./pages.ts";

process.exit(await runGateway({}, pages));
