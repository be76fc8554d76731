/** The Markdown (CommonMark) of an author as a tree: a page makes elements of what it knows, and HTML in it stays a text. */

import type { Nodes } from "mdast";

export type Node = Nodes;

/** How deep what is shown may lie in quotes, lists and emphasis: what lies deeper is shown as it is written. */
const DEEPEST = 40;
/** What the parser is given of one block: for each of these signs it looks back at all before it. */
const MOST_SIGNS = 1000;
const NESTED = /^(?:[ \t]*(?:>|[-+*]|\d{1,9}[.)])(?=[ \t>])){40}/m;

/** The tree of a text; the parser is fetched when the first text is shown. A text that nobody wrote for readers is one paragraph of it. */
export async function parsed(text: string): Promise<Node> {
  if (NESTED.test(text) || text.split(/\n[ \t]*\n/).some((block) => (block.match(/[*_[\]!<`]/g)?.length ?? 0) > MOST_SIGNS)) {
    return { type: "root", children: [{ type: "paragraph", children: [{ type: "text", value: text }] }] };
  }
  const { fromMarkdown } = await import("mdast-util-from-markdown");
  return bounded(fromMarkdown(text), text);
}

function bounded(tree: Node, text: string): Node {
  let level: Node[] = [tree];
  for (let depth = 0; level.length; depth += 1) {
    const parents = level.filter((each) => "children" in each);
    if (depth === DEEPEST) {
      for (const each of parents) each.children = [{ type: "text", value: text.slice(each.position?.start.offset, each.position?.end.offset) }];
      return tree;
    }
    level = parents.flatMap((each) => each.children as Node[]);
  }
  return tree;
}

/** Where a link leads; "" if that is no page, but something that would run or that no browser opens. */
export function target(url: string): string {
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(url, "https://here.invalid").protocol) ? url : "";
  } catch {
    return "";
  }
}
