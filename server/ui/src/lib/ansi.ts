/** Terminal colours in log lines as spans with classes; every other escape is taken out, none is obeyed. */

export interface Piece {
  text: string;
  style: string;
}

const ESCAPE = /\u001b\[([0-9;:]*)([@-~])|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[ -\/]*[0-~]?|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/** A line as pieces of one look each. */
export function pieces(line: string): Piece[] {
  const found: Piece[] = [];
  let colour = "", bold = false, from = 0;
  const push = (text: string): void => {
    if (text) found.push({ text, style: [colour && `ansi-${colour}`, bold && "ansi-bold"].filter(Boolean).join(" ") });
  };
  for (const hit of line.matchAll(ESCAPE)) {
    push(line.slice(from, hit.index));
    from = hit.index + hit[0].length;
    if (hit[2] !== "m") continue;
    const codes = (hit[1] || "0").split(/[;:]/).map(Number);
    for (let at = 0; at < codes.length; at++) {
      const code = codes[at]!;
      if (code === 0) [colour, bold] = ["", false];
      else if (code === 1) bold = true;
      else if (code === 22) bold = false;
      else if (code === 39) colour = "";
      else if (code === 38 || code === 48) at += codes[at + 1] === 5 ? 2 : 4;
      else if (code >= 30 && code <= 37) colour = COLOURS[code - 30]!;
      else if (code >= 90 && code <= 97) colour = COLOURS[code - 90]!;
    }
  }
  push(line.slice(from));
  return found;
}
