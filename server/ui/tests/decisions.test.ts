import assert from "node:assert/strict";
import { test } from "node:test";
import { pieces } from "../src/lib/ansi.ts";
import { folded, ordered } from "../src/lib/graph/folded.ts";
import { most, rowsOf } from "../src/lib/grid/rows.ts";
import { parsed, target } from "../src/lib/markdown.ts";
import { kindOf, read, written } from "../src/lib/param_fields.ts";
import { dagPath, match, part, taskPath, unpart } from "../src/lib/paths.ts";
import { inWords } from "../src/lib/schedule_words.ts";
import { LOOKS } from "../src/lib/states.ts";
import { EventParser } from "../src/lib/stream/events.ts";
import { distance, instant, inZone, span } from "../src/lib/times.ts";

test("events are read whole, however their bytes come, and the place moves on with each", () => {
  const text = 'retry: 2000\n\nid: a-0-1\nevent: ready\ndata: {}\n\nid: a-0-2\n: beat\n\nid: a-0-3\nevent: changes\ndata: [{"kind": "pools"}]\n\n';
  for (let size = 1; size <= text.length; size += 7) {
    const parser = new EventParser();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...parser.take(text.slice(at, at + size)));
    assert.deepEqual(found, [{ name: "ready", data: "{}" }, { name: "changes", data: '[{"kind": "pools"}]' }]);
    assert.equal(parser.last, "a-0-3");
  }
});

test("of an event that was cut off nothing is left when the stream is opened anew", () => {
  const parser = new EventParser();
  assert.deepEqual(parser.take("id: a-0-1\nevent: changes\nda"), []);
  parser.begin();
  assert.deepEqual(parser.take("id: a-0-1\nevent: changes\ndata: []\n\n"), [{ name: "changes", data: "[]" }]);
});

test("an id of whatever letters is one part of its path", () => {
  for (const id of ["a", "..", ".", "~..", "a/b", "%2F", "?x=1#y", "<img onerror>", "health", "ä🙂", "100%"]) {
    assert.equal(unpart(part(id)), id);
    const { pathname } = new URL(dagPath(id), "http://host");
    assert.deepEqual(match("/dags/:dag", pathname), { dag: id }, id);
  }
});

test("a path of another length or name is no match", () => {
  assert.equal(match("/dags/:dag", "/runs/x"), null);
  assert.equal(match("/dags/:dag", "/dags/x/y"), null);
  assert.equal(taskPath("d", "r", "t", 3), "/dags/d/runs/r/tasks/t?index=3");
});

test("spans are told by their two greatest units", () => {
  const cases: [number, string][] = [[0.056, "56 ms"], [5.04, "5.0 s"], [59.6, "60 s"], [60, "1 min"], [3900, "1 h 5 min"], [90_000, "1 d 1 h"], [Number.NaN, ""], [-1, ""]];
  for (const [seconds, text] of cases) assert.equal(span(seconds), text);
});

test("distances look backwards and forwards", () => {
  const now = new Date("2026-01-01T12:00:00Z");
  assert.equal(distance(new Date("2026-01-01T09:55:00Z"), now), "2 h ago");
  assert.equal(distance(new Date("2026-01-03T12:00:00Z"), now), "in 2 d");
  assert.equal(instant(new Date("2026-01-01T00:00:00Z"), "utc"), "2026-01-01 00:00:00");
});

test("escapes of a terminal become classes or nothing", () => {
  assert.deepEqual(pieces("a\u001b[31mb\u001b[0mc"), [{ text: "a", style: "" }, { text: "b", style: "ansi-red" }, { text: "c", style: "" }]);
  assert.deepEqual(pieces("\u001b[1;38;5;9;32mx"), [{ text: "x", style: "ansi-green ansi-bold" }]);
  for (const text of ["\u001b]0;title\u0007x", "\u001b[2Jx", "\u001b]8;;http://evil\u001b\\x", "\u0007x", "\u009b31mx".slice(0, 1) + "x", "\rx"])
    assert.equal(pieces(text).map((piece) => piece.text).join(""), "x");
});

const tasks = [
  { task_id: "a", upstream: [] },
  { task_id: "g.b", upstream: ["a"] },
  { task_id: "g.h.c", upstream: ["g.b"] },
  { task_id: "d", upstream: ["g.h.c", "a"] },
];

test("a folded group is one box, with each edge once", () => {
  const graph = folded(tasks, ["g", "g.h"], new Set(["g"]));
  assert.deepEqual(graph.nodes.map((node) => [node.label, node.tasks.length]), [["a", 1], ["g", 2], ["d", 1]]);
  assert.deepEqual(graph.edges.map(({ from, to }) => `${from}>${to}`), ["task a>group g", "group g>task d", "task a>task d"]);
});

test("a task comes after those that it waits for", () => {
  assert.deepEqual(ordered([...tasks].reverse()), ["a", "g.b", "g.h.c", "d"]);
});

test("rows stand under their groups, and those of folded ones are left out", () => {
  const made = tasks.map(({ task_id }) => ({ task_id, mapped: false }));
  assert.deepEqual(rowsOf(made, ["g", "g.h"], new Set()).map((row) => `${row.depth}${row.label}`), ["0a", "0g", "1b", "1h", "2c", "0d"]);
  assert.deepEqual(rowsOf(made, ["g", "g.h"], new Set(["g"])).map((row) => row.id), ["a", "g", "d"]);
  assert.equal(most("sfs.", "furs"), "f");
  assert.equal(most("..", "furs"), ".");
});

test("a param gets the field of its schema or its default, and what is written there is read back", () => {
  const param = (value: unknown, schema = {}) => ({ default: value, doc: "", schema, required: false });
  const cases: [unknown, Record<string, unknown>, string][] = [["x", {}, "text"], [1, {}, "number"], [true, {}, "switch"], [{ a: 1 }, {}, "json"], [null, { type: "object" }, "json"], ["a", { enum: ["a", "b"] }, "choice"],
    ["a\nb", {}, "lines"], ["2026-11-27", { type: "string", format: "date" }, "date"], [null, { type: ["null", "integer"] }, "number"], [3, { type: ["integer", "null"] }, "number"]];
  for (const [value, schema, kind] of cases) {
    const made = param(value, schema);
    assert.equal(kindOf(made), kind);
    assert.deepEqual(read({ ...made, kind: kindOf(made), name: "p" }, written(made)).value, value);
  }
  assert.match(read({ kind: "number", name: "p" }, "ten").problem ?? "", /p is a number; ten is none/);
  assert.match(read({ kind: "text", name: "p", required: true }, "").problem ?? "", /p must be given/);
  assert.match(read({ kind: "json", name: "p" }, "{").problem ?? "", /p is JSON/);
});

test("no two states look alike without their colours", () => {
  const looks = Object.values(LOOKS).map((look) => `${look.outline} ${look.glyph} ${look.filled}`);
  assert.equal(new Set(looks).size, looks.length);
});

test("the instants of a sentence are shown in the reader's zone, and nothing else of it is touched", () => {
  const now = new Date("2026-11-27T17:48:20Z");
  assert.equal(inZone("its try 1 runs since 2026-11-27 17:48:20Z, in process 7", "local"), `its try 1 runs since ${instant(now, "local")}, in process 7`);
  assert.equal(inZone("since 2026-11-27T17:48:20.5+00:00", "utc"), "since 2026-11-27 17:48:20");
  assert.equal(inZone("the file 2026-11-27.csv of 17:48", "utc"), "the file 2026-11-27.csv of 17:48");
});

test("the doc of a DAG is Markdown, of which nothing is HTML and no link runs something", async () => {
  const types = async (text: string): Promise<string> => JSON.stringify(await parsed(text)).match(/"type":"\w+"/g)!.map((each) => each.slice(8, -1)).join(" ");
  assert.equal(await types("# Orders\n\n**all** of [them](https://wiki.example.com/a)"), "root heading text paragraph strong text text link text");
  assert.match(await types("a <img src=x onerror=alert(1)>"), /html/); // which a page shows as a text
  for (const [url, leads] of [["https://a.example", 1], ["/dags/orders", 1], ["mailto:a@example.com", 1], ["javascript:alert(1)", 0], ["JaVa\tScript:alert(1)", 0], ["data:text/html,x", 0], ["vbscript:x", 0], ["http://[", 0]] as const)
    assert.equal(Boolean(target(url)), Boolean(leads), url);
});

test("a schedule is told in words where it is cron, and as it was written elsewhere", () => {
  const cases = {
    "15 3 * * 1-5": "At 03:15, Monday through Friday", "@hourly": "Every hour", "@daily": "At 00:00", "*/5 * * * *": "Every 5 minutes", "0 0 * * 7": "At 00:00, only on Sunday",
    "every 60 s": "every 60 s", none: "none", "1 2 3 4": "1 2 3 4", "x y z a b": "x y z a b", "0 9 * * 1, 0 17 * * 5": "0 9 * * 1, 0 17 * * 5",
  };
  for (const [text, words] of Object.entries(cases)) assert.equal(inWords(text), words);
});

test("a text of thousands of nested signs is shown in time, and no deeper than a page can be", async () => {
  const many = (sign: string, count = 10_000): string => sign.repeat(count);
  const texts = [
    many(">"), many("> "), many("- "), many("1. "), many(" >"), `fine\n\n${many("> ")}a`, many("["), many("![", 3000) + many("](b)", 3000), many("*a ", 3000) + many("b* ", 3000), many("*") + "a" + many("*"),
    many("*a ", 300) + many("b* ", 300), `${many(">", 39)} a`, Array.from({ length: 120 }, (_, at) => `${"  ".repeat(at)}- a`).join("\n"),
  ];
  const began = performance.now();
  for (const text of texts) {
    let [level, depth] = [[await parsed(text)], 0];
    for (; level.length; depth += 1) level = level.flatMap((each) => ("children" in each ? each.children : []));
    assert.ok(depth <= 43, `${text.slice(0, 20)} is ${depth} deep`);
  }
  assert.ok(performance.now() - began < 5000);
  assert.match(JSON.stringify(await parsed(`${many(">", 30)} *a*`)), /"emphasis"/);
});
