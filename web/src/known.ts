/** @file A value that changes outside of every view, as views see it. */
import { useEffect, useState } from "preact/hooks";

/**
 * What is known now, and a new drawing whenever that is another value.
 *
 * @param listeners called whenever it may have changed
 * @param begin what makes it known, once somebody listens
 */
export function useKnown<T>(listeners: Set<() => void>, read: () => T, begin?: () => void): T {
  const [known, setKnown] = useState<T>(read);
  useEffect(() => {
    const listener = () => setKnown(read);
    listeners.add(listener);
    begin?.();
    listener();
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return known;
}
