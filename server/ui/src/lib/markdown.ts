/** The Markdown (CommonMark) of an author as a tree: a page makes elements of what it knows, and HTML in it stays a text. */

import type { Nodes } from "mdast";

export type Node = Nodes;

/** The tree of a text; the parser is fetched when the first text is shown. */
export async function parsed(text: string): Promise<Node> {
  const { fromMarkdown } = await import("mdast-util-from-markdown");
  return fromMarkdown(text);
}

/** Where a link leads; "" if that is no page, but something that would run or that no browser opens. */
export function target(url: string): string {
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(url, "https://here.invalid").protocol) ? url : "";
  } catch {
    return "";
  }
}
