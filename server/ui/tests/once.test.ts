import assert from "node:assert/strict";
import { test } from "node:test";
import { keyOf, renew, settle } from "../src/lib/api/once.ts";

test("a change keeps its key until it is answered or another form is opened", () => {
  const first = keyOf("POST a");
  assert.match(first, /^[0-9a-f]{32}$/);
  for (const [status, same] of [[0, true], [503, true], [409, true], [200, false], [404, false]] as const) {
    const before = keyOf("POST a");
    settle("POST a", status);
    assert.equal(keyOf("POST a") === before, same, String(status));
  }
  assert.notEqual(keyOf("POST b"), keyOf("POST a"));
  const last = keyOf("POST a");
  renew();
  assert.notEqual(keyOf("POST a"), last);
});
