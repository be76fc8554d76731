/** The stream of events: read by `fetch`, as a tab's token is sent in a header, which an `EventSource` cannot. */

export interface Delta {
  kind: string;
  dag_id?: string;
}

export interface Heard {
  /** Whether the stream is open. */
  open(yes: boolean): void;
  /** What has changed; null if anything may have: all is to be read anew. */
  changed(deltas: Delta[] | null): void;
}

interface StreamEvent {
  name: string;
  data: string;
}

const AGAIN_MS = 1000;
/** Between two attempts at most, each of which waits twice as long as the one before: of a server that is away, and of one that refuses. */
const AWAY_MS = 5000, REFUSED_MS = 60_000;
/** Longer than the server is ever silent. */
const SILENT_MS = 40_000;

/** Takes bytes as they come, and gives whole events; `last` is the place from which to go on. See the HTML standard, 9.2.6. */
export class EventParser {
  last = "";
  #rest = "";

  take(text: string): StreamEvent[] {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop()!;
    return blocks.flatMap((block) => this.#event(block));
  }

  /** What has come of an event that is not whole comes again. */
  begin(): void {
    this.#rest = "";
  }

  #event(block: string): StreamEvent[] {
    const fields: Record<string, string> = {};
    for (const line of block.split("\n")) {
      const at = line.indexOf(": ");
      if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
    }
    if (fields["id"]) this.last = fields["id"];
    return fields["data"] === undefined ? [] : [{ name: fields["event"] ?? "", data: fields["data"] }];
  }
}

/** Follow the stream until a signal ends it; whenever it breaks, it goes on from where it was. */
export async function follow(token: string, heard: Heard, signal: AbortSignal): Promise<void> {
  const parser = new EventParser();
  let [pause, longest] = [AGAIN_MS, AWAY_MS];
  while (!signal.aborted) {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), SILENT_MS);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (token) headers["Authorization"] = `Bearer ${token}`;
      if (parser.last) headers["Last-Event-ID"] = parser.last;
      const answer = await fetch("/api/v1/events", { headers, cache: "no-store", signal: AbortSignal.any([signal, silent.signal]) });
      if (answer.ok && answer.body) {
        parser.begin();
        [pause, longest] = [AGAIN_MS, AWAY_MS];
        heard.open(true);
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let read = await reader.read(); !read.done; read = await reader.read()) {
          clearTimeout(timer);
          timer = setTimeout(() => silent.abort(), SILENT_MS);
          for (const event of parser.take(read.value)) heard.changed(event.name === "changes" ? (JSON.parse(event.data) as Delta[]) : null);
        }
      } else {
        if (answer.status === 422) parser.last = "";
        longest = answer.status < 500 ? REFUSED_MS : AWAY_MS; // a login that has ended does not come back by itself
      }
    } catch {
      // The server is away, or the line was cut: it is tried again.
    } finally {
      clearTimeout(timer);
    }
    if (signal.aborted) return;
    heard.open(false);
    await new Promise((done) => setTimeout(done, pause * (0.75 + Math.random() / 2))); // not all tabs at once
    pause = Math.min(pause * 2, longest);
  }
}
