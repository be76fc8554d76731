/** Instants and spans as people read them. */

export type Zone = "local" | "utc";

const format = (zone: Zone): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat("en-GB", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23", ...(zone === "utc" ? { timeZone: "UTC" } : {}),
  });

/** An instant in a zone, such as 2026-11-27 09:30:00. */
export function instant(at: Date, zone: Zone): string {
  const parts = Object.fromEntries(format(zone).formatToParts(at).map((part) => [part.type, part.value]));
  return `${parts["year"]}-${parts["month"]}-${parts["day"]} ${parts["hour"]}:${parts["minute"]}:${parts["second"]}`;
}

/** An instant in any time zone by its name, with its offset, such as 2026-11-27 09:30 GMT+1. */
export function instantIn(at: Date, zone: string): string {
  const made = new Intl.DateTimeFormat("en-GB", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone, timeZoneName: "shortOffset",
  });
  const parts = Object.fromEntries(made.formatToParts(at).map((part) => [part.type, part.value]));
  const offset = parts["timeZoneName"]!.replace(/^GMT(\+0)?$/, "UTC").replace(/^GMT/, "UTC");
  return `${parts["year"]}-${parts["month"]}-${parts["day"]} ${parts["hour"]}:${parts["minute"]} ${offset}`;
}

/** A sentence of the server with its instants, which are in UTC there, in a zone. */
export function inZone(sentence: string, zone: Zone): string {
  return sentence.replace(/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00:00)/g, (found) => instant(new Date(found), zone));
}

/** A span, such as 1 h 5 min; the two greatest units of it. */
export function span(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const units: [string, number][] = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]];
  const whole = Math.round(seconds);
  const first = units.findIndex(([, size]) => whole >= size);
  const [name, size] = units[first]!;
  const rest = units[first + 1];
  const more = rest ? Math.floor((whole % size) / rest[1]) : 0;
  return `${Math.floor(whole / size)} ${name}${more && rest ? ` ${more} ${rest[0]}` : ""}`;
}

/** How far an instant is from another, such as "3 min ago" or "in 2 h". */
export function distance(at: Date, now: Date): string {
  const seconds = (now.getTime() - at.getTime()) / 1000;
  if (Math.abs(seconds) < 1) return "now";
  const [main] = span(Math.abs(seconds)).split(/(?<=\d+ \w+) /);
  return seconds > 0 ? `${main} ago` : `in ${main}`;
}

/** Seconds from one instant to another; NaN if the first is missing. */
export const between = (from: string | null | undefined, to: string | null | undefined, now: Date): number =>
  from ? ((to ? Date.parse(to) : now.getTime()) - Date.parse(from)) / 1000 : Number.NaN;
