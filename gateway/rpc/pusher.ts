import type { ServiceImpl } from "@connectrpc/connect";
import type { PusherService } from "#proto/gen/gochat/gateway/v1/pusher_service_pb.ts";
import type { Hub } from "../ws/hub.ts";

/** `gochat.gateway.v1.PusherService`, for services only: closing sockets and counting them. Pushing signals to users comes
 *  with what uses it. */
export function pusherService(hub: Hub, waiting: () => number): Partial<ServiceImpl<typeof PusherService>> {
  return {
    kickSessions({ sessionIds, code, reason }) {
      let kicked = 0;
      for (const sessionId of sessionIds) {
        const session = hub.find(sessionId);
        if (session === undefined) continue;
        session.close(code, reason);
        kicked += 1;
      }
      return { kicked };
    },
    getStats: () => ({ sessions: hub.size, users: hub.users, rooms: 0, queueDepth: waiting() }),
  };
}
