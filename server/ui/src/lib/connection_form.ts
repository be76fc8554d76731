/** What a form of a connection shows and says: the fields that its kind declares, each in the part or the extra that holds it. */

import type { ConnectionField, ConnectionSummary } from "./api/routes.ts";

export const HIDDEN = "***";
const PARTS = ["host", "port", "login", "password", "schema"] as const;
type Part = (typeof PARTS)[number];
const isPart = (name: string): name is Part => (PARTS as readonly string[]).includes(name);
const isText = (name: string): name is Exclude<Part, "port"> => name !== "port" && isPart(name);

export interface Shown {
  name: string;
  doc: string;
  required: boolean;
  secret: boolean;
  kind: "text" | "password" | "number" | "choice";
  options: string[];
  placeholder: string;
  text: string;
}

/** The text in which a value of a connection is shown. */
const written = (value: unknown): string => (value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));

function field(name: string, declared: ConnectionField | null, value: unknown): Shown {
  const type = declared?.type ?? "str";
  const literal = /^Literal\[(.*)\]$/.exec(type)?.[1];
  const options = literal ? [...literal.matchAll(/'([^']*)'/g)].map((each) => each[1]!) : type === "bool" ? ["true", "false"] : [];
  const secret = Boolean(declared?.secret) || name === "password" || value === HIDDEN;
  const stored = secret && value === HIDDEN;
  const standard = written(declared?.default);
  return {
    name,
    doc: declared?.doc ?? "",
    required: Boolean(declared?.required) && !stored,
    secret,
    kind: secret ? "password" : options.length ? "choice" : name === "port" || type === "int" || type === "float" ? "number" : "text",
    options: options.length ? [...new Set(["", ...options])] : [],
    placeholder: stored ? "stored; leave it empty to keep it" : standard,
    text: stored ? "" : written(value),
  };
}

/** The fields of a form: those of the kind, and whatever else the connection has. Without a kind, its parts. */
export function fieldsOf(declared: readonly ConnectionField[], connection: ConnectionSummary | null): Shown[] {
  const extra: Record<string, unknown> = connection?.extra ?? {};
  const value = (name: string): unknown => (isPart(name) ? connection?.[name] : extra[name]);
  const names = new Map(declared.map((each) => [each.name, each]));
  const parts = PARTS.filter((name) => !names.has(name) && (declared.length === 0 || written(value(name))));
  const others = Object.keys(extra).filter((name) => !names.has(name));
  return [
    ...declared.map((each) => field(each.name, each, value(each.name))),
    ...[...parts, ...others].map((name) => field(name, null, value(name))),
  ];
}

export interface Written {
  host: string;
  port: number | null;
  login: string;
  password: string;
  schema: string;
  extra: Record<string, unknown>;
}

/** What the texts of a form say; a secret that was left empty is sent as its sign, which keeps it. */
export function saidBy(fields: readonly Shown[], before: ConnectionSummary | null): Written {
  const made: Written = { host: "", port: null, login: "", password: "", schema: "", extra: {} };
  const extra: Record<string, unknown> = before?.extra ?? {};
  for (const { name, text, secret } of fields) {
    const stored = isPart(name) ? before?.[name] : extra[name];
    if (name === "port") {
      if (text.trim() && !/^\d{1,5}$/.test(text.trim())) throw new Error(`The port is a number; ${text} is none.`);
      made.port = text.trim() ? Number(text) : null;
    } else if (isText(name)) made[name] = !text && secret && stored === HIDDEN ? HIDDEN : text;
    else if (!text) {
      if (secret && stored === HIDDEN) made.extra[name] = HIDDEN;
    } else made.extra[name] = stored !== undefined && written(stored) === text ? stored : text;
  }
  return made;
}
