/** A text in pieces, of which those that were sought are marked. */

export interface MarkedPiece {
  text: string;
  marked: boolean;
}

/** The words and phrases of what somebody searches for: phrases stand in double quotes. */
export const soughtIn = (query: string): string[] => [...query.matchAll(/"([^"]*)"|[\p{L}\p{N}]+/gu)].map((each) => each[1] ?? each[0]).filter((each) => each.trim());

/** Mark each place of a text where one of some texts stands, in any case of letters. */
export function marked(text: string, sought: readonly string[]): MarkedPiece[] {
  const wanted = sought.filter(Boolean).map((each) => each.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  if (!wanted.length) return text ? [{ text, marked: false }] : [];
  const pieces = text.split(new RegExp(`(${wanted.join("|")})`, "iu"));
  return pieces.map((piece, at) => ({ text: piece, marked: at % 2 === 1 })).filter((each) => each.text);
}
