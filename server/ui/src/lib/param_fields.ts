/** A form's fields, made of the schemas of a DAG's params; the server judges what is sent. */

export type Kind = "choice" | "switch" | "number" | "text" | "json";

export interface Param {
  default: unknown;
  doc: string;
  schema: Record<string, unknown>;
  required: boolean;
}

export interface Field {
  name: string;
  doc: string;
  required: boolean;
  schema: Record<string, unknown>;
  kind: Kind;
  /** The default as the field's text. */
  start: string;
}

/** Which field a param gets: by its schema, and else by its default. */
export function kindOf(param: Param): Kind {
  if (Array.isArray(param.schema["enum"])) return "choice";
  const type = param.schema["type"] ?? typeof param.default;
  if (type === "boolean") return "switch";
  if (type === "integer" || type === "number") return "number";
  if (type === "string") return "text";
  return "json";
}

/** A param's default as the text of its field. */
export function written(param: Param): string {
  const { default: value } = param;
  if (kindOf(param) === "text" && (typeof value === "string" || value === null || value === undefined)) return value ?? "";
  if (param.required && (value === null || value === undefined)) return kindOf(param) === "choice" ? JSON.stringify((param.schema["enum"] as unknown[])[0]) : "";
  return kindOf(param) === "json" ? JSON.stringify(value, null, 2) : JSON.stringify(value ?? null);
}

/** What a field's text says, or what is wrong with it. */
export function read(field: Pick<Field, "kind" | "name">, text: string): { value?: unknown; problem?: string } {
  if (field.kind === "text") return { value: text };
  if (field.kind === "number") {
    const value = Number(text);
    return text.trim() && Number.isFinite(value) ? { value } : { problem: `${field.name} is a number; ${text || "nothing"} is none.` };
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: `${field.name} is JSON: ${(error as Error).message}.` };
  }
}
