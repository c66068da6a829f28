//! Makes components of `tests/filters/guest.wat`.

use minutebook::model::limits::FILTER_BYTES;

/// Which of the three resources a guest selects that does what it should: what is namespaced.
pub(crate) const SELECTED: [bool; 3] = [true, false, true];

/// A component in text format, with holes.
pub(crate) struct Guest(String);

impl Guest {
    pub(crate) fn new() -> Self {
        Self(include_str!("../../filters/guest.wat").to_owned())
    }

    /// Puts code into a hole.
    pub(crate) fn with(self, hole: &str, code: &str) -> Self {
        self.replace(&format!("(;hole:{hole};)"), code)
    }

    /// Replaces a text that is there once.
    pub(crate) fn replace(self, old: &str, new: &str) -> Self {
        assert_eq!(self.0.matches(old).count(), 1, "{old}");
        Self(self.0.replace(old, new))
    }

    /// Its core module alone, with the names that exports have in a module that is to become a filter.
    pub(crate) fn module(&self) -> Module {
        let (begin, end) = ("(core module $code", "(core instance $code");
        let (_, behind) = self.0.split_once(begin).unwrap();
        let (code, _) = behind.split_once(end).unwrap();
        let names = [
            ("realloc", "cabi_realloc"),
            ("configure", "minutebook:filter/filter@0.1.0#configure"),
            ("select", "minutebook:filter/filter@0.1.0#select"),
            ("after-select", "cabi_post_minutebook:filter/filter@0.1.0#select"),
        ];
        let export = |name: &str| format!("(export \"{name}\")");
        let module = Guest(format!("(module {code}"));
        Module(
            names.into_iter().fold(module, |module, (old, new)| module.replace(&export(old), &export(new))),
        )
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        wat::parse_str(&self.0).unwrap()
    }
}

/// The same as a core module.
pub(crate) struct Module(Guest);

impl Module {
    /// Replaces a text that is there once.
    pub(crate) fn replace(self, old: &str, new: &str) -> Self {
        Self(self.0.replace(old, new))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.bytes()
    }
}

/// A guest with code in one hole.
pub(crate) fn with(hole: &str, code: &str) -> Vec<u8> {
    Guest::new().with(hole, code).bytes()
}

/// A good guest that a custom section makes as long as a filter's file may be, and `more` bytes longer.
pub(crate) fn as_long_as_allowed_and(more: usize) -> Vec<u8> {
    let mut bytes = Guest::new().bytes();
    let length = FILTER_BYTES + more;
    // A custom section is a 0, its length (here in five bytes), and its name's length and name.
    let mut rest = length - bytes.len() - 6;
    bytes.push(0);
    for more in [0x80, 0x80, 0x80, 0x80, 0] {
        bytes.push(u8::try_from(rest & 0x7f).unwrap() | more);
        rest >>= 7;
    }
    bytes.resize(length, 0);
    bytes
}

/// A good guest that takes all that it may, all at once: 64 MiB of memory, handles, table elements, and an answer that is
/// as large in the host as can be: warnings of one byte.
pub(super) fn greedy() -> Vec<u8> {
    Guest::new()
        .with(
            "component",
            r#"(type $thing (resource (rep i32)))
               (core func $new (canon resource.new $thing))
               (core module $hoarder
                 (import "" "new" (func $new (param i32) (result i32)))
                 (table 200000 funcref)
                 (func $start
                   (local $i i32)
                   (loop $again
                     (drop (call $new (i32.const 1)))
                     (local.set $i (i32.add (local.get $i) (i32.const 1)))
                     (br_if $again (i32.lt_u (local.get $i) (i32.const 10000)))))
                 (start $start))
               (core instance (instantiate $hoarder (with "" (instance (export "new" (func $new))))))"#,
        )
        .with(
            "select",
            "(memory.fill (i32.const 0x100000) (i32.const 1)
               (i32.sub (i32.shl (i32.add (memory.grow (i32.const 1023)) (i32.const 1023)) (i32.const 16))
                 (i32.const 0x100000)))",
        )
        .with(
            "answer",
            "(i32.store (i32.const 44) (i32.const 0x200000)) ;; the warnings
             (i32.store (i32.const 48) (i32.const 600000))
             (local.set $at (i32.const 0x200000))
             (loop $again
               (i32.store (local.get $at) (i32.const 512))
               (i32.store (i32.add (local.get $at) (i32.const 4)) (i32.const 1))
               (local.set $at (i32.add (local.get $at) (i32.const 8)))
               (br_if $again (i32.lt_u (local.get $at) (i32.const 0x693e00))))",
        )
        .bytes()
}

/// A component that is nothing but imports, of at most so many bytes.
pub(super) fn importing_to(bytes: usize) -> Vec<u8> {
    // An instance of a type that nobody looks at: the length of its name, the name, what it is.
    let import = |number| [&[0, 8][..], format!("a{number:07}").as_bytes(), &[5, 0]].concat();
    let count = (bytes - 32) / import(0).len();
    let imports: Vec<u8> = (0..count).flat_map(import).collect();
    let length = |mut length: usize| {
        let mut bytes = [0x80; 5];
        for byte in &mut bytes[..4] {
            *byte |= u8::try_from(length & 0x7f).unwrap();
            length >>= 7;
        }
        bytes[4] = u8::try_from(length).unwrap();
        bytes
    };
    [&b"\0asm\x0d\0\x01\0\x0a"[..], &length(imports.len() + 5), &length(count), &imports].concat()
}
