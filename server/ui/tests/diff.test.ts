import assert from "node:assert/strict";
import { test } from "node:test";
import { dayStart, days, pickable, picked, weekday } from "../src/lib/calendar.ts";
import { counted, spanOf } from "../src/lib/clears.ts";
import { withAssets } from "../src/lib/graph/assets.ts";
import { edits, near, type Line } from "../src/lib/diff/lines.ts";
import { structure, told } from "../src/lib/diff/structure.ts";
import { instantIn } from "../src/lib/times.ts";

const shown = (lines: Line[] | null): string[] => (lines ?? []).map((line) => (line.kind === "gap" ? `@${line.lines}` : `${{ same: " ", added: "+", removed: "-" }[line.kind]}${line.text}`));

test("lines that differ are told by the shortest edit", () => {
  assert.deepEqual(shown(edits(["a", "b", "c"], ["a", "x", "c"])), [" a", "-b", "+x", " c"]);
  assert.deepEqual(shown(edits([], ["a"])), ["+a"]);
  assert.deepEqual(shown(edits(["a"], [])), ["-a"]);
  assert.deepEqual(edits([], []), []);
});

test("an edit makes the second text of the first, whatever they are", () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 200; round += 1) {
    const [before, after] = [0, 1].map(() => Array.from({ length: random(12) }, () => "abc"[random(3)]!));
    const lines = edits(before!, after!)!;
    const of = (kind: string): string[] => lines.flatMap((line) => (line.kind === "same" || line.kind === kind ? [(line as { text: string }).text] : []));
    assert.deepEqual(of("removed"), before);
    assert.deepEqual(of("added"), after);
  }
});

test("what is far from every difference is left out", () => {
  const before = Array.from({ length: 20 }, (_, at) => String(at));
  const after = before.with(10, "x");
  assert.deepEqual(shown(near(edits(before, after)!, 1)), ["@9", " 9", "-10", "+x", " 11", "@8"]);
  assert.deepEqual(near(edits(before, before)!), []);
});

test("differences of versions are tasks, edges, settings, files", () => {
  const base = { before: null, after: null } as const;
  const found = structure([
    { part: "DAG", name: "", field: "params", change: "changed", before: {}, after: { x: 1 } },
    { part: "task", name: "b", field: "", change: "removed", ...base },
    { part: "task", name: "a", field: "", change: "added", ...base },
    { part: "task", name: "c", field: "pool", change: "changed", before: "p", after: "q" },
    { part: "task", name: "c", field: "upstream", change: "changed", before: ["b"], after: ["a"] },
    { part: "file", name: "x.py", field: "", change: "changed", ...base },
    { part: "Variable", name: "key", field: "", change: "changed", ...base },
  ]);
  assert.deepEqual(found.tasks.map((task) => [task.name, task.change, task.settings.length]), [["a", "added", 0], ["b", "removed", 0], ["c", "changed", 1]]);
  assert.deepEqual(found.edges, [{ from: "a", to: "c", change: "added" }, { from: "b", to: "c", change: "removed" }]);
  assert.deepEqual([found.settings.length, found.files.length, found.variables.length], [1, 1, 1]);
  assert.equal(told(null), "nothing");
  assert.equal(told({ a: 1 }), '{"a":1}');
});

test("a year has its days and its weekdays", () => {
  assert.deepEqual([days(2024).length, days(2025).length, days(2025)[0], days(2025).at(-1)], [366, 365, "2025-01-01", "2025-12-31"]);
  assert.deepEqual(["2026-11-23", "2026-11-29"].map(weekday), [0, 6]);
  assert.equal(dayStart("2026-03-01", "utc"), "2026-03-01T00:00:00.000Z");
  assert.equal(picked("2026-03-01T09:30", "utc"), "2026-03-01T09:30:00.000Z");
  assert.equal(picked("", "utc"), "");
  assert.equal(picked(pickable(new Date("2026-03-01T09:30:00Z"), "local"), "local"), "2026-03-01T09:30:00.000Z");
});

test("an instant in a zone says its offset, on both sides of a change of the clocks", () => {
  assert.equal(instantIn(new Date("2026-03-08T06:30:00Z"), "America/New_York"), "2026-03-08 01:30 UTC-5");
  assert.equal(instantIn(new Date("2026-03-08T07:30:00Z"), "America/New_York"), "2026-03-08 03:30 UTC-4");
});

test("a clear reaches a date and those after or before it", () => {
  const date = "2026-03-01T00:00:00.123456Z";
  assert.deepEqual(spanOf("later", date), { since: date, until: "9999-01-01T00:00:00Z" });
  assert.deepEqual(spanOf("earlier", date), { since: "1900-01-01T00:00:00Z", until: "2026-03-01T00:00:00.124Z" });
  assert.deepEqual([counted(1, "run"), counted(1200, "run")], ["1 run", "1,200 runs"]);
});

test("assets are boxes before and behind the tasks that they belong to", () => {
  const spec = {
    dag_id: "d", file: "d.py", schedule: { assets: { parts: [{ asset: "s3://in" }, { asset: "s3://out" }] } },
    tasks: [{ task_id: "a", operator: "", outlets: ["s3://out"] }, { task_id: "b", operator: "", inlets: ["s3://out", "s3://other"] }],
  } as unknown as Parameters<typeof withAssets>[1];
  const found = withAssets([{ task_id: "a", upstream: [] }, { task_id: "b", upstream: ["a"] }], spec);
  assert.deepEqual(Object.fromEntries(found.map((each) => [each.task_id, each.upstream])), {
    "asset:s3://in": [], "asset:s3://out (before)": [], "asset:s3://out": ["a"], "asset:s3://other": [],
    a: ["asset:s3://in", "asset:s3://out (before)"], b: ["a", "asset:s3://out", "asset:s3://other"],
  });
});
