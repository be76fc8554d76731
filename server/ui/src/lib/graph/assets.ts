/** Assets as boxes of a graph: those that start the DAG before its first tasks, the others beside the tasks that read and make them. */

import type { AssetCondition, DagSpec } from "../api/routes.ts";
import type { GraphTask } from "./folded.ts";

const MARK = "asset:";

export const isAsset = (id: string): boolean => id.startsWith(MARK);
export const assetOf = (id: string): string => id.slice(MARK.length);

const named = (condition: AssetCondition | null | undefined): string[] =>
  condition ? [...(condition.asset ? [condition.asset] : []), ...(condition.parts ?? []).flatMap(named)] : [];

/** The tasks of a graph with their assets, each a box of its own before and behind what it belongs to. */
export function withAssets(tasks: readonly GraphTask[], spec: DagSpec): GraphTask[] {
  const made = new Map<string, Set<string>>(); // an asset, and the tasks that make it
  const read = new Map<string, string[]>(); // a task, and the assets before it
  const starts = named(spec.schedule?.assets);
  for (const { task_id, inlets = [], outlets = [] } of spec.tasks ?? []) {
    for (const uri of outlets) made.set(uri, (made.get(uri) ?? new Set()).add(task_id));
    for (const uri of inlets) made.set(uri, made.get(uri) ?? new Set());
    if (inlets.length) read.set(task_id, [...inlets]);
  }
  // One that the DAG makes and is started by as well is there twice: time runs from left to right.
  const before = starts.map((uri) => (made.get(uri)?.size ? `${MARK}${uri} (before)` : MARK + uri));
  return [
    ...before.map((task_id) => ({ task_id, upstream: [] })),
    ...[...made].filter(([uri]) => !before.includes(MARK + uri)).map(([uri, makers]) => ({ task_id: MARK + uri, upstream: [...makers] })),
    ...tasks.map((task) => ({
      ...task,
      upstream: [...task.upstream, ...(read.get(task.task_id) ?? []).map((uri) => MARK + uri), ...(task.upstream.length ? [] : before)],
    })),
  ];
}
