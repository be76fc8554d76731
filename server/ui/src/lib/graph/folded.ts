/** The graph of a DAG with some of its task groups folded into one box each. */

export interface GraphTask {
  task_id: string;
  upstream: string[];
}
export interface Node {
  id: string;
  label: string;
  /** The ids of the tasks in it: one of its own, or those of a folded group. */
  tasks: string[];
  group: boolean;
}
export interface Edge {
  from: string;
  to: string;
}
export interface Graph {
  nodes: Node[];
  edges: Edge[];
}

/** The groups that a task stands in, outermost first: those whose ids begin its own. */
export const groupsOf = (task: string, groups: readonly string[]): string[] =>
  groups.filter((group) => task.startsWith(`${group}.`)).sort((one, other) => one.length - other.length);

/** Fold groups: tasks of one become one node, edges among them vanish, and each other edge is there once. */
export function folded(tasks: readonly GraphTask[], groups: readonly string[], closed: ReadonlySet<string>): Graph {
  const place = new Map<string, string>();
  const nodes = new Map<string, Node>();
  for (const { task_id: task } of tasks) {
    const chain = groupsOf(task, groups);
    const shut = chain.find((group) => closed.has(group));
    const id = shut ? `group ${shut}` : `task ${task}`;
    const inner = shut ?? chain.at(-1);
    place.set(task, id);
    const node = nodes.get(id);
    if (node) node.tasks.push(task);
    else nodes.set(id, { id, label: shut ?? (inner ? task.slice(inner.length + 1) : task), tasks: [task], group: Boolean(shut) });
  }
  const edges = new Map<string, Edge>();
  for (const { task_id: task, upstream } of tasks) {
    for (const above of upstream) {
      const [from, to] = [place.get(above), place.get(task)];
      if (from && to && from !== to) edges.set(`${from}\n${to}`, { from, to });
    }
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

/** The tasks in an order in which each comes after those that it waits for; ties as they stand. */
export function ordered(tasks: readonly GraphTask[]): string[] {
  const known = new Map(tasks.map((task) => [task.task_id, task]));
  const depth = new Map<string, number>();
  const stack: string[] = [];
  for (const { task_id } of tasks) {
    stack.push(task_id);
    while (stack.length) {
      const top = stack.at(-1)!;
      if (depth.has(top)) { stack.pop(); continue; }
      const above = known.get(top)!.upstream.filter((id) => known.has(id));
      const open = above.filter((id) => !depth.has(id) && !stack.includes(id));
      if (open.length) stack.push(...open);
      else {
        depth.set(top, above.reduce((most, id) => Math.max(most, (depth.get(id) ?? 0) + 1), 0));
        stack.pop();
      }
    }
  }
  return tasks.map((task) => task.task_id).sort((one, other) => depth.get(one)! - depth.get(other)!);
}
