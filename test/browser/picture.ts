/** Takes the picture of the README anew: bun test/browser/picture.ts [file]. */
import { startServer } from "../../bench/server-process.ts";
import { type Account, createApi } from "../support/api.ts";
import { launch, newPerson } from "./people.ts";

const file = process.argv[2] ?? "docs/images/chat.png";
await using server = await startServer({ settings: { "ratelimit.enabled": "false" } });
const api = createApi(server.url);
const [river, cloud] = [await named("river"), await named("cloud")];
let said = 0;
const say = async (account: Account, conversationId: string, content: string): Promise<void> => {
  said += 1;
  const body = { content, messageType: 1, client_msg_id: `picture-${said}` };
  await api.call("POST", `/conversations/${conversationId}/messages`, body, account.accessToken);
};

const browser = await launch();
const stone = await newPerson(browser, server.url, { viewport: { width: 1280, height: 760 }, deviceScaleFactor: 2 });
await stone.register("stone");
const found = await api.call<{ users: { id: string }[] }>("GET", "/users/search?q=stone", undefined, river.accessToken);
const stoneId = found.data.users[0]?.id ?? "";
const group = async (owner: Account, body: object): Promise<string> =>
  (await api.call<{ id: string }>("POST", "/conversations", body, owner.accessToken)).data.id;

await say(cloud, "world", "Good morning, everyone!");
await say(river, "world", "Morning. The new build starts in under a second here.");
await say(river, "world", "One process, one folder: that is all of it.");
await say(cloud, "world", "大家好！中文也没有问题。");
const release = await group(river, { type: 2, name: "Release", members: [stoneId, cloud.userId] });
await say(cloud, release, "Notes are ready for review.");
const chat = await group(cloud, { type: 1, members: [stoneId] });
await say(cloud, chat, "Lunch at half past twelve?");
await say(cloud, "world", "How many are in this room now?");
await stone.say("Everyone on this server.");
await stone.page.locator(".send-state", { hasText: "Sent" }).waitFor();
await say(river, "world", "And each message is encoded once, whoever is listening. مرحبا!");
await stone.sees("whoever is listening");
await stone.page.mouse.move(640, 20);
await stone.page.screenshot({ path: file });
await browser.close();

async function named(username: string): Promise<Account> {
  const account = { username, password: "a picture of words" };
  await api.call("POST", "/auth/register", account);
  type Tokens = Pick<Account, "accessToken" | "refreshToken"> & { user: { id: string } };
  const { data } = await api.call<Tokens>("POST", "/auth/login", account);
  return { ...account, ...data, userId: data.user.id };
}
