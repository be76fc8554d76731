/** Whether the server answers, and the rhythm in which pages look for what is new: an answer that is the same costs no body. */

const LOOK_MS = 2000;

export const live = $state<{ state: "joining" | "live" | "offline"; since: number | null }>({ state: "joining", since: null });

const listeners = new Set<() => void>();

/** Call something every two seconds while a component is there and its page is looked at. */
export function watch(look: () => void): void {
  $effect(() => {
    listeners.add(look);
    return () => void listeners.delete(look);
  });
}

/** Say whether the server has answered. */
export function answered(well: boolean): void {
  if (well) [live.state, live.since] = ["live", null];
  else [live.state, live.since] = ["offline", live.since ?? Date.now()];
}

const round = (): void => {
  if (!document.hidden) for (const look of [...listeners]) look();
};

setInterval(round, LOOK_MS);
document.addEventListener("visibilitychange", round);
