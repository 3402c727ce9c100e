import { useEffect } from "preact/hooks";
import type { OpenConversation } from "#client/history.ts";
import { fetchRow, highlighted, wanted } from "../jump.ts";

const highlightMs = 2_000;

/** Goes to the message that is wanted: loads it, shows it, marks it for a moment. */
export function useJump(open: OpenConversation, show: (seqId: number) => void): void {
  const target = wanted.value;
  useEffect(() => {
    if (target?.conversationId !== open.id) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    void fetchRow(open, target.seqId).then((found) => {
      if (!found || wanted.peek() !== target) return;
      show(target.seqId);
      highlighted.value = target.seqId;
      timer = setTimeout(() => {
        if (highlighted.peek() === target.seqId) highlighted.value = undefined;
      }, highlightMs);
    });
    return () => clearTimeout(timer);
  }, [open, target]);
}
