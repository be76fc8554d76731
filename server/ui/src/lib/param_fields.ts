/** A form's fields, made of the schemas of a DAG's params; the server judges what is sent. */

export type Kind = "choice" | "switch" | "number" | "text" | "lines" | "date" | "json";

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

const typesOf = ({ schema: { type } }: Pick<Param, "schema">): unknown[] => (Array.isArray(type) ? type : type === undefined ? [] : [type]);

/** Which field a param gets: by its schema, and else by its default. */
export function kindOf(param: Param): Kind {
  if (Array.isArray(param.schema["enum"])) return "choice";
  const type = typesOf(param).find((each) => each !== "null") ?? typeof param.default;
  if (type === "boolean") return "switch";
  if (type === "integer" || type === "number") return "number";
  if (type === "string") return param.schema["format"] === "date" ? "date" : hasLines(param) ? "lines" : "text";
  return "json";
}

/** Whether a text of more than one line is expected: an input of one line would lose its breaks. */
const hasLines = (param: Param): boolean => /[\r\n]/.test(String(param.default ?? "")) || param.schema["format"] === "multiline";

const TEXTS = new Set<Kind>(["text", "lines", "date"]);

/** A param's default as the text of its field. */
export function written(param: Param): string {
  const { default: value } = param;
  if (TEXTS.has(kindOf(param)) && (typeof value === "string" || value === null || value === undefined)) return value ?? "";
  if (kindOf(param) === "number" && typesOf(param).includes("null") && (value === null || value === undefined)) return "";
  if (param.required && (value === null || value === undefined)) return kindOf(param) === "choice" ? JSON.stringify((param.schema["enum"] as unknown[])[0]) : "";
  return kindOf(param) === "json" ? JSON.stringify(value, null, 2) : JSON.stringify(value ?? null);
}

/** What a field's text says, or what is wrong with it. */
export function read(field: Pick<Field, "kind" | "name"> & Partial<Pick<Field, "required" | "schema">>, text: string): { value?: unknown; problem?: string } {
  if (field.required && !text) return { problem: `${field.name} must be given: it has no default.` };
  if (TEXTS.has(field.kind)) return { value: text };
  if (field.kind === "number") {
    if (!text && typesOf({ schema: field.schema ?? {} }).includes("null")) return { value: null };
    const value = Number(text);
    return text.trim() && Number.isFinite(value) ? { value } : { problem: `${field.name} is a number; ${text || "nothing"} is none.` };
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: `${field.name} is JSON: ${(error as Error).message}.` };
  }
}
