// What a filter does not have, so that whoever asks for it is told by name. Without this, asking for
// the time would be a crash; and what runs while the component is built would take that moment along,
// for ever.

const depends = "what it decides depends on the catalog and its settings alone";

globalThis.Date = class extends Date {
  constructor(...given) {
    if (given.length === 0) {
      missing("clock", depends);
    }
    super(...given);
  }

  static now() {
    missing("clock", depends);
  }
};

Math.random = () => missing("random numbers", depends);

globalThis.console = new Proxy(
  {},
  { get: () => missing("console", "say it in a reason or a warning, or try the rule with `npm test`") },
);

function missing(what, remedy) {
  throw new Error(`a filter has no ${what}: ${remedy}`);
}
