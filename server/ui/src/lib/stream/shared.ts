/** Follows the stream once for all tabs of a reader: a browser opens six connections to a server, and no more. */

import { follow, type Delta } from "./events.ts";

export interface FromTab {
  token: string;
  leaves?: boolean;
}

export type ToTab = { open: boolean } | { changed: Delta[] | null };

interface Line {
  tabs: Map<MessagePort, number>;
  open: boolean;
  stop: AbortController;
}

/** A tab says every 20 seconds that it is there; one in the background may be late by a minute. */
const GONE_MS = 180_000;

const lines = new Map<string, Line>();

function leave(tab: MessagePort): void {
  for (const [token, line] of lines) {
    line.tabs.delete(tab);
    if (line.tabs.size) continue;
    line.stop.abort();
    lines.delete(token);
  }
}

function begin(token: string): Line {
  const line: Line = { tabs: new Map(), open: false, stop: new AbortController() };
  const tell = (message: ToTab): void => {
    for (const [tab, seen] of line.tabs) {
      if (Date.now() - seen > GONE_MS) leave(tab);
      else tab.postMessage(message);
    }
  };
  lines.set(token, line);
  const open = (yes: boolean): void => tell({ open: (line.open = yes) });
  void follow(token, { open, changed: (deltas) => tell({ changed: deltas }) }, line.stop.signal);
  return line;
}

(globalThis as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = (event) => {
  const tab = event.ports[0]!;
  tab.onmessage = ({ data }: MessageEvent<FromTab>) => {
    if (data.leaves) return leave(tab);
    const line = lines.get(data.token);
    if (line?.tabs.has(tab)) return void line.tabs.set(tab, Date.now());
    leave(tab);
    const joined = lines.get(data.token) ?? begin(data.token);
    joined.tabs.set(tab, Date.now());
    if (joined.open) {
      tab.postMessage({ open: true } satisfies ToTab);
      tab.postMessage({ changed: null } satisfies ToTab);
    }
  };
};
