import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { type ServerProcess, startServer } from "../../bench/server-process.ts";
import { type Account, type Api, createApi, newAccount } from "../support/api.ts";
import { launch, newPerson, readingPlace } from "./people.ts";

const settings = { "ratelimit.enabled": "false" };
let server: ServerProcess;
let browser: Browser;
let api: Api;
let talker: Account;

beforeAll(async () => {
  server = await startServer({ settings });
  browser = await launch();
  api = createApi(server.url);
  talker = await newAccount(api, "talker");
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

let said = 0;
/** Messages of somebody who has no page, in order. */
async function others(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    said += 1;
    const body = { content: `line ${said}`, messageType: 1, client_msg_id: `line-${said}` };
    await api.call("POST", "/conversations/world/messages", body, talker.accessToken);
  }
}

describe("first visit", () => {
  test("a guest and an account see each other's messages in the world room, with their ack", async () => {
    await using guest = await newPerson(browser, server.url);
    await using ann = await newPerson(browser, server.url);
    await guest.screenshot("first-visit");
    await guest.asGuest();
    await guest.page.getByText("No messages yet").waitFor();
    await guest.screenshot("empty-room");
    await ann.register("ann_lee");
    await guest.say("Hello from the guest");
    await ann.sees("Hello from the guest");
    await guest.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    await ann.say("你好，我是 ann");
    await guest.sees("你好，我是 ann");
    await ann.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    expect(await guest.page.locator(".message", { hasText: "你好，我是 ann" }).count()).toBe(1);
    expect(await ann.page.locator(".message", { hasText: "你好，我是 ann" }).count()).toBe(1);
    await ann.screenshot("world");
    expect([...guest.complaints, ...ann.complaints]).toEqual([]);
  });

  test("a reload stays signed in, and shows the same history", async () => {
    await using ben = await newPerson(browser, server.url);
    await ben.register("ben_reload");
    await ben.say("before the reload");
    await ben.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    await ben.page.reload();
    await ben.sees("before the reload");
    expect(await ben.page.locator(".message", { hasText: "before the reload" }).count()).toBe(1);
  });

  test("a wrong password says so in words", async () => {
    await using cat = await newPerson(browser, server.url);
    await cat.page.locator("[name=username]").fill("nobody_here");
    await cat.page.locator("[name=password]").fill("wrong password");
    await cat.page.keyboard.press("Enter");
    await cat.page.getByRole("alert").getByText("Name and password do not fit together.").waitFor();
  });
});

describe("changes of a message", () => {
  test("reply, react, edit and remove show on both pages", async () => {
    await using ann = await newPerson(browser, server.url);
    await using ben = await newPerson(browser, server.url);
    await ann.register("ann_changes");
    await ben.register("ben_changes");
    await ann.say("a word with a tpyo");
    await ben.sees("a word with a tpyo");
    const at = (person: typeof ann, text: string) =>
      person.page.locator(".message", { has: person.page.locator(".text", { hasText: text }) }).last();
    await at(ben, "tpyo").hover();
    await ben.page.getByRole("button", { name: "React with 👍" }).click();
    await at(ann, "tpyo").locator(".reaction", { hasText: "1" }).waitFor();
    await at(ann, "tpyo").locator(".reaction").click();
    await at(ben, "tpyo").locator(".reaction.mine", { hasText: "2" }).waitFor();
    await at(ben, "tpyo").hover();
    await ben.page.getByRole("button", { name: "Reply" }).click();
    await ben.screenshot("reply");
    await ben.say("you mean typo");
    await at(ann, "you mean typo").locator(".quote", { hasText: "a word with a tpyo" }).waitFor();
    await ann.page.locator(".composer textarea").focus();
    await ann.page.keyboard.press("ArrowUp");
    await ann.page.getByText("Edit:").waitFor();
    await ann.say("a word with a typo");
    await at(ben, "a word with a typo").locator(".edited").waitFor();
    await at(ann, "a word with a typo").hover();
    await ann.screenshot("actions");
    await ann.page.getByRole("button", { name: "Remove for everybody" }).click();
    await ben.page.locator(".message .removed").waitFor();
    await at(ben, "you mean typo").locator(".quote", { hasText: "Message removed" }).waitFor();
    expect([...ann.complaints, ...ben.complaints]).toEqual([]);
  });
});

describe("history", () => {
  test("scrolls back to the first message; the place that is read stays when others write", async () => {
    await others(260);
    await using reader = await newPerson(browser, server.url);
    await reader.asGuest();
    await reader.sees("line 260");
    await reader.page.locator(".scroller").hover();
    await reader.page.mouse.wheel(0, -1_500);
    await reader.page.locator(".jump").waitFor();
    await reader.page.waitForFunction(() => document.querySelectorAll(".message").length > 60);
    const before = await readingPlace(reader.page);
    await others(12);
    await reader.page.getByText("12 new messages").waitFor();
    expect(await readingPlace(reader.page)).toEqual(before);
    await reader.screenshot("reading-history");
    for (let i = 0; i < 60; i++) {
      if (await reader.page.getByText("This is where it begins.").isVisible()) break;
      await reader.page.mouse.wheel(0, -2_000);
      await reader.page.waitForTimeout(60);
    }
    await reader.sees("Hello from the guest");
    expect(await reader.page.locator(".message").count()).toBeLessThanOrEqual(250);
    await reader.page.locator(".jump").click();
    await reader.sees("line 272");
    await reader.page.locator(".jump").waitFor({ state: "detached" });
    expect(reader.complaints).toEqual([]);
  });

  test("messages that came while the page was away have a line above them and a count in the list", async () => {
    await using dan = await newPerson(browser, server.url);
    await dan.register("dan_away");
    const ann = await newAccount(api, "friend");
    const me = (
      await api.call<{ users: { id: string }[] }>("GET", "/users/search?q=dan_away", undefined, ann.accessToken)
    ).data.users[0];
    const chat = await api.call<{ id: string }>(
      "POST",
      "/conversations",
      { type: 1, members: [me?.id] },
      ann.accessToken,
    );
    for (const word of ["one", "two", "three"]) {
      const body = { content: `unread ${word}`, messageType: 1, client_msg_id: `unread-${word}` };
      await api.call("POST", `/conversations/${chat.data.id}/messages`, body, ann.accessToken);
    }
    await dan.page.locator(".entry .badge", { hasText: "3" }).waitFor();
    await dan.page.locator(".entry", { hasText: ann.username }).click();
    await dan.page.locator(".line.unread").waitFor();
    await dan.sees("unread three");
    await dan.page.locator(".entry .badge").waitFor({ state: "detached" });
    await dan.say("read and answered");
    await dan.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    await dan.screenshot("single-chat");
    await dan.page.reload();
    await dan.sees("read and answered");
    expect(await dan.page.locator(".entry .badge").count()).toBe(0);
  });
});

describe("everyone's", () => {
  test("keyboard alone: find a person, write, move between conversations, keep the draft", async () => {
    await using hal = await newPerson(browser, server.url);
    await using ida = await newPerson(browser, server.url);
    await ida.register("ida_keys");
    await hal.register("hal_keys");
    await hal.page.keyboard.press("Control+k");
    await hal.page.keyboard.type("ida_keys");
    await hal.page.locator(".hit", { hasText: "ida_keys" }).waitFor();
    await hal.page.keyboard.press("Enter");
    await hal.page.getByRole("heading", { name: "ida_keys" }).waitFor();
    await hal.page.keyboard.type("typed by keys");
    await hal.page.keyboard.press("Shift+Enter");
    await hal.page.keyboard.type("in two lines");
    await hal.page.keyboard.press("Enter");
    await hal.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    await ida.page.locator(".entry", { hasText: "hal_keys" }).click();
    await ida.sees("typed by keys\nin two lines");
    await hal.page.keyboard.type("a draft");
    await hal.page.keyboard.press("Alt+ArrowDown");
    await hal.page.getByRole("heading", { name: "World" }).waitFor();
    await hal.page.locator(".entry", { hasText: "Draft:" }).waitFor();
    await hal.page.keyboard.press("Alt+ArrowUp");
    expect(await hal.page.locator(".composer textarea").inputValue()).toBe("a draft");
    await hal.page.keyboard.press("Control+k");
    await hal.screenshot("switcher");
    await hal.page.keyboard.press("Escape");
    await hal.page.locator("dialog").waitFor({ state: "detached" });
    expect([...hal.complaints, ...ida.complaints]).toEqual([]);
  });

  test("what one begins on one device is on the others, with what it answers; sent from one, it is gone from all", async () => {
    await using desk = await newPerson(browser, server.url);
    await using phone = await newPerson(browser, server.url);
    await desk.register("two_devices");
    await desk.say("a question");
    await phone.signIn("two_devices");
    const box = (person: typeof desk) => person.page.locator(".composer textarea");
    const holds = (person: typeof desk, text: string) =>
      person.page.waitForFunction(
        (wanted) => document.querySelector<HTMLTextAreaElement>(".composer textarea")?.value === wanted,
        text,
      );
    const asked = desk.page.locator(".message", { hasText: "a question" }).last();
    await asked.hover();
    await asked.getByRole("button", { name: "Reply" }).click();
    await box(desk).fill("begun at the desk");
    await holds(phone, "begun at the desk");
    await phone.page.locator(".acting", { hasText: "a question" }).waitFor();
    await box(phone).fill("begun at the desk, ended on the phone");
    await box(phone).blur();
    await holds(desk, "begun at the desk, ended on the phone");
    await desk.page.reload();
    await holds(desk, "begun at the desk, ended on the phone");
    await desk.page.locator(".acting", { hasText: "a question" }).waitFor();
    await phone.page.locator(".composer .send").click();
    await holds(desk, "");
    await desk.page.locator(".acting").waitFor({ state: "detached" });
    await desk.sees("begun at the desk, ended on the phone");
    expect([...desk.complaints, ...phone.complaints]).toEqual([]);
  });

  test("an edit that is given up leaves the draft as it was", async () => {
    await using ned = await newPerson(browser, server.url);
    await ned.asGuest();
    await ned.say("to be edited");
    await ned.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    const box = ned.page.locator(".composer textarea");
    const message = ned.page.locator(".message", { hasText: "to be edited" }).last();
    await box.fill("a draft");
    await message.hover();
    await message.getByRole("button", { name: "Edit" }).click();
    expect(await box.inputValue()).toBe("to be edited");
    await ned.page.keyboard.press("Escape");
    expect(await box.inputValue()).toBe("a draft");
  });

  test("a group is made from several people, and all of them talk in it", async () => {
    await using jo = await newPerson(browser, server.url);
    await using kim = await newPerson(browser, server.url);
    await kim.register("kim_group");
    const lou = await newAccount(api, "lou_group");
    await jo.register("jo_group");
    await jo.page.getByRole("button", { name: "New chat" }).click();
    for (const name of ["kim_group", lou.username]) {
      await jo.page.getByLabel("Find people by name").fill(name);
      await jo.page.locator(".hit", { hasText: name }).click();
    }
    await jo.page.getByLabel("Name of the group").fill("周末计划 · Weekend");
    await jo.page.getByRole("button", { name: "Create group" }).click();
    await jo.page.getByRole("heading", { name: "Weekend" }).waitFor();
    await jo.say("Who is coming?");
    await kim.page.locator(".entry", { hasText: "Weekend" }).click();
    await kim.sees("Who is coming?");
    await kim.say("Me");
    await jo.sees("Me");
    await jo.screenshot("group");
  });

  test("phone: one pane at a time, and the system's way back", async () => {
    await using may = await newPerson(browser, server.url, {
      viewport: { width: 390, height: 844 },
      isMobile: true,
      hasTouch: true,
      deviceScaleFactor: 2,
    });
    await may.asGuest();
    await may.say("Hello from a phone");
    await may.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    expect(await may.page.locator(".sidebar").isVisible()).toBe(false);
    await may.screenshot("phone");
    await may.page.goBack();
    await may.page.locator(".sidebar").waitFor();
    expect(await may.page.locator(".composer").count()).toBe(0);
    await may.screenshot("phone-list");
    await may.page.locator(".entry", { hasText: "World" }).click();
    await may.page.locator(".composer").waitFor();
  });

  test("Chinese and dark by the wishes of the browser", async () => {
    await using ning = await newPerson(browser, server.url, { locale: "zh-CN", colorScheme: "dark" });
    await ning.screenshot("chinese-dark-first-visit");
    await ning.register("宁静致远");
    await ning.say("大家好！");
    await ning.page.locator(".send-state", { hasText: "已发送" }).waitFor();
    expect(await ning.page.locator("html").getAttribute("lang")).toBe("zh-CN");
    await ning.screenshot("chinese-dark");
  });

  test("right to left by the wishes of the browser", async () => {
    await using omar = await newPerson(browser, server.url, { locale: "ar" });
    await omar.asGuest();
    await omar.say("مرحبا بالجميع");
    expect(await omar.page.locator("html").getAttribute("dir")).toBe("rtl");
    await omar.screenshot("right-to-left");
  });

  test("two pages of one browser work side by side, and a sign-out in one signs the other out", async () => {
    await using pia = await newPerson(browser, server.url);
    await pia.register("pia_twice");
    const second = await pia.page.context().newPage();
    await second.goto(server.url);
    await second.locator(".composer").waitFor();
    await second.locator(".composer textarea").fill("from the second page");
    await second.keyboard.press("Enter");
    await pia.page.bringToFront();
    await pia.sees("from the second page");
    expect(await pia.page.locator(".connection.shown").count()).toBe(0);
    await pia.page.locator(".account-button").click();
    await pia.page.getByRole("button", { name: "Sign out" }).click();
    await pia.page.locator(".welcome-card").waitFor();
    await second.locator(".welcome-card").waitFor();
  });
});
