/** Keys that do something, page by page; the sheet behind "?" is made of the same table. */

import { untrack } from "svelte";

export interface Key {
  key: string;
  says: string;
  does: () => void;
}

export const keys = $state<{ shown: Key[] }>({ shown: [] });

/** Have keys do something as long as the component that says so is there. */
export function bind(made: Key[]): void {
  $effect.pre(() => {
    untrack(() => (keys.shown = [...keys.shown, ...made]));
    return () => {
      keys.shown = keys.shown.filter((each) => !made.includes(each));
    };
  });
}

/** Carry out what a key is bound to, unless the reader is writing. */
export function press(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, dialog, [contenteditable]")) return;
  const found = keys.shown.findLast((each) => each.key === event.key);
  if (!found) return;
  event.preventDefault();
  found.does();
}
