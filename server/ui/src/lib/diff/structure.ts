/** How two versions of a DAG differ, in the words of its structure: tasks, edges, settings, files. */

import type { VersionDifference } from "../api/routes.ts";

export type Change = "added" | "removed" | "changed";
export interface Edge {
  from: string;
  to: string;
  change: "added" | "removed";
}
export interface TaskDiff {
  name: string;
  change: Change;
  settings: VersionDifference[];
}
export interface Structure {
  tasks: TaskDiff[];
  edges: Edge[];
  settings: VersionDifference[];
  files: VersionDifference[];
  variables: VersionDifference[];
}

/** Differences sorted by what they are of; the edges of a task that came or went come or go with it. */
export function structure(differences: readonly VersionDifference[]): Structure {
  const tasks = new Map<string, TaskDiff>();
  const found: Structure = { tasks: [], edges: [], settings: [], files: [], variables: [] };
  for (const each of differences) {
    if (each.part === "file") found.files.push(each);
    else if (each.part === "Variable") found.variables.push(each);
    else if (each.part === "DAG") found.settings.push(each);
    else if (each.field === "upstream") found.edges.push(...edges(each));
    else {
      const task = tasks.get(each.name) ?? { name: each.name, change: each.field ? "changed" : each.change, settings: [] };
      tasks.set(each.name, task);
      if (each.field) task.settings.push(each);
    }
  }
  const order: Change[] = ["added", "removed", "changed"];
  found.tasks = [...tasks.values()].sort((one, other) => order.indexOf(one.change) - order.indexOf(other.change) || one.name.localeCompare(other.name));
  return found;
}

function edges({ name, before, after }: VersionDifference): Edge[] {
  const [old, now] = [before, after].map((each) => new Set((each as string[] | null) ?? []));
  const made = (change: Edge["change"]) => (from: string): Edge => ({ from, to: name, change });
  return [...[...now!].filter((each) => !old!.has(each)).map(made("added")), ...[...old!].filter((each) => !now!.has(each)).map(made("removed"))];
}

/** A setting's value on one line, cut where it is long. */
export function told(value: unknown): string {
  if (value === null || value === undefined || value === "") return "nothing";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 160 ? `${text.slice(0, 159)}…` : text;
}
