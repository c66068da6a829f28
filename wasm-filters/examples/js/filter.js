// A filter for minutebook in JavaScript.
//
// This file is the glue between the component model and the rule: the interface of
// `wit/filter.wit` is the object `filter`, whose names are written in camel case. What is decided,
// and in which words, is in `rule.js`.
//
// An error that is thrown, here or in the rule, is what the operator reads.

// First, for what is imported runs in this order.
import "./missing.js";
import { texts, verdicts } from "./check.js";
import { decide, readSettings, warnings } from "./rule.js";

// What `configure` was given; an instance is configured once.
let settings;

export const filter = {
  configure(json) {
    settings = readSettings(json);
  },

  select(target, resources) {
    const side = target.scope.tag === "cluster" ? "cluster" : "namespaces";
    return {
      verdicts: verdicts(resources, (resource) => decide(side, settings, resource)),
      warnings: texts(warnings(settings, resources)),
    };
  },
};
