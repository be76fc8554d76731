/** Pages of the installation: what they show changes with runs and without, as ages do, and what others set. */

import { watch } from "./live.svelte.ts";

const LOOK_MS = 5000;

/** Call something whenever runs or tasks change, and every five seconds, while a component is there and its page is looked at. */
export function follow(look: () => void): void {
  watch(look);
  $effect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) look();
    }, LOOK_MS);
    return () => clearInterval(timer);
  });
}
