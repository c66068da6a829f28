import assert from "node:assert/strict";
import { test } from "node:test";

import "./missing.js";

test("what a filter does not have is told by name", () => {
  for (const [ask, what] of [
    [() => Date.now(), "clock"],
    [() => new Date(), "clock"],
    [() => Math.random(), "random numbers"],
    [() => console.log("x"), "console"],
  ]) {
    assert.throws(ask, { message: new RegExp(`^a filter has no ${what}: `) });
  }
});

test("a time that is given is one", () => {
  assert.equal(new Date("2020-10-31T07:10:55Z").getTime(), 1604128255000);
  assert.equal(Date.UTC(1970, 0, 2), 86400000);
});
