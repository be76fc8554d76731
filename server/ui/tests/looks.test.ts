import assert from "node:assert/strict";
import { test } from "node:test";
import { Looks } from "../src/lib/looks.ts";

test("looks may be old in a long row alone, and the last of each row is not", () => {
  const looks = new Looks<string>();
  const rounds = (...told: string[]): [string, boolean][] => {
    told.forEach((each) => looks.tell(each));
    return looks.round();
  };
  assert.deepEqual(rounds("a"), [["a", false]]);
  assert.deepEqual(rounds("a"), [["a", false]]);
  assert.deepEqual(rounds("a", "b"), [["a", true], ["b", false]]);
  assert.deepEqual(rounds("a"), [["a", true]]);
  assert.equal(looks.done, false);
  assert.deepEqual(rounds(), [["a", false]]);
  assert.equal(looks.done, true);
  assert.deepEqual(rounds(), []);
  assert.deepEqual(rounds("a"), [["a", false]]);
});

test("whoever has left looks no more", () => {
  const looks = new Looks<string>();
  for (let round = 0; round < 3; round++) {
    looks.tell("a");
    looks.round();
  }
  looks.tell("a");
  looks.forget("a");
  assert.deepEqual([looks.done, looks.round()], [true, []]);
});
