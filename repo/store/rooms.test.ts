import { expect, test } from "bun:test";
import { worldId } from "../context.ts";
import { ChangesFixture } from "../rpc/changes-testing.ts";
import { createTestRepo } from "../testing.ts";
import { roomsSuite } from "./rooms.suite.ts";

roomsSuite(createTestRepo);

const at = new ChangesFixture(createTestRepo);

test("a name that changes is shown by the next page of a room", async () => {
  await at.send(at.ann, "text", { conversationId: worldId });
  const nameOf = async () => {
    const asked = { conversationId: worldId, viewerId: at.bob, asMember: true, ascending: true };
    return (await at.message.getConversationMessages(asked)).messages[0]?.sender?.username;
  };
  for (let n = 0; n < 3; n += 1) await nameOf();
  await at.rename(at.ann, "another");
  expect(await nameOf()).toBe("another");
});
