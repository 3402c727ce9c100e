/** Sockets to one address and port of this machine: about as many as there are ports for the client's end. */
export const socketsPerAddress = 20_000;

const addresses = 8;

/** What a server of the bench's own needs for so many sockets from this machine: it then listens on all addresses. */
export function settingsFor(sockets: number): Readonly<Record<string, string>> {
  return {
    "ws.max_connections": String(sockets + 100),
    ...(sockets > socketsPerAddress ? { hostname: "0.0.0.0" } : {}),
  };
}

/** The addresses that clients go to in turn: 127.0.0.1 to 127.0.0.8 where one would run out of ports. */
export function spread(urls: readonly string[], sockets: number): readonly string[] {
  if (sockets <= socketsPerAddress) return urls;
  return urls.flatMap((url) => {
    const { protocol, hostname, port } = new URL(url);
    if (hostname !== "127.0.0.1") return [url];
    return Array.from({ length: addresses }, (_, index) => `${protocol}//127.0.0.${index + 1}:${port}`);
  });
}
