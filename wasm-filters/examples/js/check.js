// Holds the rule to its word, before what it says leaves for minutebook. JavaScript lets a function
// forget its `return`; the component would only crash of it, without a word.

// What `decide` says of each resource, or an error that names the one at which something went wrong.
export function verdicts(resources, decide) {
  return resources.map((resource) => {
    const name = resource.group === "" ? resource.name : `${resource.name}.${resource.group}`;
    let verdict;
    try {
      verdict = decide(resource);
    } catch (error) {
      throw new Error(`${name}: ${words(error)}`);
    }
    if (typeof verdict?.selected !== "boolean" || typeof verdict.reason !== "string") {
      const wanted = '{ selected: true or false, reason: "a text" }';
      throw new Error(`${name}: the rule must return ${wanted}, and returned ${shown(verdict)}`);
    }
    return verdict;
  });
}

// The warnings, or an error if they are none.
export function texts(warnings) {
  if (!Array.isArray(warnings) || !warnings.every((warning) => typeof warning === "string")) {
    throw new Error(`the rule's warnings must be a list of texts, and are ${shown(warnings)}`);
  }
  return warnings;
}

// What the rule threw on purpose is for the operator; of anything else its author needs kind and place.
function words(error) {
  if (!(error instanceof Error) || error.constructor === Error) {
    return error?.message ?? error;
  }
  const place = /[\w.-]+\.js:\d+/.exec(error.stack ?? "");
  return `${error.name}: ${error.message}${place ? ` (${place[0]})` : ""}`;
}

function shown(value) {
  if (value instanceof Promise) {
    return "a promise";
  }
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
