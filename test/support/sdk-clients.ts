import { type Client, type ClientOptions, createClient } from "../../client/client.ts";
import type { Target } from "./target.ts";

/** Makes SDK clients at the first and at the last gateway. */
export interface SdkClients {
  newClient(options?: Partial<ClientOptions>): Client;
  elsewhere(options?: Partial<ClientOptions>): Client;
}

export function sdkClients(target: () => Target): SdkClients {
  const newClient = (options: Partial<ClientOptions> = {}): Client =>
    createClient({ baseUrl: target().first, platform: "bot", ...options });
  return { newClient, elsewhere: (options = {}) => newClient({ baseUrl: target().last, ...options }) };
}

/** Resolves when `holds` does; looked at ten times a second, for 30 s. */
export async function until(client: Client, holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never: ${what}, the connection is ${client.connection().at}`);
    await Bun.sleep(100);
  }
}

export const newName = (name: string): string => `${name}_${Math.floor(Math.random() * 1e9).toString(36)}`;

export async function online(client: Client): Promise<Client> {
  client.connect();
  await until(client, () => client.connection().at === "open", "open");
  return client;
}
