/** Schedules in words. */

import { toString } from "cronstrue";

const NAMED: Record<string, string> = {
  "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
};

/** What a cron expression of five fields says, such as "At 03:15, Monday through Friday"; anything else as it is. */
export function inWords(schedule: string): string {
  const cron = NAMED[schedule] ?? schedule;
  if (!/^(\S+ +){4}\S+$/.test(cron)) return schedule;
  try {
    return toString(cron, { use24HourTimeFormat: true });
  } catch {
    return schedule;
  }
}
