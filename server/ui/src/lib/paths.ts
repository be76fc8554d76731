/** Addresses of pages: made here and nowhere else, so that an id of whatever letters stays one part of its path. */

const MARKS = /^\.{1,2}$/;

/** One part of a path. A browser takes "." and ".." for steps even when they are escaped, so these get a mark. */
export const part = (id: string): string => (MARKS.test(id) ? `~${id}` : encodeURIComponent(id).replace(/^~/, "%7E"));

/** The id that a part of a path stands for. */
export function unpart(text: string): string {
  if (/^~\.{1,2}$/.test(text)) return text.slice(1);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const dagPath = (dag: string): string => `/dags/${part(dag)}`;
export const runPath = (dag: string, run: string): string => `${dagPath(dag)}/runs/${part(run)}`;
export const taskPath = (dag: string, run: string, task: string, index = -1): string =>
  `${runPath(dag, run)}/tasks/${part(task)}${index >= 0 ? `?index=${index}` : ""}`;

/** The values of a path's parts that a pattern names with ":"; null if it is another path. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const found = path.replace(/(.)\/$/, "$1").split("/");
  if (wanted.length !== found.length) return null;
  const values: Record<string, string> = {};
  for (const [at, name] of wanted.entries()) {
    const text = found[at]!;
    if (name.startsWith(":")) values[name.slice(1)] = unpart(text);
    else if (name !== text) return null;
  }
  return values;
}
