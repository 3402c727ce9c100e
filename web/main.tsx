import { render } from "preact";
import { startActing } from "./acting.ts";
import { App } from "./app.tsx";
import { loadDrafts } from "./drafts.ts";
import { startFriends } from "./friends.ts";
import { startRoute } from "./route.ts";
import { startSettings } from "./settings.ts";
import { startState } from "./state.ts";
import { startTogether } from "./together.ts";

startSettings();
startRoute();
startState();
startFriends();
startTogether();
loadDrafts();
startActing();
const place = document.getElementById("app");
if (place !== null) render(<App />, place);
