/** Calls of the server's operations: what fails says the server's own sentence. */

import { answered, mayBeOld } from "../live.svelte.ts";
import { go, place } from "../router.svelte.ts";
import { token } from "../token.ts";
import { keyOf, settle } from "./once.ts";
import type { Routes } from "./routes.ts";

export class Refused extends Error {
  constructor(
    readonly status: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

type Parameters<R extends keyof Routes> = Routes[R]["parameters"];
type Answer<R extends keyof Routes> = Routes[R]["answer"];

/**
 * Ask for an operation by its route, such as "GET /dags/{dag_id}"; a change that is asked for again is done once.
 *
 * @param tag The tag of a thing as it was read: what changes it is refused with 412 if it is another one by now; "" for whatever it is.
 */
export async function call<R extends keyof Routes>(route: R, parameters: Parameters<R>, signal?: AbortSignal, tag = ""): Promise<Answer<R>> {
  const { method, path, rest } = placed(route, parameters);
  const headers: Record<string, string> = { Accept: "application/json" };
  const init: RequestInit = { method, headers, ...(signal ? { signal } : {}) };
  let query = "";
  if (method === "GET" || method === "DELETE") query = asQuery(rest);
  else {
    init.body = JSON.stringify(rest);
    headers["Content-Type"] = "application/json";
  }
  const url = `/api/v1${path}${query}`;
  if (method === "GET" && mayBeOld()) headers["Cache-Control"] = "max-age=1";
  if (method === "GET" || rest["dry_run"]) return (await send(url, init)) as Answer<R>;
  if (tag) headers["If-Match"] = tag;
  const change = `${method} ${url} ${tag} ${init.body ?? ""}`;
  headers["Idempotency-Key"] = keyOf(change);
  try {
    const answer = await send(url, init);
    settle(change, 200);
    return answer as Answer<R>;
  } catch (error) {
    settle(change, error instanceof Refused ? error.status : 0);
    throw error;
  }
}

/** The tag of what a route gives, as it is now, without what it gives: that may be a secret. */
export async function tagOf<R extends keyof Routes>(route: R, parameters: Parameters<R>): Promise<string> {
  const answer = await fetched(address(route, parameters), { method: "HEAD" });
  if (answer.ok) return answer.headers.get("ETag") ?? "";
  throw new Refused(answer.status, answer.status === 404 ? "It is not there any more, or you may not see it." : `The server answered ${answer.status}.`);
}

/** Where a browser gets by itself what a route of the method GET gives, such as a file. */
export function address<R extends keyof Routes>(route: R, parameters: Parameters<R>): string {
  const { path, rest } = placed(route, parameters);
  return `/api/v1${path}${asQuery(rest)}`;
}

/** The method and the path of a route, and what of its parameters is not in the path. */
function placed(route: string, parameters: object): { method: string; path: string; rest: Record<string, unknown> } {
  const [method, pattern] = route.split(" ") as [string, string];
  const rest: Record<string, unknown> = { ...parameters };
  const path = pattern.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(rest[name]);
    delete rest[name];
    return encodeURIComponent(value);
  });
  return { method, path, rest };
}

/** Send a request; an answer that refuses becomes an error with its sentence. */
export async function send(url: string, init: RequestInit): Promise<unknown> {
  const answer = await fetched(url, init);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw new Refused(answer.status, await sentence(answer));
}

async function fetched(url: string, init: RequestInit): Promise<Response> {
  try {
    const kept = token();
    const answer = await fetch(url, kept ? { ...init, headers: { ...init.headers, Authorization: `Bearer ${kept}` } } : init);
    answered(true);
    if (answer.status === 401 && place.path !== "/login") go(`/login?next=${encodeURIComponent(place.path + place.query)}`, true);
    return answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    answered(false);
    throw new Refused(0, "The server does not answer. This page goes on by itself as soon as it does.");
  }
}

async function sentence(answer: Response): Promise<string> {
  try {
    const problem = (await answer.json()) as { detail?: string; title?: string };
    const text = problem.detail || problem.title || `The server answered ${answer.status}.`;
    return answer.status === 403 ? text : text[0]!.toUpperCase() + text.slice(1); // that one begins with the reader's own name
  } catch {
    return `The server answered ${answer.status} without a reason.`;
  }
}

function asQuery(values: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === null || value === "" || value === false) continue;
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, String(each));
  }
  const text = query.toString();
  return text ? `?${text}` : "";
}
