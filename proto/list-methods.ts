import type { DescMethod } from "@bufbuild/protobuf";
import { ConversationService } from "./gen/gochat/logic/v1/conversation_service_pb.ts";
import { ConversationService as RepoConversationService } from "./gen/gochat/repo/v1/conversation_service_pb.ts";
import { MessageService as RepoMessageService } from "./gen/gochat/repo/v1/message_service_pb.ts";

/** Between the services the rows of these answers travel as they are: who hands them on does not decode them
 *  (docs/adr/0055-rows-travel-as-bytes.md). Field 1 of each is the rows. */
export const listMethods: ReadonlySet<DescMethod> = new Set<DescMethod>([
  RepoConversationService.method.getUserConversationsWithDetails,
  RepoMessageService.method.getConversationMessages,
  ConversationService.method.getConversationsOptimized,
  ConversationService.method.getMessages,
]);
