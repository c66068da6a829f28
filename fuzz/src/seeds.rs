//! Components to begin with: the default filter, and hostile ones made of the tests' guest.

use fastrand::Rng;

const DEFAULT: &[u8] = include_bytes!("../../wasm-filters/default.wasm");
const GUEST: &str = include_str!("../../tests/filters/guest.wat");
/// Two components of which one calls the other, so that wasmtime makes code that copies between them.
const CALLS: &str = include_str!("../../tests/filters/calls.wat");

/// Where the host calls the guest: any code fits into each of them.
const HOLES: [&str; 6] = ["start", "realloc", "configure", "select", "answer", "post-return"];

/// Code without effect on the stack, from what is usual to what is hostile.
const CODE: [&str; 22] = [
    "",
    "(loop $again (br $again))",
    "(unreachable)",
    "(drop (memory.grow (i32.const 1)))",
    "(drop (memory.grow (i32.const 250)))",
    "(drop (memory.grow (i32.const -1)))",
    "(drop (i32.load (i32.const -4)))",
    "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
    "(drop (i32.trunc_f64_s (f64.const nan)))",
    "(call $start)",
    "(drop (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 65536)))",
    "(memory.fill (i32.const 0) (i32.const 255) (i32.const 65536))",
    "(memory.copy (i32.const 16) (i32.const 0) (i32.const 4096))",
    "(i32.store8 (i32.const 16) (i32.const 1))",
    "(i32.store8 (i32.const 32) (i32.const 1))",
    "(i32.store (i32.const 36) (i32.const -12))",
    "(i32.store (i32.const 40) (i32.const 0x15555556))",
    "(i32.store (i32.const 40) (i32.const 1))",
    "(i32.store (i32.const 44) (i32.const 0)) (i32.store (i32.const 48) (i32.const 5000))",
    "(i32.store (i32.const 516) (i32.const 0x80808080))",
    "(i64.store (i32.const 512) (i64.const 0x1b5b324a0a0d00e2))",
    "(f64.store (i32.const 512) (f64.sqrt (f64.neg (f64.const 1))))",
];

/// Parts of the core module.
const MODULE: [&str; 7] = [
    "",
    "(table 10 funcref) (elem (i32.const 0) $start $realloc)",
    "(table 200001 funcref)",
    "(table 1 externref)",
    "(memory 1)",
    "(global $more (mut v128) (v128.const i64x2 1 2))",
    "(data (i32.const 65535) \"12\")",
];

/// Parts of the outermost component.
const COMPONENT: [&str; 6] = [
    "",
    CALLS,
    "(core module $more (memory 100)) (core instance (instantiate $more)) (core instance (instantiate $more))",
    "(import \"a:b/c@1.0.0\" (instance))",
    "(type $thing (resource (rep i32)))
     (core func $new (canon resource.new $thing)) (core func $drop (canon resource.drop $thing))
     (core module $hoarder
       (import \"\" \"new\" (func $new (param i32) (result i32))) (import \"\" \"drop\" (func $drop (param i32)))
       (func $start (call $drop (call $new (i32.const 1))) (call $drop (i32.const 1)))
       (start $start))
     (core instance (instantiate $hoarder (with \"\" (instance (export \"new\" (func $new)) (export \"drop\" (func $drop))))))",
    "(component $inner (type $t (variant (case \"a\" (list u8)) (case \"b\" (option (tuple string f32)))))
       (export \"t\" (type $t)))
     (instance (instantiate $inner))",
];

/// What a core module may import.
const IMPORTS: [&str; 5] = [
    "(import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32)))",
    "(import \"wasi_snapshot_preview1\" \"random_get\" (func (param i32 i32) (result i32)))
     (import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))",
    "(import \"wasi_snapshot_preview1\" \"no_such\" (func))",
    "(import \"env\" \"f\" (func))",
    "(@custom \"component-type:x\" \"\")",
];

/// How texts are encoded, for one of the two functions.
const ENCODINGS: [&str; 4] =
    ["", "string-encoding=utf8", "string-encoding=utf16", "string-encoding=latin1+utf16"];

/// What a fuzz target takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Component,
    /// A core module of which a component can be made.
    Module,
}

impl Kind {
    /// A file to begin with.
    pub fn seed(self, rng: &mut Rng) -> Vec<u8> {
        match self {
            Self::Component => component(rng),
            Self::Module => module(rng),
        }
    }
}

fn component(rng: &mut Rng) -> Vec<u8> {
    if rng.u8(..) < 16 {
        return DEFAULT.to_vec();
    }
    let mut text = with_code(rng, &[("module", &MODULE), ("component", &COMPONENT)]);
    for function in ["configure", "select"] {
        let lifted = format!("(canon lift (core func $code \"{function}\")");
        let encoding = if rng.u8(..) < 64 { ENCODINGS[rng.usize(..ENCODINGS.len())] } else { "" };
        text = text.replace(&lifted, &format!("{lifted} {encoding}"));
    }
    wat::parse_str(&text).expect("every hole takes every code")
}

/// The guest's core module, with the names that its exports have before it becomes a component.
fn module(rng: &mut Rng) -> Vec<u8> {
    let text = with_code(rng, &[("module", &MODULE)]);
    let begins = text.find("(core module $code").expect("the guest has a core module");
    let ends = text.find("(core instance $code").expect("the guest instantiates it");
    let mut text = text[begins..ends].replacen("core module", "module", 1);
    let interface = "minutebook:filter/filter@0.1.0#";
    for (name, full) in [
        ("realloc", "cabi_realloc".to_owned()),
        ("configure", format!("{interface}configure")),
        ("select", format!("{interface}select")),
        ("after-select", format!("cabi_post_{interface}select")),
    ] {
        text = text.replace(&format!("(export \"{name}\")"), &format!("(export \"{full}\")"));
    }
    if rng.bool() {
        let imports = IMPORTS[rng.usize(..IMPORTS.len())];
        text = text.replacen("(module $code", &format!("(module $code {imports}"), 1);
    }
    wat::parse_str(&text).expect("every hole takes every code")
}

/// The guest with code in some of its holes, and in those that are given, too.
fn with_code(rng: &mut Rng, holes: &[(&str, &[&str])]) -> String {
    let mut text = GUEST.to_owned();
    let mut put = |hole: &str, code: &str| text = text.replace(&format!("(;hole:{hole};)"), code);
    for _ in 0..rng.usize(..3) {
        put(HOLES[rng.usize(..HOLES.len())], CODE[rng.usize(..CODE.len())]);
    }
    for (hole, codes) in holes {
        if rng.u8(..) < 64 {
            put(hole, codes[rng.usize(..codes.len())]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_seed_is_text_format() {
        let mut rng = Rng::with_seed(7);
        for kind in [Kind::Component, Kind::Module] {
            assert!((0..2000).all(|_| kind.seed(&mut rng).len() < 64 << 10));
        }
    }

    #[test]
    fn the_guest_has_every_hole() {
        for hole in HOLES.iter().chain(&["module", "component"]) {
            assert!(GUEST.contains(&format!("(;hole:{hole};)")), "{hole}");
        }
    }
}
