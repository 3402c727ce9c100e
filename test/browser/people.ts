import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { findChromium } from "../chromium.ts";

const artifacts = join(import.meta.dir, "..", ".artifacts", "browser");

/** Somebody at a page of their own: own storage, own cookies. */
export interface Person extends AsyncDisposable {
  readonly page: Page;
  /** What the page complained of: uncaught errors, and console errors other than a network that is away. */
  readonly complaints: readonly string[];
  /** Writes a message and presses Enter. */
  say(text: string): Promise<void>;
  /** Waits for a message with exactly this text. */
  sees(text: string): Promise<void>;
  asGuest(): Promise<void>;
  register(username: string): Promise<void>;
  /** Of an account that was registered before. */
  signIn(username: string): Promise<void>;
  screenshot(name: string): Promise<void>;
}

export const password = "correct horse";
const awayErrors = /WebSocket connection to|net::ERR_CONNECTION|Failed to load resource/;

/** Chromium without a window; CHROMIUM names another one. */
export async function launch(): Promise<Browser> {
  await mkdir(artifacts, { recursive: true });
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
  args.push("--disable-background-networking", "--disable-component-update");
  return chromium.launch({ executablePath: await findChromium(), args });
}

export async function newPerson(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Person> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !awayErrors.test(message.text())) complaints.push(message.text());
  });
  await page.goto(url);
  return {
    page,
    complaints,
    say: async (text) => {
      await page.locator(".composer textarea").fill(text);
      await page.keyboard.press("Enter");
    },
    sees: (text) => page.locator(".message .text", { hasText: text }).last().waitFor(),
    asGuest: async () => {
      await page.getByRole("button", { name: "Continue as guest" }).click();
      await page.locator(".composer").waitFor();
    },
    register: async (username) => {
      await page.getByRole("tab").last().click();
      await page.locator("[name=username]").fill(username);
      await page.locator("[name=password]").fill(password);
      await page.locator("#account-form button[type=submit]").click();
      await page.locator(".composer").waitFor();
    },
    signIn: async (username) => {
      await page.getByRole("tab").first().click();
      await page.locator("[name=username]").fill(username);
      await page.locator("[name=password]").fill(password);
      await page.locator("#account-form button[type=submit]").click();
      await page.locator(".composer").waitFor();
    },
    screenshot: async (name) => {
      // Nothing half faded in.
      await page.screenshot({ path: join(artifacts, `${name}.png`), animations: "disabled" });
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}

/** The first message that is visible in the list, and how far below the top edge it stands. */
export function readingPlace(page: Page): Promise<{ seq: number; top: number }> {
  return page.evaluate(() => {
    const frame = document.querySelector(".scroller")?.getBoundingClientRect();
    for (const element of document.querySelectorAll<HTMLElement>(".message")) {
      const box = element.getBoundingClientRect();
      if (frame !== undefined && box.bottom > frame.top)
        return { seq: Number(element.dataset.seq), top: Math.round(box.top) };
    }
    return { seq: 0, top: 0 };
  });
}

/** Resolves when the element that has the focus matches the selector: a dialog takes and gives it back a little later. */
export async function focusOn(page: Page, selector: string): Promise<void> {
  await page.waitForFunction((wanted) => document.activeElement?.matches(wanted) === true, selector);
}
