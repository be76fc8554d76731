/** Keys that do something, page by page; the sheet behind "?" is made of the same table. */

import { untrack } from "svelte";

export interface Key {
  key: string;
  says: string;
  does: () => void;
}

// What is bound lies outside of the state, which only says that it has changed: what takes its keys away when a page is left would
// read the state as it was before the page that comes had bound its own.
let bound: Key[] = [];
let changes = 0;
const changed = $state({ number: 0 });

export const keys = {
  get shown(): Key[] {
    void changed.number;
    return bound;
  },
};

function set(now: Key[]): void {
  bound = now;
  changed.number = ++changes;
}

/** Have keys do something as long as the component that says so is there. */
export function bind(made: Key[]): void {
  $effect.pre(() => {
    untrack(() => set([...bound, ...made]));
    return () => set(bound.filter((each) => !made.includes(each)));
  });
}

/** Carry out what a key is bound to, unless the reader is writing. */
export function press(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, dialog, [contenteditable]")) return;
  const found = bound.findLast((each) => each.key === event.key);
  if (!found) return;
  event.preventDefault();
  found.does();
}
