/** How a tab follows the stream: through the worker that all tabs share, or by itself where a browser has none. */

import { scriptUrl } from "../trusted.ts";
import { follow, type Heard } from "./events.ts";
import type { FromTab, ToTab } from "./shared.ts";
import sharedUrl from "./shared.ts?sharedworker&url";

const HERE_MS = 20_000;

let worker: SharedWorker | null = null;
let alone: AbortController | null = null;
let joined: string | null = null;

/** Follow as whoever a token is of; nothing if that is done already. */
export function join(token: string, heard: Heard): void {
  if (token === joined) return;
  joined = token;
  if (typeof SharedWorker === "undefined") {
    alone?.abort();
    alone = new AbortController();
    void follow(token, heard, alone.signal);
    return;
  }
  if (worker === null) {
    const made = (worker = new SharedWorker(scriptUrl(sharedUrl), { type: "module", name: "penstock" }));
    const say = (message: FromTab): void => made.port.postMessage(message);
    made.port.onmessage = ({ data }: MessageEvent<ToTab>) => ("open" in data ? heard.open(data.open) : heard.changed(data.changed));
    setInterval(() => say({ token: joined ?? "" }), HERE_MS);
    addEventListener("pagehide", () => say({ token: "", leaves: true }));
    addEventListener("pageshow", (event) => event.persisted && say({ token: joined ?? "" }));
  }
  worker.port.postMessage({ token } satisfies FromTab);
}
