// The rule: what is recorded, and why. It knows nothing of WebAssembly, and `npm test` tests it.

// Reads {"excludeGroups": ["metrics.k8s.io"]}, or throws what is wrong with it.
export function readSettings(json) {
  let read;
  try {
    read = JSON.parse(json);
  } catch (error) {
    throw new Error(`the settings are not JSON: ${error.message}`);
  }
  if (read === null || typeof read !== "object" || Array.isArray(read)) {
    throw new Error('the settings must be an object such as {"excludeGroups": ["metrics.k8s.io"]}');
  }
  for (const key of Object.keys(read)) {
    if (key !== "excludeGroups") {
      throw new Error(`unknown setting "${key}"; known is "excludeGroups"`);
    }
  }
  const excludeGroups = Object.hasOwn(read, "excludeGroups") ? read.excludeGroups : [];
  if (!Array.isArray(excludeGroups) || !excludeGroups.every((group) => typeof group === "string")) {
    throw new Error('the setting "excludeGroups" must be a list of groups such as ["metrics.k8s.io"]');
  }
  return { excludeGroups };
}

// Decides on a resource; the side is "cluster" for what belongs to no namespace, or "namespaces".
export function decide(side, settings, resource) {
  const refused = (reason) => ({ selected: false, reason });
  if (settings.excludeGroups.includes(resource.group)) {
    return refused("group excluded by the settings");
  }
  if (side === "namespaces" && !resource.namespaced) {
    return refused("not namespaced");
  }
  if (side === "cluster" && resource.namespaced) {
    return refused("namespaced");
  }
  if (!resource.verbs.includes("list")) {
    return refused("cannot be listed");
  }
  return { selected: true, reason: "selected" };
}

// What the operator should know: groups in the settings that no resource has.
export function warnings(settings, resources) {
  const isThere = (group) => resources.some((resource) => resource.group === group);
  return settings.excludeGroups
    .filter((group) => !isThere(group))
    .map((group) => `excludeGroups: no resource has group "${group}"`);
}
