/** Days of a year, and when they begin for a reader. */

/** All days of a year, as ISO 8601 writes them. */
export function days(year: number): string[] {
  const found: string[] = [];
  for (let at = Date.UTC(year, 0, 1, 12); new Date(at).getUTCFullYear() === year; at += 86_400_000) found.push(new Date(at).toISOString().slice(0, 10));
  return found;
}

/** 0 for Monday to 6 for Sunday. */
export const weekday = (day: string): number => (new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7;

/** The instant at which a day begins in the reader's zone, or in UTC. */
export const dayStart = (day: string, zone: string): string => new Date(`${day}T00:00:00${zone === "utc" ? "Z" : ""}`).toISOString();

/** The instant that a picker's text, such as 2026-03-01T09:30, stands for in the reader's zone, or in UTC; "" if it is none. */
export function picked(text: string, zone: string): string {
  const at = new Date(`${text}${zone === "utc" ? "Z" : ""}`);
  return text && !Number.isNaN(at.getTime()) ? at.toISOString() : "";
}

/** An instant as a picker takes it. */
export function pickable(at: Date, zone: string): string {
  const shifted = zone === "utc" ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
