// The world room: CONNS sockets, RATE messages per second from all of them together; latency from send to each socket.
import http from "k6/http";
import { Counter, Trend } from "k6/metrics";
import ws from "k6/ws";

const url = __ENV.URL || "http://127.0.0.1:8080";
const conns = Number(__ENV.CONNS || 200);
const rate = Number(__ENV.RATE || 20);
const seconds = Number((__ENV.DURATION || "30s").replace("s", ""));

const delivered = new Trend("world_delivery_ms", true);
const deliveries = new Counter("world_deliveries");
const acked = new Trend("world_ack_ms", true);

export const options = {
  scenarios: { world: { executor: "per-vu-iterations", vus: conns, iterations: 1, maxDuration: `${seconds + 60}s` } },
};

// biome-ignore lint/style/noDefaultExport: k6 runs the default export.
export default function world() {
  const guest = http.post(`${url}/api/auth/guest`).json("data");
  const address = `${url.replace("http", "ws")}/ws?v=1&platform=bot`;
  ws.connect(address, { headers: { Authorization: `Bearer ${guest.accessToken}` } }, (socket) => {
    const sentMs = {};
    let count = 0;
    socket.on("message", (text) => {
      const { type, data } = JSON.parse(text);
      const now = Date.now();
      if (type === "connected") socket.setInterval(send, (conns / rate) * 1000);
      else if (type === "new-message") shown(data, now);
      else if (type === "new-messages") for (const row of data.messages) shown(row, now);
      else if (type === "message-ack") acked.add(now - sentMs[data.client_msg_id]);
    });
    socket.setTimeout(() => socket.close(), seconds * 1000);

    function send() {
      const id = `k6-${__VU}-${count}`;
      count += 1;
      sentMs[id] = Date.now();
      const content = `due ${sentMs[id]} `.padEnd(200, "x");
      const data = { conversationId: "world", content, messageType: 1, client_msg_id: id };
      socket.send(JSON.stringify({ type: "send-message", data }));
    }
  });
}

function shown(row, now) {
  if (!row.content.startsWith("due ")) return;
  deliveries.add(1);
  delivered.add(now - Number(row.content.split(" ")[1]));
}
