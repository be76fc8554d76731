/** The pages by their paths; each is loaded when somebody goes to it. */

import type { Component } from "svelte";
import { match } from "./paths.ts";

export type Page = Component<any>; // each page has parameters of its own, which its pattern names
type Load = () => Promise<{ default: Page }>;

const dags: Load = () => import("../pages/Dags.svelte");
const missing: Load = () => import("../pages/Missing.svelte");

const PAGES: [pattern: string, load: Load, title: string][] = [
  ["/", dags, "DAGs"],
  ["/dags", dags, "DAGs"],
  ["/login", () => import("../pages/Login.svelte"), "Log in"],
  ["/welcome", () => import("../pages/Welcome.svelte"), "Welcome"],
  ["/reset", () => import("../pages/Reset.svelte"), "A new password"],
  ["/search", () => import("../pages/Search.svelte"), "Search"],
  ["/dags/:dag", () => import("../pages/Dag.svelte"), ":dag"],
  ["/dags/:dag/runs/:run", () => import("../pages/Run.svelte"), ":run"],
  ["/dags/:dag/runs/:run/tasks/:task", () => import("../pages/Task.svelte"), ":task"],
  ["/installation", () => import("../pages/Installation.svelte"), "Installation"],
  ["/installation/:section", () => import("../pages/Installation.svelte"), "Installation"],
];

/** Pages for who is not known yet. */
export const atDoor = (path: string): boolean => ["/login", "/welcome", "/reset"].includes(path);

export interface Found {
  load: Load;
  values: Record<string, string>;
  title: string;
}

let fetched = false;

/** Fetch the parts of all pages in a moment of rest: who goes to one does not wait, and does not need the server for it. */
export function fetchAll(): void {
  if (fetched) return;
  fetched = true;
  const fetch = (): void => void Promise.allSettled(PAGES.map(([, load]) => load()));
  if ("requestIdleCallback" in globalThis) requestIdleCallback(fetch, { timeout: 5000 });
  else setTimeout(fetch, 1000);
}

/** What is at a path of this site. */
export function pageAt(path: string): Found {
  for (const [pattern, load, title] of PAGES) {
    const values = match(pattern, path);
    if (values) return { load, values, title: title.replace(/:(\w+)/, (_, name: string) => values[name] ?? "") };
  }
  return { load: missing, values: {}, title: "Not found" };
}
