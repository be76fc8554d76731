/** Rows of a grid: tasks under the task groups that they stand in, those of folded groups left out. */

import { groupsOf } from "../graph/folded.ts";

export interface GridRow {
  id: string;
  label: string;
  depth: number;
  group: boolean;
  /** Places of its tasks in the columns' letters. */
  tasks: number[];
  mapped: boolean;
}

export function rowsOf(tasks: readonly { task_id: string; mapped: boolean }[], groups: readonly string[], folded: ReadonlySet<string>): GridRow[] {
  const rows: GridRow[] = [];
  const headings = new Map<string, GridRow>();
  const members = new Map<GridRow | null, GridRow[]>();
  const put = (parent: GridRow | null, row: GridRow): void => {
    const found = members.get(parent);
    if (found) found.push(row);
    else members.set(parent, [row]);
  };
  for (const [place, task] of tasks.entries()) {
    let parent: GridRow | null = null;
    for (const group of groupsOf(task.task_id, groups)) {
      let heading = headings.get(group);
      if (!heading) {
        heading = { id: group, label: short(group, parent), depth: parent ? parent.depth + 1 : 0, group: true, tasks: [], mapped: false };
        headings.set(group, heading);
        put(parent, heading);
      }
      heading.tasks.push(place);
      parent = heading;
    }
    put(parent, { id: task.task_id, label: short(task.task_id, parent), depth: parent ? parent.depth + 1 : 0, group: false, tasks: [place], mapped: task.mapped });
  }
  const walk = (parent: GridRow | null): void => {
    for (const row of members.get(parent) ?? []) {
      rows.push(row);
      if (row.group && !folded.has(row.id)) walk(row);
    }
  };
  walk(null);
  return rows;
}

const short = (id: string, parent: GridRow | null): string => (parent ? id.slice(parent.id.length + 1) : id);

/** The letter of several: the most pressing, which is the first of the grid's letters. */
export function most(letters: string, order: string): string {
  let best = ".", rank = order.length;
  for (const letter of letters) {
    const found = order.indexOf(letter);
    if (found >= 0 && found < rank) [best, rank] = [letter, found];
  }
  return best;
}
