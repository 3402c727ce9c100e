/**
 * Limits that the entrances check and every later step may rely on. Characters are Unicode code points, bytes are UTF-8.
 */

export const CONTENT_CHARS_MAX = 5000;
export const CONTENT_BYTES_MAX = 16 * 1024;
export const EXTRA_BYTES_MAX = 4 * 1024;
export const CLIENT_MSG_ID_CHARS_MAX = 64;
export const FRAME_ID_CHARS_MAX = 64;
export const CONVERSATION_ID_CHARS_MAX = 64;
export const MENTIONS_MAX = 50;
export const EMOJI_BYTES_MAX = 32;
/** Different emojis on one message. */
export const REACTIONS_MAX = 20;
/** Pinned messages of one conversation. */
export const PINS_MAX = 20;
/** Conversations that one call forwards to. */
export const FORWARD_TARGETS_MAX = 20;
export const REASON_CHARS_MAX = 200;
export const TOKEN_CHARS_MAX = 8192;
export const FRAME_BYTES_MAX = 64 * 1024;

export const SYNC_CONVERSATIONS_MAX = 50;
export const SYNC_ROWS_MAX = 100;
export const SYNC_RESULT_BYTES_MAX = 256 * 1024;
export const HISTORY_ROWS_MAX = 100;
export const HISTORY_ROWS_DEFAULT = 50;
export const PAGE_SIZE_MAX = 100;
export const PAGE_SIZE_DEFAULT = 20;

export const USERNAME_CHARS_MIN = 3;
export const USERNAME_CHARS_MAX = 20;
export const GUEST_PREFIX = "guest_";
export const PASSWORD_CHARS_MIN = 6;
export const PASSWORD_CHARS_MAX = 50;
export const PASSWORD_BYTES_MAX = 256;
export const AVATAR_URL_CHARS_MAX = 255;
export const CONVERSATION_NAME_CHARS_MAX = 50;
export const DESCRIPTION_CHARS_MAX = 1000;
export const FRIEND_MESSAGE_CHARS_MAX = 200;
export const REMARK_CHARS_MAX = 100;
export const ANNOUNCEMENT_CHARS_MAX = 2000;
/** Users that one call adds to a group or removes from it. */
export const MEMBERS_CHANGE_MAX = 100;
/** Thirty days. */
export const MUTE_SECONDS_MAX = 30 * 24 * 3600;
export const CLIENT_INFO_CHARS_MAX = 200;
export const DEVICE_ID_CHARS_MAX = 64;
export const QUERY_CHARS_MAX = 50;
/** Members given when a group is made, without its creator. */
export const GROUP_CREATE_MEMBERS_MAX = 499;

/** One batch of CommitMessages. */
export const COMMIT_ITEMS_MAX = 500;
export const COMMIT_BYTES_MAX = 512 * 1024;
export const IDS_MAX = 1000;
export const ROOM_USERS_MAX = 500;
export const ROUTE_CONVERSATIONS_MAX = 500;

/** Largest number that a seq may have in JSON. */
export const SEQ_MAX = Number.MAX_SAFE_INTEGER;

export type TextFault = "nul" | "surrogate" | "chars" | "bytes";

/** What the store would refuse, in the order in which it is cheap to find; undefined = nothing. */
export function textFault(text: string, charsMax: number, bytesMax: number = charsMax * 4): TextFault | undefined {
  if (text.length > charsMax && countChars(text, charsMax) > charsMax) return "chars";
  if (text.length * 3 > bytesMax && utf8Bytes(text) > bytesMax) return "bytes";
  if (text.includes("\0")) return "nul";
  return text.isWellFormed() ? undefined : "surrogate";
}

/** Code points; stops counting above `enough`. */
export function countChars(text: string, enough: number = Number.POSITIVE_INFINITY): number {
  if (text.length > enough * 2) return Number.POSITIVE_INFINITY;
  let count = 0;
  for (let at = 0; at < text.length && count <= enough; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit < 0xdc00 && isLow(text.charCodeAt(at + 1))) at++;
    count++;
  }
  return count;
}

/** Length in UTF-8; a lone surrogate counts 3, as its replacement does. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLow(text.charCodeAt(at + 1))) {
      bytes += 2;
      at++;
    } else bytes += 2;
  }
  return bytes;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** 1 to `charsMax` of printable ASCII. */
export function isPrintableAscii(text: string, charsMax: number): boolean {
  if (text.length === 0 || text.length > charsMax) return false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x20 || unit > 0x7e) return false;
  }
  return true;
}

/** A positive decimal of 63 bits without leading zero: the text of a snowflake. */
export function isId(text: string): boolean {
  const { length } = text;
  if (length === 0 || length > 19 || text.charCodeAt(0) === 0x30) return false;
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x30 || unit > 0x39) return false;
  }
  return length < 19 || text <= "9223372036854775807";
}

/** The form of every conversation id: 1 to 64 of letters, digits, `_`, `-`. */
export function isConversationId(text: string): boolean {
  if (text.length === 0 || text.length > CONVERSATION_ID_CHARS_MAX) return false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const word = (unit >= 0x30 && unit <= 0x39) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a);
    if (!word && unit !== 0x5f && unit !== 0x2d) return false;
  }
  return true;
}

export function isClientMsgId(text: string): boolean {
  return isPrintableAscii(text, CLIENT_MSG_ID_CHARS_MAX);
}

/** JSON text within the limit of `extra`. */
export function isExtra(text: string): boolean {
  if (textFault(text, EXTRA_BYTES_MAX, EXTRA_BYTES_MAX) !== undefined) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The emoji of a reaction: 1 to 32 bytes that the store takes, not blank. */
export function isEmoji(text: string): boolean {
  return text.trim() !== "" && textFault(text, EMOJI_BYTES_MAX, EMOJI_BYTES_MAX) === undefined;
}
