import { accountEndpoints } from "./account.ts";
import { authEndpoints } from "./auth.ts";
import { conversationChangeEndpoints } from "./conversation-changes.ts";
import { conversationEndpoints } from "./conversations.ts";
import { draftEndpoints } from "./drafts.ts";
import type { Endpoints } from "./endpoint.ts";
import { friendEndpoints } from "./friends.ts";
import { memberEndpoints } from "./members.ts";
import { messageChangeEndpoints } from "./message-changes.ts";
import { messageEndpoints } from "./messages.ts";
import { pinEndpoints } from "./pins.ts";
import { userEndpoints } from "./users.ts";

/** Every endpoint of the API, by the tag under which the documents show it. */
export const contract: Readonly<Record<string, Endpoints>> = {
  auth: { ...authEndpoints, ...accountEndpoints },
  users: userEndpoints,
  conversations: { ...draftEndpoints, ...conversationChangeEndpoints, ...conversationEndpoints },
  members: memberEndpoints,
  friends: friendEndpoints,
  messages: { ...messageEndpoints, ...messageChangeEndpoints, ...pinEndpoints },
};
