/** What answers list, whatever the answer calls it. */

import type { BackfillItem, BackfillProgress, RunState } from "./api/routes.ts";

/** The things that an answer lists. */
export const listed = <T>(found: readonly T[] | { readonly items: readonly T[] }): readonly T[] => (isList(found) ? found : found.items);

/** The backfills that an answer lists. */
export const backfillsOf = (found: { readonly backfills: readonly BackfillProgress[] } | { readonly items: readonly BackfillProgress[] }): readonly BackfillProgress[] =>
  "items" in found ? found.items : found.backfills;

const isList = <T>(found: readonly T[] | { readonly items: readonly T[] }): found is readonly T[] => Array.isArray(found);

interface Dated {
  readonly item: BackfillItem;
  readonly state: RunState | null;
}

/** The dates of a backfill that an answer lists, each with the state of its run. */
export const datesOf = (found: { readonly items: readonly BackfillItem[]; readonly states: readonly (RunState | null)[] } | { readonly items: readonly Dated[] }): readonly Dated[] =>
  "states" in found ? found.items.map((item, at) => ({ item, state: found.states[at] ?? null })) : found.items;
