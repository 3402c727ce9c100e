import { expect } from "bun:test";
import type { Client } from "../../client/client.ts";
import { codeOf } from "../../client/errors.ts";
import { newName, online, type SdkClients, until } from "./sdk-clients.ts";

const password = "correct horse";
const idOf = (client: Client): string => client.auth.session()?.user.id ?? "";
const friendIds = (client: Client): string[] => client.friends.list().map(({ friendId }) => friendId);
const leave = (...clients: readonly Client[]): void => {
  for (const client of clients) client.disconnect();
};

/** Two accounts that are connected and hold their friends. */
async function pair({ newClient, elsewhere }: SdkClients): Promise<[Client, Client]> {
  const [ann, ben] = [newClient(), elsewhere()];
  await Promise.all([ann, ben].map((client, at) => client.auth.register(newName(`sdk_f${at}`), password)));
  for (const client of [ann, ben]) {
    await online(client);
    await client.friends.refresh();
  }
  return [ann, ben];
}

async function befriend(ann: Client, ben: Client): Promise<void> {
  await ann.friends.ask(idOf(ben), "hello");
  await until(ben, () => ben.friends.received().length === 1, "the request");
  await ben.friends.accept(ben.friends.received()[0]?.id ?? "");
  await until(ann, () => friendIds(ann).includes(idOf(ben)), "the friend");
}

export async function friendsBySdk(clients: SdkClients): Promise<void> {
  const [ann, ben] = await pair(clients);
  const events: string[] = [];
  ann.on("friend", ({ type }) => events.push(type));
  await befriend(ann, ben);
  expect(friendIds(ben)).toEqual([idOf(ann)]);
  expect([ann.friends.sent(), ben.friends.received()]).toEqual([[], []]);
  await ann.friends.remark(idOf(ben), "Benny");
  // Another device learns by what changed, and at first from all.
  const second = clients.newClient();
  await second.auth.login(ann.auth.session()?.user.username ?? "", password);
  await second.friends.refresh();
  expect(second.friends.get(idOf(ben))?.remark).toBe("Benny");
  expect(await ann.friends.ask(idOf(ben)).catch(codeOf)).toBe("ALREADY_FRIENDS");

  await ben.friends.block(idOf(ann));
  expect([friendIds(ben), ben.friends.isBlocked(idOf(ann))]).toEqual([[], true]);
  expect(String(await ann.createSingle(idOf(ben)).catch(codeOf))).toBe("BLOCKED_BY_USER");
  expect(String(await ann.friends.ask(idOf(ben)).catch(codeOf))).toBe("BLOCKED_BY_USER");
  await ben.friends.refresh();
  expect(ben.friends.blocked().map(({ friendId }) => friendId)).toEqual([idOf(ann)]);
  await ben.friends.unblock(idOf(ann));
  await until(ben, () => friendIds(ben).includes(idOf(ann)), "friends again");

  await ann.friends.remove(idOf(ben));
  await until(ben, () => friendIds(ben).length === 0, "removed");
  await second.friends.refresh();
  expect(friendIds(second)).toEqual([]);
  await ben.friends.ask(idOf(ann));
  await until(ann, () => ann.friends.received().length === 1, "the second request");
  await ann.friends.reject(ann.friends.received()[0]?.id ?? "");
  await until(ben, () => ben.friends.sent().length === 0, "rejected");
  expect(events).toEqual(["accepted", "added", "removed", "requested"]);
  leave(ann, ben);
}

export async function presenceBySdk(clients: SdkClients): Promise<void> {
  const [ann, ben] = await pair(clients);
  await ann.presence.refresh([idOf(ben)]);
  expect(ann.presence.of(idOf(ben))).toEqual({ online: false, lastSeen: undefined });
  await befriend(ann, ben);
  await until(ann, () => ann.presence.of(idOf(ben))?.online === true, "online as a friend");
  leave(ann, ben);
}

export async function accountBySdk({ newClient, elsewhere }: SdkClients): Promise<void> {
  const ann = newClient({ platform: "web", clientInfo: "Firefox on Linux" });
  await ann.auth.guest();
  await online(ann);
  const id = idOf(ann);
  const name = newName("sdk_was_guest");
  const codes: string[] = [];
  ann.on("frame", ({ type }) => codes.push(type));
  expect(await ann.account.upgrade("a", password).catch(codeOf)).toBe("INVALID_USERNAME");
  expect(await ann.account.upgrade(name, password)).toMatchObject({ id, username: name, isGuest: false });
  await until(ann, () => codes.includes("auth-refreshed"), "the socket is the account's");
  await ann.friends.refresh();
  expect(ann.friends.loaded()).toBe(true);
  expect((await ann.account.updateProfile({ avatarUrl: "https://example.org/a.png" })).avatarUrl).toContain("a.png");
  expect((await ann.api.profile()).avatarUrl).toBe("https://example.org/a.png");

  const phone = elsewhere({ platform: "ios", clientInfo: "Phone" });
  await phone.auth.login(name, password);
  await online(phone);
  const sessions = await ann.account.sessions();
  expect(sessions.map(({ current, clientInfo, platform }) => [current, clientInfo, platform])).toEqual([
    [false, "Phone", "ios"],
    [true, "Firefox on Linux", "web"],
  ]);
  await ann.account.endSession(sessions[0]?.sessionId ?? "");
  await until(phone, () => phone.auth.session() === undefined, "the phone is signed out");

  expect(await ann.account.changePassword("wrong one", "battery staple").catch(codeOf)).toBe(
    "AUTH_INVALID_CREDENTIALS",
  );
  await ann.account.changePassword(password, "battery staple");
  expect(ann.connection().at).toBe("open");
  await phone.auth.login(name, "battery staple");
  await online(phone);
  const whys: string[] = [];
  ann.on("session", ({ why }) => whys.push(why));
  await ann.account.logoutEverywhere();
  expect(whys).toEqual(["signed-out"]);
  await until(phone, () => phone.auth.session() === undefined, "signed out everywhere");
}
