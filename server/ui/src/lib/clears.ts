/** Which runs a clear reaches beside the one that it begins at. */

export type Reach = "this" | "later" | "earlier";

const FIRST = "1900-01-01T00:00:00Z", LAST = "9999-01-01T00:00:00Z";

/** The span of logical dates, the end excluded, of a date and those after or before it. */
export function spanOf(reach: Reach, date: string): { since: string; until: string } {
  const after = new Date(Date.parse(date) + 1).toISOString(); // an address has microseconds, a Date milliseconds
  return { since: reach === "earlier" ? FIRST : date, until: reach === "later" ? LAST : after };
}

/** A number with its noun, such as "1 run" and "2 runs". */
export const counted = (number: number, noun: string): string => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
