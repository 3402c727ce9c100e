import { useEffect, useState } from "preact/hooks";

/** The time in Unix ms, renewed every `everyMs` while the component is on the page. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
