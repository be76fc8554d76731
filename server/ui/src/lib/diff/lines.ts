/** The lines in which two texts differ, by the shortest edit (Myers, An O(ND) Difference Algorithm, 1986), with some around them. */

export type Line = { kind: "same" | "added" | "removed"; text: string; before: number; after: number } | { kind: "gap"; lines: number };

const MOST_EDITS = 2000;

/** All lines of both, in their order; null if more of them differ than it is worth to look through. */
export function edits(before: readonly string[], after: readonly string[]): Line[] | null {
  const [n, m] = [before.length, after.length];
  const most = Math.min(n + m, MOST_EDITS);
  const reached = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let d = 0; d <= most; d += 1) {
    trace.push(new Map(reached));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && (reached.get(k - 1) ?? -1) < (reached.get(k + 1) ?? -1));
      let x = down ? (reached.get(k + 1) ?? 0) : (reached.get(k - 1) ?? 0) + 1;
      let y = x - k;
      while (x < n && y < m && before[x] === after[y]) [x, y] = [x + 1, y + 1];
      reached.set(k, x);
      if (x >= n && y >= m) return walked(trace, before, after);
    }
  }
  return null;
}

function walked(trace: Map<number, number>[], before: readonly string[], after: readonly string[]): Line[] {
  const found: Line[] = [];
  let [x, y] = [before.length, after.length];
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const reached = trace[d]!;
    const k = x - y;
    const down = k === -d || (k !== d && (reached.get(k - 1) ?? -1) < (reached.get(k + 1) ?? -1));
    const from = down ? k + 1 : k - 1;
    const [px, py] = d === 0 ? [0, 0] : [reached.get(from) ?? 0, (reached.get(from) ?? 0) - from];
    while (x > px && y > py) {
      found.push({ kind: "same", text: before[x - 1]!, before: x, after: y });
      [x, y] = [x - 1, y - 1];
    }
    if (d > 0) {
      if (down) found.push({ kind: "added", text: after[y - 1]!, before: x, after: y });
      else found.push({ kind: "removed", text: before[x - 1]!, before: x, after: y });
      [x, y] = [px, py];
    }
  }
  return found.reverse();
}

/** The same without what is far from every difference. */
export function near(lines: readonly Line[], around = 3): Line[] {
  const kept = new Set<number>();
  for (const [at, line] of lines.entries()) {
    if (line.kind !== "same") for (let other = at - around; other <= at + around; other += 1) kept.add(other);
  }
  const found: Line[] = [];
  let left = 0;
  for (const [at, line] of lines.entries()) {
    if (kept.has(at)) {
      if (left) found.push({ kind: "gap", lines: left });
      found.push(line);
      left = 0;
    } else left += 1;
  }
  if (left && found.length) found.push({ kind: "gap", lines: left });
  return found;
}
