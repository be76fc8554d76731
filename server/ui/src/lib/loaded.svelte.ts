/** What a page has asked the server for: the last good answer stays on the page while a newer one is on its way. */

import { untrack } from "svelte";
import { Refused } from "./api/client.ts";

export class Loaded<T> {
  value = $state.raw<T | null>(null);
  problem = $state("");
  status = $state(0);
  busy = $state(false);
  #ask: (signal: AbortSignal) => Promise<T>;
  #stop: AbortController | null = null;
  #again = false;

  /** Must be made while a component is: it asks at once, and anew whenever what `key` reads has changed. */
  constructor(key: () => unknown, ask: (signal: AbortSignal) => Promise<T>) {
    this.#ask = ask;
    let last: unknown;
    $effect(() => {
      const found = JSON.stringify(key());
      if (found === last) return;
      last = found;
      untrack(() => {
        this.value = null;
        this.#stop?.abort();
        this.busy = false;
        void this.reload();
      });
    });
    $effect(() => () => this.#stop?.abort());
  }

  /** Ask again; while an answer is awaited, once more after it. */
  reload = async (): Promise<void> => {
    if (this.busy) {
      this.#again = true;
      return;
    }
    const stop = (this.#stop = new AbortController());
    this.busy = true;
    try {
      const value = await this.#ask(stop.signal);
      if (stop.signal.aborted) return;
      [this.value, this.problem, this.status] = [value, "", 200];
    } catch (error) {
      if (stop.signal.aborted) return;
      this.problem = error instanceof Error ? error.message : String(error);
      this.status = error instanceof Refused ? error.status : 0;
    } finally {
      if (this.#stop === stop) this.busy = false;
    }
    if (this.#again) {
      this.#again = false;
      await this.reload();
    }
  };
}
