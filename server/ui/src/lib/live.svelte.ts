/** Whether the server answers, and what has pages look for what is new: the stream of events, or the clock while that is away. */

import { Looks } from "./looks.ts";
import { join } from "./stream/joined.ts";
import type { Delta } from "./stream/events.ts";
import { token } from "./token.ts";

/** While the stream is away. */
const LOOK_MS = 2000;
/** However much changes, a page looks no more often. */
const PAUSE_MS = 400;

interface Live {
  state: "joining" | "live" | "offline";
  since: number | null;
  /** Whether changes are told; else the server is asked. */
  streaming: boolean;
}

export const live = $state<Live>({ state: "joining", since: null, streaming: false });

interface Listener {
  look: () => void;
  dag: () => string;
}

const listeners = new Set<Listener>();
const looks = new Looks<Listener>();
let pause: ReturnType<typeof setTimeout> | null = null;
let old = false;

/** Whether what is asked for now may be answered as it was a second ago. */
export const mayBeOld = (): boolean => old;

/**
 * Call something whenever what it shows may have changed, while a component is there and its page is looked at.
 *
 * @param dag Of which DAG it shows something; "" for all that there is.
 */
export function watch(look: () => void, dag: () => string = () => ""): void {
  $effect(() => {
    const listener = { look, dag };
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      looks.forget(listener);
    };
  });
}

/** Say whether the server has answered; then its stream is followed as whoever the reader is now. */
export function answered(well: boolean): void {
  if (!well) {
    [live.state, live.since] = ["offline", live.since ?? Date.now()];
    return;
  }
  [live.state, live.since] = ["live", null];
  join(token(), { open, changed });
}

/** Ask whether the server is there: one request, whatever the page shows. */
async function probe(): Promise<void> {
  if (document.hidden) return;
  const well = await fetch("/health/live", { cache: "no-store" }).then(
    (answer) => answer.ok,
    () => false,
  );
  answered(well);
  if (well) changed(null);
}

function open(yes: boolean): void {
  const before = live.streaming;
  live.streaming = yes;
  if (yes) [live.state, live.since] = ["live", null];
  else if (before) {
    changed(null);
    void probe(); // nothing on the page may have something to ask, by which it would show
  }
}

function changed(deltas: Delta[] | null): void {
  for (const listener of listeners) {
    const dag = listener.dag();
    if (deltas === null || !dag || deltas.some((delta) => !delta.dag_id || delta.dag_id === dag)) looks.tell(listener);
  }
  if (pause === null) round();
}

/** Have those look that wait for it: at once, and again after a pause if more has come meanwhile. */
function round(): void {
  pause = null;
  if (document.hidden) return;
  const due = !looks.done;
  for (const [listener, allows] of looks.round()) {
    old = allows;
    listener.look();
  }
  old = false;
  if (due) pause = setTimeout(round, PAUSE_MS);
}

setInterval(() => {
  if (live.state === "offline" || !(live.streaming || listeners.size)) void probe();
  else if (!live.streaming) changed(null);
}, LOOK_MS);
document.addEventListener("visibilitychange", () => {
  if (!live.streaming) changed(null);
  else if (pause === null) round();
});
