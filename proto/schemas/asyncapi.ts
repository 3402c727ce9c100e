import type { z } from "zod";
import { CLOSE, JSON_SUBPROTOCOL, PROTO_SUBPROTOCOL } from "../frames.ts";
import { DEVICE_ID_CHARS_MAX, FRAME_ID_CHARS_MAX } from "../limits.ts";
import { errorsText } from "./frame-errors.ts";
import { clientFrames, directAnswers } from "./frames.ts";
import { type Json, jsonSchemas } from "./json-schema.ts";
import { serverFrames } from "./server-frames.ts";

const about = `The WebSocket of GoChat, subprotocol \`${JSON_SUBPROTOCOL}\`: one JSON object per text frame. With
\`${PROTO_SUBPROTOCOL}\` the same frames are protobuf, gochat.gateway.v1.ClientFrame and ServerFrame, one per binary frame.

The token comes as \`Authorization: Bearer\`, as the subprotocol entry \`bearer.<token>\`, or as the query \`token\`. Wait for
\`connected\`, then \`sync\`. An \`error\` frame never closes the socket. Unknown fields are ignored, an unknown type is
answered with \`error\`.

Close codes: ${Object.entries(CLOSE)
  .map(([name, code]) => `${code} ${name}`)
  .join(", ")}.`;

const channel = { $ref: "#/channels/socket" };
const inChannel = (type: string): Json => ({ $ref: `#/channels/socket/messages/${type}` });

/** The AsyncAPI 3 document of the frames. GoChat is the application: it receives what clients send. */
export function asyncApiDocument(version: string): Json {
  const given: Record<string, z.ZodType> = {};
  for (const [type, schema] of Object.entries(clientFrames)) if (schema !== null) given[type] = schema;
  for (const [type, schema] of Object.entries(serverFrames)) given[type] = schema;
  const { inline, named } = jsonSchemas(given);
  const clientTypes = Object.keys(clientFrames);
  const serverTypes = Object.keys(serverFrames);
  const types = [...clientTypes, ...serverTypes];
  return {
    asyncapi: "3.0.0",
    info: { title: "GoChat WebSocket", version, description: about },
    defaultContentType: "application/json",
    servers: {
      gateway: {
        host: "localhost:8080",
        protocol: "ws",
        description: "`wss` outside of development",
        security: [{ $ref: "#/components/securitySchemes/accessToken" }],
      },
    },
    channels: {
      socket: {
        address: "/ws",
        messages: Object.fromEntries(types.map((type) => [type, { $ref: `#/components/messages/${type}` }])),
        bindings: { ws: { method: "GET", query } },
      },
    },
    operations: {
      ...Object.fromEntries(clientTypes.map((type) => [type, received(type as keyof typeof clientFrames)])),
      push: { action: "send", channel, messages: serverTypes.map(inChannel) },
    },
    components: {
      securitySchemes: { accessToken: { type: "http", scheme: "bearer", bearerFormat: "JWT" } },
      messages: Object.fromEntries(
        types.map((type) => [type, frame(type, inline[type], clientTypes.includes(type) ? "client" : "server")]),
      ),
      schemas: named,
    },
  };
}

/** What a client sends, and the frames that answer it directly: they echo its `id`. */
function received(type: keyof typeof clientFrames): Json {
  const answer = directAnswers[type];
  const answers = answer === undefined ? ["error"] : [answer, "error"];
  return {
    action: "receive",
    description: errorsText(type),
    channel,
    messages: [inChannel(type)],
    reply: { channel, messages: answers.map(inChannel) },
  };
}

function frame(type: string, data: Json | undefined, from: "client" | "server"): Json {
  const id = { type: "string", maxLength: FRAME_ID_CHARS_MAX, description: "Comes back in the direct answer" };
  const timestamp = { type: "integer", description: "Unix seconds" };
  return {
    name: type,
    payload: {
      type: "object",
      properties: {
        type: { const: type },
        ...(data === undefined ? {} : { data }),
        id,
        ...(from === "server" ? { timestamp } : {}),
      },
      required: ["type", ...(data === undefined ? [] : ["data"]), ...(from === "server" ? ["timestamp"] : [])],
    },
  };
}

const query: Json = {
  type: "object",
  properties: {
    token: { type: "string", description: "Access token, where no header can be set" },
    deviceId: { type: "string", maxLength: DEVICE_ID_CHARS_MAX },
    platform: { type: "string", enum: ["web", "ios", "android", "desktop", "bot"] },
    v: { type: "string", description: "Version of the client; from 1 on world batches come as `new-messages`" },
  },
};
