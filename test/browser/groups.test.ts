import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Locator } from "playwright-core";
import { type ServerProcess, startServer } from "../../bench/server-process.ts";
import { type Account, type Api, createApi, newAccount } from "../support/api.ts";
import { focusOn, launch, newPerson, type Person } from "./people.ts";

let server: ServerProcess;
let browser: Browser;
let api: Api;

beforeAll(async () => {
  server = await startServer({ settings: { "ratelimit.enabled": "false" } });
  browser = await launch();
  api = createApi(server.url);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

async function idOf(name: string, asker: Account): Promise<string> {
  const found = await api.call<{ users: { id: string; username: string }[] }>(
    "GET",
    `/users/search?q=${encodeURIComponent(name)}`,
    undefined,
    asker.accessToken,
  );
  const user = found.data.users.find((one) => one.username === name);
  if (user === undefined) throw new Error(`nobody is called ${name}`);
  return user.id;
}
/** A group of somebody without a page, with these people in it. */
async function groupOf(owner: Account, name: string, members: readonly string[], settings = {}): Promise<string> {
  const ids = await Promise.all(members.map((one) => idOf(one, owner)));
  const body = { type: 2, name, members: ids, settings };
  return (await api.call<{ id: string }>("POST", "/conversations", body, owner.accessToken)).data.id;
}
let said = 0;
async function say(account: Account, id: string, content: string): Promise<{ id: string; seqId: number }> {
  said += 1;
  const body = { content, messageType: 1, client_msg_id: `g-${said}` };
  const path = `/conversations/${id}/messages`;
  return (await api.call<{ id: string; seqId: number }>("POST", path, body, account.accessToken)).data;
}
const entry = (person: Person, name: string): Locator =>
  person.page.locator(".entry").filter({ has: person.page.locator(".entry-name", { hasText: name }) });
const button = (person: Person, name: string | RegExp): Locator => person.page.getByRole("button", { name });
const member = (person: Person, name: string): Locator => person.page.locator(".member", { hasText: name });
async function open(person: Person, name: string): Promise<void> {
  await entry(person, name).click();
  await person.page.getByRole("heading", { name, level: 1 }).waitFor();
}
async function details(person: Person): Promise<void> {
  await person.page.locator(".details-button").click();
  await person.page.locator(".details").waitFor();
}
async function choose(person: Person, name: string, action: string): Promise<void> {
  await member(person, name).getByRole("button").click();
  await person.page.getByRole("menuitem", { name: action, exact: true }).click();
}
const change = (person: Person, text: string): Promise<void> =>
  person.page.locator(".line.change", { hasText: text }).last().waitFor();

/** Two pages and many steps: more than the usual minute when the machine is busy. */
const longMs = 150_000;

describe("a group", () => {
  test(
    "made, filled, led, silenced and left: each page shows what the others do",
    async () => {
      await using ann = await newPerson(browser, server.url);
      await using ben = await newPerson(browser, server.url);
      const [cat, dan] = [await newAccount(api, "cat"), await newAccount(api, "dan")];
      await ann.register("ann_group");
      await ben.register("ben_group");
      await button(ann, "New chat").click();
      for (const name of ["ben_group", cat.username]) {
        await ann.page.getByLabel("Find people by name").fill(name);
        await ann.page.locator(".hit", { hasText: name }).click();
      }
      await ann.page.getByLabel("Name of the group").fill("Night crew");
      await button(ann, "Create group").click();
      await ann.page.getByRole("heading", { name: "Night crew", level: 1 }).waitFor();
      await details(ann);
      await member(ann, "ben_group").waitFor();
      await button(ann, "Add people").click();
      await ann.page.getByLabel("Find people by name").fill(dan.username);
      await ann.page.locator(".hit", { hasText: dan.username }).click();
      await ann.screenshot("group-add-people");
      await button(ann, "Add 1 person").click();
      await member(ann, dan.username).waitFor();
      await open(ben, "Night crew");
      await change(ben, `ann_group added ${dan.username}`);
      await details(ben);
      expect(await member(ben, dan.username).getByRole("button").count()).toBe(1);
      await member(ben, dan.username).getByRole("button").click();
      expect(await ben.page.getByRole("menuitem").allTextContents()).toEqual(["Message"]);
      await ben.page.keyboard.press("Escape");

      await choose(ann, "ben_group", "Make admin");
      await change(ben, "ann_group made ben_group an admin");
      await member(ben, "ben_group").getByText("Admin").waitFor();
      await member(ben, dan.username).getByRole("button").click();
      await ben.screenshot("group-member-menu");
      await ben.page.getByRole("menuitem", { name: "Mute for 1 hour" }).click();
      await member(ann, dan.username).getByText("Muted until").waitFor();
      await change(ann, `ben_group muted ${dan.username}`);
      await ann.screenshot("group-details");
      await choose(ben, dan.username, "Unmute");
      await change(ann, `ben_group let ${dan.username} write again`);
      await choose(ben, dan.username, "Remove from the group");
      await ben.screenshot("group-remove-question");
      await ben.page.locator("dialog").getByRole("button", { name: "Remove from the group" }).click();
      await member(ann, dan.username).waitFor({ state: "detached" });
      await change(ann, `ben_group removed ${dan.username}`);

      await button(ann, "Edit name and description").click();
      await ann.page.getByLabel("Name", { exact: true }).fill("Day crew");
      await ann.page.getByLabel("Description").fill("We keep the lights on.\n白天值班。");
      await button(ann, "Save").click();
      await ben.page.getByRole("heading", { name: "Day crew", level: 1 }).waitFor();
      await change(ben, "ann_group changed the name to Day crew");
      await button(ann, "Announce something").click();
      await ann.page.getByLabel("Announcement", { exact: true }).fill("Party on Friday at eight. Bring a friend.");
      await button(ann, "Save").click();
      await ben.page.locator(".bar.announcement", { hasText: "Party on Friday" }).waitFor();
      await ann.page.getByLabel("Only admins may write").click();
      await change(ben, "ann_group changed the group's settings");
      await ben.screenshot("group-announcement");

      await choose(ann, "ben_group", "Make owner");
      await ann.page.locator("dialog").getByRole("button", { name: "Make owner" }).click();
      await member(ann, "ben_group").getByText("Owner").waitFor();
      await button(ann, "Leave group").click();
      await ann.page.locator("dialog").getByRole("button", { name: "Leave group" }).click();
      await entry(ann, "Day crew").waitFor({ state: "detached" });
      await change(ben, "ann_group left");
      await button(ben, "Close group").click();
      const confirm = ben.page.locator("dialog").getByRole("button", { name: "Close group" });
      expect(await confirm.isDisabled()).toBe(true);
      await ben.page.getByLabel("Name of the group").fill("Day crew");
      await ben.screenshot("group-dissolve-question");
      await confirm.click();
      await ben.page.getByText("This group is closed. You can read, nobody can write.").waitFor();
      expect(await ben.page.locator(".composer").count()).toBe(0);
      await ben.page.reload();
      await ben.page.getByText("This group is closed.").waitFor();
      await ben.screenshot("group-dissolved");
      expect([...ann.complaints, ...ben.complaints]).toEqual([]);
    },
    longMs,
  );

  test(
    "who is muted or removed is told in the place of what he can no longer do; and may ask to join",
    async () => {
      await using eve = await newPerson(browser, server.url);
      await eve.register("eve_group");
      const owner = await newAccount(api, "owner");
      const eveId = await idOf("eve_group", owner);
      const id = await groupOf(owner, "Book club", ["eve_group"]);
      await open(eve, "Book club");
      const put = (path: string, body: object) =>
        api.call("PUT", `/conversations/${id}${path}`, body, owner.accessToken);
      await put(`/members/${eveId}/mute`, { muted: true, durationSeconds: 3600 });
      await eve.page.getByText("You may not write here until").waitFor();
      await eve.screenshot("group-muted");
      await put(`/members/${eveId}/mute`, { muted: false });
      await eve.page.locator(".composer").waitFor();
      await put("/mute-all", { enabled: true });
      await eve.page.getByText("Only admins may write here at the moment.").waitFor();
      await api.call("DELETE", `/conversations/${id}/members/${eveId}`, undefined, owner.accessToken);
      await eve.page.getByRole("heading", { name: "You are not a member here" }).waitFor();
      await eve.page.getByRole("heading", { name: "Book club", level: 1 }).waitFor();
      await eve.screenshot("group-no-access");
      await button(eve, "Ask to join").click();
      await eve.page.getByText("This group takes no requests.").waitFor();
      await put("", { settings: { join_approval_required: true, mute_all: false } });
      await eve.page.goto(`${server.url}/#/c/${id}`);
      await eve.page.reload();
      await eve.page.getByLabel("Say who you are (optional)").fill("It is me, Eve");
      await button(eve, "Ask to join").click();
      await eve.page.getByText("You asked to join.").waitFor();

      await using admin = await newPerson(browser, server.url);
      await admin.register("admin_group");
      const adminId = await idOf("admin_group", owner);
      await api.call("POST", `/conversations/${id}/members`, { members: [adminId] }, owner.accessToken);
      await put(`/members/${adminId}`, { role: 2 });
      await open(admin, "Book club");
      await details(admin);
      await admin.page.getByText("It is me, Eve").waitFor();
      await admin.screenshot("group-join-request");
      await button(admin, "Let eve_group in").click();
      await eve.page.locator(".composer").waitFor();
      await member(admin, "eve_group").waitFor();
      expect([...eve.complaints, ...admin.complaints]).toEqual([]);
    },
    longMs,
  );

  test(
    "phone: the details are a pane of their own, and the system's way back leads to the messages",
    async () => {
      await using fay = await newPerson(browser, server.url, phone);
      await fay.register("fay_group");
      const owner = await newAccount(api, "owner_p");
      const id = await groupOf(owner, "Garden", ["fay_group"]);
      await say(owner, id, "The tomatoes are ripe.");
      await fay.page.goBack();
      await entry(fay, "Garden").tap();
      await fay.sees("The tomatoes are ripe.");
      await fay.page.locator(".message .text", { hasText: "The tomatoes are ripe." }).tap();
      await fay.page.locator(".actions").waitFor();
      expect(await fay.page.locator(".acting").count()).toBe(0);
      await fay.screenshot("phone-group");
      await details(fay);
      await member(fay, owner.username).waitFor();
      await fay.screenshot("phone-details");
      await fay.page.goBack();
      await fay.page.locator(".details").waitFor({ state: "detached" });
      await fay.sees("The tomatoes are ripe.");
      await fay.page.goBack();
      await fay.page.locator(".sidebar").waitFor();
    },
    longMs,
  );
});

describe("messages in company", () => {
  test(
    "pins: by the owner, seen by all, gone to by a click, taken away",
    async () => {
      await using gus = await newPerson(browser, server.url);
      await using hal = await newPerson(browser, server.url);
      await gus.register("gus_pins");
      await hal.register("hal_pins");
      await hal.page.locator(".entry").first().waitFor();
      const talker = await newAccount(api, "talker_pins");
      const id = await groupOf(talker, "Pinboard", ["gus_pins", "hal_pins"]);
      const gusId = await idOf("gus_pins", talker);
      await api.call("PUT", `/conversations/${id}/members/${gusId}`, { role: 2 }, talker.accessToken);
      const first = await say(talker, id, "The address is 12 Mill Lane");
      await api.call("PUT", `/messages/${first.id}/pin`, {}, talker.accessToken);
      for (let at = 0; at < 120; at++) await say(talker, id, `line ${at}`);
      await open(gus, "Pinboard");
      await open(hal, "Pinboard");
      await gus.page.locator(".pins-bar", { hasText: "12 Mill Lane" }).waitFor();
      await gus.page.locator(".message", { hasText: "line 119" }).hover();
      await gus.screenshot("pins-actions");
      await gus.page.locator(".actions").getByRole("button", { name: "Pin", exact: true }).click();
      await hal.page.locator(".pins-bar", { hasText: "line 119" }).waitFor();
      await hal.page.locator(".message", { hasText: "line 118" }).hover();
      expect(await hal.page.locator(".actions").getByRole("button", { name: "Pin", exact: true }).count()).toBe(0);
      await hal.page.getByRole("button", { name: /2 pinned messages/ }).click();
      await hal.screenshot("pins-list");
      await hal.page.locator(".pin-text", { hasText: "12 Mill Lane" }).click();
      await hal.page.locator(".message.found", { hasText: "12 Mill Lane" }).waitFor();
      expect(await hal.page.locator(".message", { hasText: "12 Mill Lane" }).isVisible()).toBe(true);
      await hal.screenshot("pins-gone-to");
      await gus.page.getByRole("button", { name: /2 pinned messages/ }).click();
      for (let left = 2; left > 0; left--)
        await gus.page
          .getByRole("button", { name: /^Unpin/ })
          .first()
          .click();
      await hal.page.locator(".pins-bar").waitFor({ state: "detached" });
      expect([...gus.complaints, ...hal.complaints]).toEqual([]);
    },
    longMs,
  );

  test(
    "forwarded by keyboard to two conversations",
    async () => {
      await using ida = await newPerson(browser, server.url);
      await ida.register("ida_forward");
      const friend = await newAccount(api, "forward_friend");
      const id = await groupOf(friend, "Forward group", ["ida_forward"]);
      await ida.page.locator(".entry", { hasText: "Forward group" }).waitFor();
      await ida.say("worth repeating");
      await ida.page.locator(".send-state", { hasText: "Sent" }).waitFor();
      await ida.page.keyboard.press("Control+ArrowUp");
      await ida.page.waitForFunction(() => document.activeElement?.closest(".actions") !== null);
      const forward = ida.page.locator(".actions [aria-label=Forward]");
      for (let at = 0; at < 8 && !(await forward.evaluate((one) => one === document.activeElement)); at++)
        await ida.page.keyboard.press("ArrowRight");
      await ida.page.keyboard.press("Enter");
      await focusOn(ida.page, "dialog input");
      await ida.page.keyboard.type("Forward g");
      await ida.page.keyboard.press("Enter");
      await ida.page.keyboard.press("Control+a");
      await ida.page.keyboard.type("World");
      await ida.page.keyboard.press("Enter");
      await ida.screenshot("forward");
      await ida.page.keyboard.press("Control+Enter");
      await ida.page.locator("dialog").waitFor({ state: "detached" });
      await open(ida, "Forward group");
      await ida.sees("worth repeating");
      await ida.page.locator(".message", { hasText: "Forwarded" }).waitFor();
      const rows = await api.call<{ messages: { content: string }[] }>(
        "GET",
        `/conversations/${id}/messages`,
        undefined,
        friend.accessToken,
      );
      expect(rows.data.messages.map(({ content }) => content)).toContain("worth repeating");
    },
    longMs,
  );

  test(
    "typing shows and ends; the single chat's ticks and the group's readers tell who has read",
    async () => {
      await using jo = await newPerson(browser, server.url);
      await using kim = await newPerson(browser, server.url);
      await jo.register("jo_reads");
      await kim.register("kim_reads");
      await jo.page.keyboard.press("Control+k");
      await jo.page.keyboard.type("kim_reads");
      await jo.page.locator(".hit", { hasText: "kim_reads" }).waitFor();
      await jo.page.keyboard.press("Enter");
      await jo.page.getByRole("heading", { name: "kim_reads", level: 1 }).waitFor();
      await jo.say("first");
      await jo.page.locator(".send-state", { hasText: "Sent" }).waitFor();
      await open(kim, "jo_reads");
      await jo.page.locator(".send-state", { hasText: "Read" }).waitFor();
      await kim.page.keyboard.type("I am");
      await jo.page.locator(".typing", { hasText: "kim_reads is typing…" }).waitFor();
      await jo.screenshot("single-typing-read");
      await kim.page.locator(".composer textarea").fill("");
      await jo.page.locator(".typing.shown").waitFor({ state: "detached" });

      const lou = await newAccount(api, "lou_reads");
      await groupOf(lou, "Readers", ["jo_reads", "kim_reads"]);
      await open(jo, "Readers");
      await jo.say("who reads this?");
      await jo.page.locator(".send-state", { hasText: "Sent" }).waitFor();
      await open(kim, "Readers");
      await button(jo, "Read by 1").click();
      await jo.page.locator(".readers", { hasText: lou.username }).waitFor();
      expect(await jo.page.locator(".readers ul").first().textContent()).toContain("kim_reads");
      await jo.screenshot("group-readers");
      expect([...jo.complaints, ...kim.complaints]).toEqual([]);
    },
    longMs,
  );

  test(
    "the list's menu pins, silences and hides, by keyboard too",
    async () => {
      await using may = await newPerson(browser, server.url);
      await may.register("may_menu");
      const friend = await newAccount(api, "menu_friend");
      const quiet = await groupOf(friend, "Quiet room", ["may_menu"]);
      const mayId = await idOf("may_menu", friend);
      const chat = await api.call<{ id: string }>(
        "POST",
        "/conversations",
        { type: 1, members: [mayId] },
        friend.accessToken,
      );
      await say(friend, chat.data.id, "hi there");
      await entry(may, "Quiet room").click({ button: "right" });
      await may.screenshot("list-menu");
      await may.page.getByRole("menuitem", { name: "Mute notifications" }).click();
      await entry(may, "Quiet room").getByText("muted").waitFor({ state: "attached" });
      await entry(may, "Quiet room").focus();
      await may.page.keyboard.press("Tab");
      await may.page.keyboard.press("Enter");
      await may.page.keyboard.press("Enter");
      await entry(may, "Quiet room").getByText("pinned").waitFor({ state: "attached" });
      await say(friend, quiet, "psst");
      await entry(may, "Quiet room").locator(".badge.quiet").waitFor();
      expect(await may.page.locator(".entry-name").nth(1).textContent()).toBe("Quiet room");
      expect(await may.page.title()).toBe("(1) GoChat");
      await may.screenshot("list-muted-pinned");
      await entry(may, friend.username).click({ button: "right" });
      await may.page.getByRole("menuitem", { name: "Hide chat" }).click();
      await may.page.locator("dialog").getByRole("button", { name: "Hide chat" }).click();
      await entry(may, friend.username).waitFor({ state: "detached" });
      expect(may.complaints).toEqual([]);
    },
    longMs,
  );
});
