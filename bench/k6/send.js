// Sends over HTTP into the world room, RATE per second; an answer 201 means that the message is stored.
import { check } from "k6";
import http from "k6/http";

const url = __ENV.URL || "http://127.0.0.1:8080";

export const options = {
  scenarios: {
    send: {
      executor: "constant-arrival-rate",
      rate: Number(__ENV.RATE || 500),
      timeUnit: "1s",
      duration: __ENV.DURATION || "30s",
      preAllocatedVUs: 100,
      maxVUs: 500,
    },
  },
};

export function setup() {
  return Array.from({ length: 20 }, () => http.post(`${url}/api/auth/guest`).json("data.accessToken"));
}

// biome-ignore lint/style/noDefaultExport: k6 runs the default export.
export default function send(tokens) {
  const body = {
    conversationId: "world",
    content: "x".repeat(200),
    messageType: 1,
    client_msg_id: `k6-${__VU}-${__ITER}-${Date.now()}`,
  };
  const answer = http.post(`${url}/api/conversations/world/messages`, JSON.stringify(body), {
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${tokens[__VU % tokens.length]}` },
  });
  check(answer, { "stored (201)": ({ status }) => status === 201 });
}
