// A storm of connects: RATE new guests per second open a socket and wait for `connected`; sockets stay for STAY seconds.
import http from "k6/http";
import { Counter, Trend } from "k6/metrics";
import ws from "k6/ws";

const url = __ENV.URL || "http://127.0.0.1:8080";
const stayMs = Number(__ENV.STAY || 5) * 1000;
const rate = Number(__ENV.RATE || 300);

const connectMs = new Trend("connect_ms", true);
const refused = new Counter("connect_refused");

export const options = {
  scenarios: {
    storm: {
      executor: "constant-arrival-rate",
      rate,
      timeUnit: "1s",
      duration: __ENV.DURATION || "30s",
      preAllocatedVUs: rate * 2,
      maxVUs: rate * 10,
    },
  },
};

// biome-ignore lint/style/noDefaultExport: k6 runs the default export.
export default function storm() {
  const guest = http.post(`${url}/api/auth/guest`).json("data");
  const startMs = Date.now();
  const address = `${url.replace("http", "ws")}/ws?v=1&platform=bot`;
  const answer = ws.connect(address, { headers: { Authorization: `Bearer ${guest.accessToken}` } }, (socket) => {
    socket.on("message", (text) => {
      if (JSON.parse(text).type === "connected") connectMs.add(Date.now() - startMs);
    });
    socket.setTimeout(() => socket.close(), stayMs);
  });
  if (answer.status !== 101) refused.add(1);
}
