/** How each state looks: a hue of six, an outline and a glyph of its own, so that none is told apart by its colour alone. */

export type Hue = "green" | "red" | "blue" | "amber" | "violet" | "grey";
export interface Look {
  label: string;
  hue: Hue;
  /** Path of the outline, in a square of 16. */
  outline: string;
  /** Path of what stands in it. */
  glyph: string;
  filled: boolean;
}

const CIRCLE = "M8 1.2a6.8 6.8 0 1 0 0 13.6a6.8 6.8 0 1 0 0-13.6z";
const SQUARE = "M3 1.5h10a1.5 1.5 0 0 1 1.5 1.5v10a1.5 1.5 0 0 1-1.5 1.5h-10a1.5 1.5 0 0 1-1.5-1.5v-10a1.5 1.5 0 0 1 1.5-1.5z";
const DIAMOND = "M8 0.9l7.1 7.1l-7.1 7.1l-7.1-7.1z";
const TRIANGLE = "M8 1.3l7 13.2h-14z";

export const LOOKS: Record<string, Look> = {
  success: { label: "success", hue: "green", outline: CIRCLE, glyph: "M4.8 8.3l2.2 2.2l4.3-4.7", filled: true },
  failed: { label: "failed", hue: "red", outline: SQUARE, glyph: "M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6", filled: true },
  timed_out: { label: "timed out", hue: "red", outline: SQUARE, glyph: "M8 4.6v3.6l2.4 1.8", filled: true },
  lost: { label: "lost", hue: "amber", outline: SQUARE, glyph: "M6 6a2 2 0 1 1 2.4 2c-0.3 0.1-0.4 0.5-0.4 1.1M8 11.2v0.2", filled: false },
  running: { label: "running", hue: "blue", outline: CIRCLE, glyph: "M6.4 5l4.6 3l-4.6 3z", filled: true },
  queued: { label: "queued", hue: "blue", outline: CIRCLE, glyph: "M8 4.6v3.6l2.4 1.4", filled: false },
  scheduled: { label: "scheduled", hue: "grey", outline: CIRCLE, glyph: "M5 8h0.2M7.9 8h0.2M10.8 8h0.2", filled: false },
  deferred: { label: "deferred", hue: "violet", outline: DIAMOND, glyph: "M6.6 5.8v4.4M9.4 5.8v4.4", filled: true },
  up_for_retry: { label: "up for retry", hue: "amber", outline: TRIANGLE, glyph: "M8 6.4v3.4M8 12v0.2", filled: true },
  upstream_failed: { label: "upstream failed", hue: "red", outline: SQUARE, glyph: "M8 11.2v-6M5.6 7.4l2.4-2.4l2.4 2.4", filled: false },
  skipped: { label: "skipped", hue: "grey", outline: CIRCLE, glyph: "M5.2 5.4l2.6 2.6l-2.6 2.6M8.6 5.4l2.6 2.6l-2.6 2.6", filled: false },
  cancelled: { label: "cancelled", hue: "grey", outline: CIRCLE, glyph: "M4.4 11.6l7.2-7.2", filled: true },
  removed: { label: "removed", hue: "grey", outline: SQUARE, glyph: "M5 8h6", filled: false },
  none: { label: "not started", hue: "grey", outline: "", glyph: "M7.9 8h0.2", filled: false },
};

export const look = (state: string): Look => LOOKS[state] ?? { ...LOOKS["none"]!, label: state };

/** States in which nothing moves until a person asks. */
export const FINISHED: ReadonlySet<string> = new Set(["success", "failed", "skipped", "upstream_failed", "cancelled", "removed"]);
