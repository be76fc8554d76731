import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConnectionField, ConnectionSummary } from "../src/lib/api/routes.ts";
import { fieldsOf, saidBy } from "../src/lib/connection_form.ts";
import { fits } from "../src/lib/glob.ts";
import { marked, soughtIn } from "../src/lib/marked.ts";
import { pageAt } from "../src/lib/pages.ts";

test("a pattern means the names that a grant's means", () => {
  const cases: [string, string, boolean][] = [
    ["*", "any\nthing", true], ["sales_*", "sales_daily", true], ["sales_*", "Sales_daily", false], ["a?c", "abc", true], ["a?c", "ac", false],
    ["[ab]x", "bx", true], ["[!ab]x", "bx", false], ["[!ab]x", "cx", true], ["a.c", "abc", false], ["[", "[", true], ["a|b", "a", false], ["[]]", "]", true],
  ];
  for (const [pattern, name, fit] of cases) assert.equal(fits(pattern, name), fit, `${pattern} ${name}`);
});

const TOKEN: ConnectionField = { name: "token", type: "str", doc: "", required: true, secret: true, default: null };
const STYLE: ConnectionField = { name: "style", type: "Literal['', 'auto', 'path']", doc: "", required: false, secret: false, default: "auto" };
const STORED: ConnectionSummary = {
  conn_id: "shop", conn_type: "acme", host: "shop.example", port: 443, login: "ann", password: "***", schema: "",
  extra: { token: "***", retries: 3 }, description: "", source: "database", shadowed: false, withheld: "",
};

test("a form has the declared fields, and whatever else a connection has", () => {
  const fields = fieldsOf([TOKEN, STYLE], STORED);
  assert.deepEqual(fields.map((each) => each.name), ["token", "style", "host", "port", "login", "password", "retries"]);
  assert.deepEqual(fields[0], { ...fields[0]!, kind: "password", text: "", required: false });
  assert.deepEqual(fields[1]!.options, ["", "auto", "path"]);
  assert.deepEqual(fieldsOf([], null).map((each) => each.name), ["host", "port", "login", "password", "schema"]);
});

test("what a form says keeps a secret that was left empty, and the types of what was left alone", () => {
  const fields = fieldsOf([TOKEN, STYLE], STORED);
  assert.deepEqual(saidBy(fields, STORED), { host: "shop.example", port: 443, login: "ann", password: "***", schema: "", extra: { token: "***", retries: 3 } });
  const changed = fields.map((each) => (each.name === "token" ? { ...each, text: "new" } : each.name === "retries" ? { ...each, text: "" } : each));
  assert.deepEqual(saidBy(changed, STORED).extra, { token: "new" });
  const wrong = fields.map((each) => (each.name === "port" ? { ...each, text: "https" } : each));
  assert.throws(() => saidBy(wrong, STORED), /The port is a number; https is none/);
});

test("what was sought is marked, whatever its letters mean to a pattern", () => {
  assert.deepEqual(soughtIn('lost "no customer" (x)'), ["lost", "no customer", "x"]);
  assert.deepEqual(marked("a.b A.B", ["a.b"]).filter((each) => each.marked).map((each) => each.text), ["a.b", "A.B"]);
  assert.deepEqual(marked("<img>", []), [{ text: "<img>", marked: false }]);
  assert.equal(marked("axb", ["a.b"]).map((each) => each.text).join(""), "axb");
});

test("each path has a page, and what is none says so", () => {
  for (const [path, title] of [["/", "DAGs"], ["/search", "Search"], ["/installation/pools", "Installation"], ["/dags/a%2Fb", "a/b"], ["/x/y", "Not found"]] as const)
    assert.equal(pageAt(path).title, title);
});
