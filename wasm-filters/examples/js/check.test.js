import assert from "node:assert/strict";
import { test } from "node:test";

import { texts, verdicts } from "./check.js";

const pods = { group: "", name: "pods" };
const deployments = { group: "apps", name: "deployments" };

test("what the rule says is passed on", () => {
  const decide = (resource) => ({ selected: resource === pods, reason: resource.name });
  assert.deepEqual(verdicts([pods, deployments], decide), [
    { selected: true, reason: "pods" },
    { selected: false, reason: "deployments" },
  ]);
  assert.deepEqual(texts(["a", "b"]), ["a", "b"]);
});

test("what is no verdict is told with the resource and what came", () => {
  const cycle = {};
  cycle.self = cycle;
  const good = { selected: true, reason: "" };
  for (const [verdict, came] of [
    [undefined, "undefined"],
    [null, "null"],
    [true, "true"],
    [{ selected: true }, '{"selected":true}'],
    [{ selected: "yes", reason: "a" }, '{"selected":"yes","reason":"a"}'],
    [{ selected: true, reason: 1 }, '{"selected":true,"reason":1}'],
    [Promise.resolve(good), "a promise"],
    [1n, "1"],
    [cycle, "[object Object]"],
  ]) {
    const message = `deployments.apps: the rule must return { selected: true or false, reason: "a text" }, and returned ${came}`;
    const decide = (resource) => (resource === pods ? good : verdict);
    assert.throws(() => verdicts([pods, deployments], decide), { message });
  }
  for (const warnings of [undefined, "a", [1]]) {
    assert.throws(() => texts(warnings), { message: /^the rule's warnings must be a list of texts, and are / });
  }
});

test("an error of the rule is told with the resource", () => {
  const throws = (thrown) => () => {
    throw thrown;
  };
  for (const [thrown, words] of [
    [new Error("not for me"), "not for me"],
    ["not for me", "not for me"],
    [undefined, "undefined"],
  ]) {
    assert.throws(() => verdicts([pods], throws(thrown)), { message: `pods: ${words}` });
  }
});

test("a mistake of the rule is told with its place", () => {
  const message = /^pods: TypeError: .*nothing.* \(check\.test\.js:\d+\)$/;
  assert.throws(() => verdicts([pods], (resource) => resource.missing.nothing), { message });
});
