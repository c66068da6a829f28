import assert from "node:assert/strict";
import { test } from "node:test";

import { decide, readSettings, warnings } from "./rule.js";

test("settings are read or refused", () => {
  assert.deepEqual(readSettings("{}"), { excludeGroups: [] });
  assert.deepEqual(readSettings('{"excludeGroups": ["\\u0061pps", "b"]}'), { excludeGroups: ["apps", "b"] });
  for (const [json, message] of [
    ["{", /^the settings are not JSON: /],
    ["[]", /^the settings must be an object such as /],
    ["null", /^the settings must be an object such as /],
    ['{"exclude": []}', /^unknown setting "exclude"; known is "excludeGroups"$/],
    ['{"__proto__": []}', /^unknown setting "__proto__"; known is "excludeGroups"$/],
    ['{"excludeGroups": "a"}', /^the setting "excludeGroups" must be a list of groups /],
    ['{"excludeGroups": null}', /^the setting "excludeGroups" must be a list of groups /],
    ['{"excludeGroups": ["a", null]}', /^the setting "excludeGroups" must be a list of groups /],
  ]) {
    assert.throws(() => readSettings(json), { message }, json);
  }
});

test("the rule", () => {
  const settings = { excludeGroups: ["metrics.k8s.io"] };
  for (const [side, group, namespaced, verbs, reason] of [
    ["namespaces", "apps", true, ["get", "list"], "selected"],
    ["namespaces", "apps", true, ["get"], "cannot be listed"],
    ["namespaces", "", false, ["list"], "not namespaced"],
    ["namespaces", "metrics.k8s.io", true, ["list"], "group excluded by the settings"],
    ["cluster", "", false, ["list"], "selected"],
    ["cluster", "", false, [], "cannot be listed"],
    ["cluster", "apps", true, ["list"], "namespaced"],
  ]) {
    const verdict = decide(side, settings, { group, namespaced, verbs });
    assert.deepEqual(verdict, { selected: reason === "selected", reason });
  }
});

test("a group that is not there is warned of", () => {
  const settings = { excludeGroups: ["apps", "app"] };
  assert.deepEqual(warnings(settings, [{ group: "apps" }]), ['excludeGroups: no resource has group "app"']);
});
