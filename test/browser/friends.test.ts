import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { type ServerProcess, startServer } from "../../bench/server-process.ts";
import { type Account, type Api, createApi, newAccount } from "../support/api.ts";
import { focusOn, launch, newPerson, type Person, password } from "./people.ts";

let server: ServerProcess;
let browser: Browser;
let api: Api;

beforeAll(async () => {
  server = await startServer({ settings: { "ratelimit.enabled": "false", "presence.offline_delay": "200ms" } });
  browser = await launch();
  api = createApi(server.url);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const button = (person: Person, name: string) => person.page.getByRole("button", { name, exact: true });
const friendsTab = (person: Person) => person.page.getByRole("tab", { name: /^Friends/ });
const dialog = (person: Person) => person.page.getByRole("dialog");

async function registered(...names: string[]): Promise<Person[]> {
  const people: Person[] = [];
  for (const name of names) {
    const person = await newPerson(browser, server.url);
    await person.register(name);
    people.push(person);
  }
  return people;
}

/** What `person` is called by the API, from the page's own session. */
async function tokenOf(person: Person): Promise<string> {
  const session = await person.page.evaluate(() => localStorage.getItem("gochat.session") ?? "{}");
  return (JSON.parse(session) as { accessToken: string }).accessToken;
}

async function asks(account: Account, username: string, message: string): Promise<void> {
  const path = `/users/search?q=${encodeURIComponent(username)}`;
  const found = await api.call<{ users: { id: string }[] }>("GET", path, undefined, account.accessToken);
  const targetUserId = found.data.users[0]?.id;
  const asked = await api.call("POST", "/friends/requests", { targetUserId, message }, account.accessToken);
  expect(asked.status).toBe(201);
}

describe("friends", () => {
  test("ask, accept, chat, presence, remark, block, unblock, remove between two pages", async () => {
    const [ann, ben] = (await registered("ann_friend", "ben_friend")) as [Person, Person];
    await using _ann = ann;
    await using _ben = ben;
    await friendsTab(ann).click();
    await ann.page.getByText("No friends yet").waitFor();
    await ann.screenshot("friends-none");
    await button(ann, "Add friend").click();
    await ann.page.getByLabel("Find people by name").fill("ben_friend");
    await button(ann, "Add ben_friend as a friend").click();
    await ann.page.getByLabel("Message to ben_friend").fill("We met at the lake.");
    await ann.screenshot("friends-ask");
    await button(ann, "Send request").click();
    await dialog(ann).getByText("Requested").waitFor();
    await ann.page.keyboard.press("Escape");
    await ann.page.getByText("Waiting for an answer").waitFor();

    await ben.page.getByRole("tab", { name: "Friends, 1 request" }).click();
    await ben.page.getByText("We met at the lake.").waitFor();
    await ben.screenshot("friends-request");
    await button(ben, "Accept the request of ann_friend").click();
    for (const [person, name] of [
      [ann, "ben_friend"],
      [ben, "ann_friend"],
    ] as const) {
      const row = person.page.locator(".friend", { hasText: name });
      await row.getByText("Online").waitFor();
      await row.locator(".online-dot").waitFor();
      await row.getByRole("button").first().click();
      await person.page.getByRole("heading", { name, level: 1 }).waitFor();
      await person.page.locator(".chat-head", { hasText: "Online" }).waitFor();
    }
    await ann.say("Hello friend");
    await ben.sees("Hello friend");
    await ann.screenshot("friends-chat");

    await ann.page.locator(".chat-head").getByRole("button", { name: "Details of ben_friend" }).click();
    await button(ann, "More about ben_friend").click();
    await ann.page.getByLabel("Your own name for ben_friend").fill("Benny from the lake");
    await button(ann, "Save").click();
    await dialog(ann).getByText("Saved").waitFor();
    await ann.screenshot("friends-card");
    await button(ann, "Block").click();
    await dialog(ann).getByText("does not see when you are online").waitFor();
    await ann.page.waitForFunction(() => document.activeElement?.textContent === "Cancel");
    await ann.screenshot("friends-block");
    await dialog(ann).getByRole("button", { name: "Block", exact: true }).click();
    await dialog(ann).getByRole("button", { name: "Unblock" }).waitFor();
    await ann.page.keyboard.press("Escape");
    await ann.page.getByText("You blocked ben_friend. Unblock to write.").waitFor();
    await ann.screenshot("friends-blocked");
    expect(await ann.page.locator(".composer").count()).toBe(0);
    await ben.say("are you there?");
    await ben.page.getByText("You may not write here.").waitFor();
    await ben.screenshot("friends-unreachable");

    await ann.page.locator(".blocked-bar").getByRole("button", { name: "Unblock" }).click();
    await ann.page.locator(".composer").waitFor();
    await ann.page.getByRole("heading", { name: "Benny from the lake", level: 1 }).waitFor();
    await button(ann, "More about ben_friend").click();
    await button(ann, "Remove friend").click();
    await ann.page.getByText("It ends for both of you").waitFor();
    await dialog(ann).getByRole("button", { name: "Remove friend", exact: true }).click();
    await dialog(ann).getByRole("button", { name: "Add friend" }).waitFor();
    await ann.page.keyboard.press("Escape");
    await ben.page.getByText("No friends yet").waitFor();
    expect([...ann.complaints, ...ben.complaints]).toEqual([]);
  });

  test("keyboard alone: the tab, a declined request, the focus after a dialog", async () => {
    const [cat] = (await registered("cat_keys")) as [Person];
    await using _cat = cat;
    const dan = await newAccount(api, "dan_asks");
    await asks(dan, "cat_keys", "hello");
    await cat.page.getByRole("tab", { name: "Friends, 1 request" }).waitFor();
    await cat.page.getByRole("tab", { name: "Chats" }).focus();
    await cat.page.keyboard.press("ArrowRight");
    const add = button(cat, "Add friend");
    await add.waitFor();
    await cat.page.keyboard.press("Tab");
    await cat.page.keyboard.press("Enter");
    await focusOn(cat.page, "dialog input");
    await cat.page.keyboard.type(dan.username);
    await dialog(cat)
      .getByRole("button", { name: `Accept the request of ${dan.username}` })
      .waitFor();
    await cat.page.keyboard.press("Escape");
    await dialog(cat).waitFor({ state: "detached" });
    await focusOn(cat.page, ".add-friend");
    await cat.page.keyboard.press("Tab");
    await cat.page.keyboard.press("Tab");
    await cat.page.keyboard.press("Enter");
    await cat.page.locator(".request").waitFor({ state: "detached" });
    await focusOn(cat.page, ".add-friend");
    const sent = await api.call<{ requests: { status: number }[] }>(
      "GET",
      "/friends/requests?type=sent",
      undefined,
      dan.accessToken,
    );
    expect(sent.data.requests.map(({ status }) => status)).toEqual([2]);
    expect(cat.complaints).toEqual([]);
  });

  test("a name in the world room leads to the person: a guest, and somebody to ask", async () => {
    const [nia, olaf] = (await registered("nia_world", "olaf_world")) as [Person, Person];
    await using _nia = nia;
    await using _olaf = olaf;
    await using guest = await newPerson(browser, server.url);
    await guest.asGuest();
    await guest.say("just passing by");
    await nia.sees("just passing by");
    const nameOf = (text: string) =>
      nia.page.locator(".message", { hasText: text }).last().getByRole("button", { name: /_/ });
    await nameOf("just passing by").click();
    await dialog(nia).getByText("A guest, who talks in the world room only.").waitFor();
    expect(await dialog(nia).getByRole("button").count()).toBe(1);
    await nia.page.keyboard.press("Escape");
    await olaf.say("anybody here?");
    await nia.sees("anybody here?");
    await nameOf("anybody here?").click();
    await dialog(nia).getByRole("button", { name: "Add friend" }).click();
    await button(nia, "Send request").click();
    await dialog(nia).getByRole("button", { name: "Requested" }).waitFor();
    await nia.screenshot("friends-from-world");
    await olaf.page.getByRole("tab", { name: "Friends, 1 request" }).waitFor();
    expect([...nia.complaints, ...olaf.complaints]).toEqual([]);
  });

  test("20 §5 online-status: the dot and the words follow a friend who leaves and comes back", async () => {
    const [kim, leo] = (await registered("kim_present", "leo_present")) as [Person, Person];
    await using _kim = kim;
    await using _leo = leo;
    await friendsTab(kim).click();
    await kim.page.getByText("No friends yet").waitFor();
    const friend = await named("mia_absent");
    await asks(friend, "kim_present", "hello");
    await button(kim, "Accept the request of mia_absent").click();
    await kim.page.locator(".friend", { hasText: "mia_absent" }).getByText("Offline").waitFor();
    await asks({ ...friend, accessToken: await tokenOf(leo) }, "kim_present", "it is leo");
    await button(kim, "Accept the request of leo_present").click();
    const row = kim.page.locator(".friend", { hasText: "leo_present" });
    const [avatar, dot] = [await row.locator(".avatar").boundingBox(), await row.locator(".online-dot").boundingBox()];
    expect(Math.abs((avatar?.y ?? 0) + (avatar?.height ?? 0) - (dot?.y ?? 0) - (dot?.height ?? 0))).toBeLessThan(4);
    expect(Math.abs((avatar?.x ?? 0) + (avatar?.width ?? 0) - (dot?.x ?? 0) - (dot?.width ?? 0))).toBeLessThan(4);
    await row.getByRole("button").first().click();
    await kim.page.locator(".chat-head", { hasText: "Online" }).waitFor();
    await leo.page.goto("about:blank");
    await kim.page.locator(".chat-head", { hasText: "Last seen just now" }).waitFor();
    await row.locator(".online-dot").waitFor({ state: "detached" });
    await kim.screenshot("friends-last-seen");
    await leo.page.goto(server.url);
    await row.locator(".online-dot").waitFor();
    await kim.page.locator(".chat-head", { hasText: "Online" }).waitFor();
    await button(kim, "New chat").click();
    await dialog(kim).getByRole("button", { name: "mia_absent" }).click();
    await dialog(kim).getByRole("button", { name: "leo_present" }).click();
    await kim.page.getByLabel("Name of the group").fill("Of friends, without typing a name");
    await button(kim, "Create group").click();
    await kim.page.getByRole("heading", { name: "Of friends", level: 1 }).waitFor();
    expect(kim.complaints).toEqual([]);
  });

  test("an answer that is refused brings the request back, and says why", async () => {
    const [eve] = (await registered("eve_refused")) as [Person];
    await using _eve = eve;
    const fay = await newAccount(api, "fay_asks");
    await asks(fay, "eve_refused", "hello");
    await eve.page.getByRole("tab", { name: "Friends, 1 request" }).click();
    await eve.page.route("**/api/friends/requests/*", (route) => route.abort());
    await button(eve, `Accept the request of ${fay.username}`).click();
    await eve.page.getByRole("alert").getByText("The server cannot be reached.").waitFor();
    await button(eve, `Accept the request of ${fay.username}`).waitFor();
    await eve.screenshot("friends-refused");
  });

  test("a list that cannot be loaded says so, and is there after Try again", async () => {
    await using gil = await newPerson(browser, server.url);
    // Away until the button is pressed: the page tries again by itself, too.
    let away = true;
    await gil.page.exposeFunction("pressed", () => {
      away = false;
    });
    await gil.page.route("**/api/friends*", (route) => (away ? route.abort() : route.continue()));
    await gil.register("gil_failed");
    await friendsTab(gil).click();
    await gil.page.getByText("Could not load your friends.").waitFor();
    await gil.screenshot("friends-failed");
    await button(gil, "Try again").evaluate(async (element: HTMLElement) => {
      await (globalThis as unknown as { pressed: () => Promise<void> }).pressed();
      element.click();
    });
    await gil.page.getByText("No friends yet").waitFor();
  });

  test("phone, dark, Chinese: friends in one pane, and what is done there", async () => {
    await using ning = await newPerson(browser, server.url, {
      viewport: { width: 390, height: 844 },
      isMobile: true,
      hasTouch: true,
      deviceScaleFactor: 2,
      locale: "zh-CN",
      colorScheme: "dark",
    });
    await ning.register("宁静致远");
    await ning.page.goBack();
    for (const name of ["一位很久不见的老朋友", "小明同学"]) {
      const account = await named(name);
      await asks(account, "宁静致远", "好久不见，我是大学同学，还记得我吗？");
    }
    await ning.page.getByRole("tab", { name: "好友，2 个请求" }).click();
    await ning.screenshot("friends-phone-chinese-dark");
    await ning.page.getByRole("button", { name: "接受 小明同学 的请求" }).click();
    const row = ning.page.locator(".friend", { hasText: "小明同学" });
    await row.getByRole("button", { name: "小明同学 的资料" }).click();
    await ning.screenshot("friends-card-phone-chinese-dark");
    await ning.page.getByRole("button", { name: "拉黑" }).click();
    await ning.screenshot("friends-block-phone-chinese-dark");
    await ning.page.keyboard.press("Escape");
    await row.getByRole("button").first().click();
    await ning.page.getByRole("heading", { name: "小明同学", level: 1 }).waitFor();
    await ning.screenshot("friends-chat-phone-chinese-dark");
    expect(ning.complaints).toEqual([]);
  });
});

async function named(username: string): Promise<Account> {
  await api.call("POST", "/auth/register", { username, password });
  const { data } = await api.call<Account & { user: { id: string } }>("POST", "/auth/login", { username, password });
  return { ...data, username, password, userId: data.user.id };
}

describe("the own account", () => {
  test("devices are listed and signed out; a new password signs the others out", async () => {
    await using hal = await newPerson(browser, server.url);
    await hal.register("hal_devices");
    await using other = await newPerson(browser, server.url);
    await other.page.locator("[name=username]").fill("hal_devices");
    await other.page.locator("[name=password]").fill(password);
    await other.page.keyboard.press("Enter");
    await other.page.locator(".composer").waitFor();
    await hal.page.locator(".account-button").click();
    await hal.screenshot("account-menu");
    await button(hal, "Devices").click();
    await dialog(hal).getByText("This device").waitFor();
    expect(await dialog(hal).locator(".devices li").count()).toBe(2);
    await hal.screenshot("devices");
    await dialog(hal)
      .getByRole("button", { name: /^Sign out Chrome on/ })
      .click();
    await other.page.getByText("You were signed out. Sign in again to go on.").waitFor();
    expect(await dialog(hal).locator(".devices li").count()).toBe(1);
    await hal.page.keyboard.press("Escape");

    await hal.page.locator(".account-button").click();
    await button(hal, "Change password").click();
    await hal.page.getByLabel("Present password").fill("not my password");
    await hal.page.getByLabel("New password").fill("battery staple");
    await dialog(hal).getByRole("button", { name: "Change password" }).click();
    await dialog(hal).getByText("The present password is not right.").waitFor();
    await hal.screenshot("password");
    await hal.page.getByLabel("Present password").fill(password);
    await dialog(hal).getByRole("button", { name: "Change password" }).click();
    await dialog(hal).getByText("Your password is changed.").waitFor();
    await button(hal, "Done").click();

    await hal.page.locator(".account-button").click();
    await button(hal, "Devices").click();
    await button(hal, "Sign out everywhere").click();
    await hal.screenshot("sign-out-everywhere");
    const token = await tokenOf(hal);
    await dialog(hal).getByRole("button", { name: "Sign out everywhere", exact: true }).click();
    await hal.page.locator(".welcome-card").waitFor();
    expect(await hal.page.getByText("You were signed out.").count()).toBe(0);
    expect((await api.call("GET", "/users/profile", undefined, token)).code).toBe("INVALID_TOKEN");
    expect(hal.complaints).toEqual([]);
  });

  test("a guest becomes an account, keeps the messages, and has friends then", async () => {
    await using ida = await newPerson(browser, server.url);
    await ida.asGuest();
    await ida.say("said as a guest");
    await ida.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    await friendsTab(ida).click();
    await ida.page.getByText("Guests have no friends list.").waitFor();
    await ida.screenshot("friends-guest");
    await ida.page.locator(".side-panel").getByRole("button", { name: "Create an account" }).click();
    await ida.page.getByLabel("Username").fill("ida_upgraded");
    await dialog(ida).getByLabel("Password").fill(password);
    await ida.screenshot("upgrade");
    await dialog(ida).getByRole("button", { name: "Create account" }).click();
    await dialog(ida).getByText("Welcome, ida_upgraded.").waitFor();
    await button(ida, "Done").click();
    await ida.page.getByText("No friends yet").waitFor();
    await ida.say("said as an account");
    await ida.page.locator(".send-state", { hasText: "Sent" }).last().waitFor();
    await ida.page.reload();
    await ida.sees("said as a guest");
    await ida.page.locator(".account-button", { hasText: "ida_upgraded" }).waitFor();
    expect(await ida.page.locator(".account-button .tag").count()).toBe(0);
    expect(ida.complaints).toEqual([]);
  });
});
