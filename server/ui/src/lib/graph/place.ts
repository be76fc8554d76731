/** Has a worker place graphs; an answer to an older question is left unread. */

import { scriptUrl } from "../trusted.ts";
import type { Graph } from "./folded.ts";
import type { Placed } from "./layout.ts";
import workerUrl from "./worker.ts?worker&url";

export class Placer {
  #worker = new Worker(scriptUrl(workerUrl), { type: "module" });
  #asked = 0;

  constructor(take: (placed: Placed) => void) {
    this.#worker.onmessage = (event: MessageEvent<{ number: number; placed: Placed }>) => {
      if (event.data.number === this.#asked) take(event.data.placed);
    };
  }

  place(graph: Graph): void {
    this.#worker.postMessage({ number: ++this.#asked, graph });
  }

  end(): void {
    this.#worker.terminate();
  }
}
