/** Places the nodes of a graph; runs in a worker, because a thousand of them take a second. */

import { Graph as Dagre, layout } from "@dagrejs/dagre";
import type { Graph } from "./folded.ts";

export const HEIGHT = 34;
const LEAST = 96;
const MOST = 300;

export interface Placed {
  width: number;
  height: number;
  nodes: { id: string; x: number; y: number; width: number }[];
  edges: { from: string; to: string; points: { x: number; y: number }[] }[];
}

export const widthOf = (label: string): number => Math.min(MOST, Math.max(LEAST, label.length * 7.3 + 46));

export function placed(graph: Graph): Placed {
  const made = new Dagre();
  made.setGraph({ rankdir: "LR", nodesep: 14, ranksep: 56, marginx: 16, marginy: 16, ranker: graph.nodes.length > 60 ? "longest-path" : "network-simplex" });
  made.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) made.setNode(node.id, { width: widthOf(node.label), height: HEIGHT });
  for (const edge of graph.edges) made.setEdge(edge.from, edge.to);
  layout(made);
  const size = made.graph() as { width?: number; height?: number };
  return {
    width: size.width ?? 0,
    height: size.height ?? 0,
    nodes: made.nodes().map((id) => {
      const { x, y, width } = made.node(id) as { x: number; y: number; width: number };
      return { id, x, y, width };
    }),
    edges: made.edges().map((edge) => ({ from: edge.v, to: edge.w, points: (made.edge(edge) as { points: { x: number; y: number }[] }).points })),
  };
}
