import type { Graph } from "./folded.ts";
import { placed } from "./layout.ts";

onmessage = (event: MessageEvent<{ number: number; graph: Graph }>) => {
  postMessage({ number: event.data.number, placed: placed(event.data.graph) });
};
