import { type DescField, type DescMessage, type DescMethod, type Message, ScalarType } from "@bufbuild/protobuf";
import { contentFault, sendFault } from "#proto/client-frame.ts";
import { AppError } from "#proto/errors.ts";
import { MessageService } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { IDS_MAX, isClientMsgId, textFault } from "#proto/limits.ts";

/** Characters of any text field; those with limits of their own are far below, and logic knows them. */
const textCharsMax = 16 * 1024;
const depthMax = 4;

type Fields = Record<string, unknown>;

/** What the store would refuse is refused here (spec 10 §1): texts, lengths, lists, the rules of sends. A missing
 *  `client_msg_id` is filled in. Throws AppError INVALID_PARAMETER or the codes of a send. */
export function checkEntrance(method: DescMethod, message: Message): void {
  const fields = message as unknown as Fields;
  if (method.input.fields.some(({ name }) => name === "client_msg_id")) fillClientMsgId(fields);
  if (method === MessageService.method.sendMessage) checkSend(fields);
  else if (method === MessageService.method.editMessage) checkContent(String(fields.content));
  checkTexts(method.input, fields, depthMax);
}

function fillClientMsgId(fields: Fields): void {
  if (fields.clientMsgId === "") fields.clientMsgId = Bun.randomUUIDv7();
  if (!isClientMsgId(String(fields.clientMsgId))) {
    throw new AppError("INVALID_MESSAGE_FORMAT", { details: { fields: ["client_msg_id"] } });
  }
}

function checkContent(content: string): void {
  const fault = contentFault(content);
  if (fault !== undefined) throw new AppError(fault, { details: { fields: ["content"] } });
}

function checkSend(fields: Fields): void {
  const given = (value: unknown): string | undefined => (value === "" ? undefined : String(value));
  const fault = sendFault({
    conversationId: String(fields.conversationId),
    content: String(fields.content),
    messageType: Number(fields.type),
    clientMsgId: given(fields.clientMsgId),
    extra: given(fields.extra),
    replyToMessageId: given(fields.replyToMessageId),
    mentions: fields.mentions as readonly string[],
  });
  if (fault !== undefined) throw new AppError(fault.code, { message: fault.message, details: fault.details });
}

function checkTexts(input: DescMessage, fields: Fields, depth: number): void {
  for (const field of input.fields) {
    const value = field.oneof === undefined ? fields[field.localName] : undefined;
    if (value !== undefined) checkField(field, value, depth);
  }
}

function checkField(field: DescField, value: unknown, depth: number): void {
  switch (field.fieldKind) {
    case "scalar":
      if (field.scalar === ScalarType.STRING) checkText(field, String(value));
      break;
    case "list": {
      const items = value as readonly unknown[];
      if (items.length > IDS_MAX) throw refused(field, `has more than ${IDS_MAX} items`);
      for (const item of items) {
        if (field.listKind === "scalar" && field.scalar === ScalarType.STRING) checkText(field, String(item));
        else if (field.listKind === "message") checkInner(field.message, item, depth);
      }
      break;
    }
    case "message":
      checkInner(field.message, value, depth);
      break;
    default:
      break;
  }
}

function checkInner(input: DescMessage, value: unknown, depth: number): void {
  if (depth === 0) throw new AppError("INVALID_PARAMETER", { message: "nested too deep" });
  checkTexts(input, value as Fields, depth - 1);
}

function checkText(field: DescField, text: string): void {
  const fault = textFault(text, textCharsMax);
  if (fault !== undefined) throw refused(field, `is not valid text (${fault})`);
}

function refused(field: DescField, message: string): AppError {
  return new AppError("INVALID_PARAMETER", { details: { fields: [{ field: field.jsonName, message }] } });
}
