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

/// How texts are encoded, for one of the two functions.
const ENCODINGS: [&str; 4] =
    ["", "string-encoding=utf8", "string-encoding=utf16", "string-encoding=latin1+utf16"];

/// One of the components.
pub fn any(rng: &mut Rng) -> Vec<u8> {
    if rng.u8(..) < 16 {
        return DEFAULT.to_vec();
    }
    let mut text = GUEST.to_owned();
    let mut put = |hole: &str, code: &str| text = text.replace(&format!("(;hole:{hole};)"), code);
    for _ in 0..rng.usize(..3) {
        put(HOLES[rng.usize(..HOLES.len())], CODE[rng.usize(..CODE.len())]);
    }
    for (hole, codes) in [("module", &MODULE[..]), ("component", &COMPONENT)] {
        if rng.u8(..) < 64 {
            put(hole, codes[rng.usize(..codes.len())]);
        }
    }
    for function in ["configure", "select"] {
        let lifted = format!("(canon lift (core func $code \"{function}\")");
        let encoding = if rng.u8(..) < 64 { ENCODINGS[rng.usize(..ENCODINGS.len())] } else { "" };
        text = text.replace(&lifted, &format!("{lifted} {encoding}"));
    }
    wat::parse_str(&text).expect("every hole takes every code")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_seed_is_text_format() {
        let mut rng = Rng::with_seed(7);
        let sizes: Vec<_> = (0..2000).map(|_| any(&mut rng).len()).collect();
        assert!(sizes.iter().all(|size| *size < 64 << 10));
    }

    #[test]
    fn the_guest_has_every_hole() {
        for hole in HOLES.iter().chain(&["module", "component"]) {
            assert!(GUEST.contains(&format!("(;hole:{hole};)")), "{hole}");
        }
    }
}
