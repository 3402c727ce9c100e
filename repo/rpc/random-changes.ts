import { isAppError } from "#proto/errors.ts";
import type { ChangesFixture } from "./changes-testing.ts";

/** Whole numbers below `max`, the same ones for the same seed. */
export function randomNumbers(seed: number): (max: number) => number {
  let state = seed;
  return (max) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * max);
  };
}

const emojis = ["+", "-", "\u{1f44d}", 'a "b"'];

/** Everything that changes what a member reads, for tests that compare what is held in memory with the database. */
export function randomChanges(at: ChangesFixture, random: (max: number) => number) {
  const sent: string[] = [];
  const windowSeconds = 120n;
  const somebody = (): string => [at.owner, at.ann, at.bob][random(3)] ?? at.owner;
  const something = (): string => sent[Math.max(0, sent.length - 1 - random(12))] ?? "1";
  const group = () => ({ conversationId: at.group, operatorId: at.owner });
  const changes: readonly (() => Promise<unknown>)[] = [
    async () => sent.push(await at.send(somebody(), `text ${random(1000)}`)),
    async () => {
      const count = 1 + random(8);
      for (let n = 0; n < count; n += 1) sent.push(await at.send(at.owner, `one of ${n}`));
    },
    async () => sent.push(await at.send(somebody(), "an answer", { reply: something() })),
    () => {
      const content = `edited ${random(1000)}`.repeat(1 + random(2) * 20);
      return at.message.updateMessageContent({
        messageId: something(),
        content,
        operatorId: somebody(),
        windowSeconds,
      });
    },
    () => at.message.deleteMessage({ messageId: something(), operatorId: somebody(), windowSeconds }),
    () => {
      const emoji = emojis[random(emojis.length)] ?? "+";
      return at.message.setReaction({ messageId: something(), userId: somebody(), emoji, removed: random(3) === 0 });
    },
    () => at.conversation.pinMessage({ messageId: something(), operatorId: at.owner }),
    () => at.conversation.removeConversationMember({ ...group(), userId: somebody(), reason: 1 }),
    () => at.conversation.addConversationMember({ ...group(), userIds: [at.ann, at.bob], membersMax: 500 }),
    () => {
      const mask = { hiddenBeforeSeq: 1n, updateMask: ["hidden_before_seq"] };
      return at.conversation.updateMember({ conversationId: at.group, userId: somebody(), ...mask });
    },
  ];
  return {
    /** Makes one of them; one that is refused changes nothing. */
    async make(): Promise<void> {
      try {
        await changes[random(changes.length)]?.();
      } catch (error) {
        // A send of somebody who is no member any more is an expectation of the fixture that fails.
        if (!isAppError(error) && !String(error).includes("expect(")) throw error;
      }
    },
  };
}
