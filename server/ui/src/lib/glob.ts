/** Names by patterns, as grants have them: "*" is any text, "?" one letter, "[ab]" one of these, "[!ab]" none of them. */

/** Whether a name is one of those that a pattern means; upper and lower case differ. */
export function fits(pattern: string, name: string): boolean {
  const source = pattern.replace(/\*|\?|\[(!?)(\]?[^\]]*)\]|[^]/g, (piece, not: string | undefined, letters: string | undefined) => {
    if (piece === "*") return "[^]*";
    if (piece === "?") return "[^]";
    if (letters !== undefined) return `[${not ? "^" : ""}${letters.replace(/[\\\]^[]/g, "\\$&")}]`;
    return piece.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  });
  return new RegExp(`^${source}$`).test(name);
}
