/** Paints the cells of a grid: thousands of them cost a few milliseconds, where as many elements would cost a second. */

import { LOOKS, type Hue } from "../states.ts";

export const ROW = 28, COLUMN = 30;
const SIZE = 16;

export type Sprites = Record<string, HTMLCanvasElement>;

/** A picture of each state in the colours that the page has now. */
export function sprites(ratio: number): Sprites {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: Hue | "glyph"): string => style.getPropertyValue(`--${name}`).trim();
  const found: Sprites = {};
  for (const [state, look] of Object.entries(LOOKS)) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = Math.ceil(SIZE * ratio);
    const pen = canvas.getContext("2d")!;
    pen.scale(canvas.width / SIZE, canvas.height / SIZE);
    pen.lineWidth = 1.6;
    pen.strokeStyle = pen.fillStyle = colour(look.hue);
    const outline = new Path2D(look.outline);
    if (look.filled) pen.fill(outline);
    pen.stroke(outline);
    [pen.lineWidth, pen.lineCap, pen.lineJoin] = [1.8, "round", "round"];
    if (look.filled) pen.strokeStyle = colour("glyph");
    pen.stroke(new Path2D(look.glyph));
    found[state] = canvas;
  }
  return found;
}

export interface Window {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** The places of what a window shows of so many things of one size: from, and up to but without. */
export const within = (start: number, length: number, size: number, count: number, spare = 0): [number, number] => [
  Math.max(0, Math.floor(start / size) - spare),
  Math.min(count, Math.ceil((start + length) / size) + spare),
];

/** Paint what a window shows; `stateAt` says the state of a cell, "" for none. */
export function paint(canvas: HTMLCanvasElement, seen: Window, size: { rows: number; columns: number }, stateAt: (row: number, column: number) => string, made: Sprites): void {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(seen.width * ratio), Math.round(seen.height * ratio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pen = canvas.getContext("2d");
  if (!pen || !width || !height) return;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, seen.width, seen.height);
  const [firstRow, lastRow] = within(seen.top, seen.height, ROW, size.rows);
  const [firstColumn, lastColumn] = within(seen.left, seen.width, COLUMN, size.columns);
  for (let row = firstRow; row < lastRow; row += 1) {
    const y = row * ROW - seen.top + (ROW - SIZE) / 2;
    for (let column = firstColumn; column < lastColumn; column += 1) {
      const sprite = made[stateAt(row, column)];
      if (sprite) pen.drawImage(sprite, column * COLUMN - seen.left + (COLUMN - SIZE) / 2, y, SIZE, SIZE);
    }
  }
}
