//! Core modules that become filters, and those that cannot.

use std::fmt::Write as _;

use minutebook::componentize::{Error, Identity, componentize};
use minutebook::select::stock;

use super::guest::{self, Guest};
use super::{Run, verdicts};
use crate::support::golden;

fn identity() -> Identity {
    Identity { name: Some("made".to_owned()), version: Some("3.2.1".to_owned()) }
}

/// The module with something more in front of everything else.
fn importing(import: &str) -> Vec<u8> {
    Guest::new().module().replace("(module", &format!("(module {import}")).bytes()
}

/// What a module begins with that asks WASI for what it does when it starts, and then writes.
const WASI: &str = r#"
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (func (export "_initialize")
        (if (call $random (i32.const 600) (i32.const 8)) (then (unreachable)))
        (i32.store (i32.const 620) (i32.const 512))
        (i32.store (i32.const 624) (i32.const 7))
        (if (call $write (i32.const 2) (i32.const 620) (i32.const 1) (i32.const 640)) (then (unreachable))))"#;

#[test]
fn a_module_that_knows_nothing_of_components_becomes_a_filter() {
    for module in [Guest::new().module().bytes(), importing(WASI)] {
        let component = componentize(&module, &identity()).unwrap();
        let selected = Run::new(component).go().unwrap();
        assert_eq!(verdicts(&selected), guest::SELECTED);
        let expected = ("made", Some("3.2.1"));
        assert_eq!((selected.filter.name.as_str(), selected.filter.version.as_deref()), expected);
    }
}

/// As what is built with bindings does.
#[test]
fn a_module_that_says_what_it_is_meant_to_become_does() {
    let component = componentize(&typed("export minutebook:filter/filter@0.1.0;"), &identity()).unwrap();
    assert_eq!(verdicts(&Run::new(component).go().unwrap()), guest::SELECTED);
}

#[test]
fn the_same_module_gives_the_same_component() {
    let make = || componentize(&importing(WASI), &identity()).unwrap();
    assert_eq!(make(), make());
}

#[test]
fn a_component_stays_one_and_gets_what_is_given() {
    let filter = stock("default").unwrap();
    assert_eq!(componentize(filter, &Identity::default()).unwrap(), filter);
    let other = Run::new(componentize(filter, &identity()).unwrap()).go().unwrap().filter;
    assert_eq!((other.name.as_str(), other.version.as_deref()), ("made", Some("3.2.1")));
    let same = Identity { name: Some("default".to_owned()), version: Some("0.1.0".to_owned()) };
    assert_eq!(componentize(filter, &same).unwrap(), filter, "as `wasm-filters/encode` writes it");
}

/// A good module with the metadata of a world that has these items beside filter.wit.
fn typed(items: &str) -> Vec<u8> {
    let mut resolve = wit_parser::Resolve::default();
    let contract = include_str!("../../../wasm-filters/wit/filter.wit");
    let later = contract.replace("filter@0.1.0", "filter@0.2.0");
    for text in
        [contract, &later, &format!("package a:b; interface other {{ f: func(); }} world w {{ {items} }}")]
    {
        resolve.push_str("test.wit", text).unwrap();
    }
    let (package, _) = resolve.packages.iter().find(|(_, package)| package.name.namespace == "a").unwrap();
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let mut module = Guest::new().module().bytes();
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, encoding).unwrap();
    module
}

#[test]
fn what_cannot_become_a_filter_is_refused_in_good_words() {
    let good = || Guest::new().module();
    let replaced = |old: &str, new: &str| good().replace(old, new).bytes();
    let parsed = |text| wat::parse_str(text).unwrap();
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("a text file", b"fn main() {}\n".to_vec()),
        ("an empty file", Vec::new()),
        ("a module that is cut off", good().bytes()[..200].to_vec()),
        ("a module with invalid code", replaced("(;hole:start;)", "(i32.const 0)")),
        ("an empty module", parsed("(module)")),
        ("a module without its memory", replaced("(memory (export \"memory\") 1)", "(memory 1)")),
        (
            "a module without `select`",
            replaced("(export \"minutebook:filter/filter@0.1.0#select\")", "(export \"select\")"),
        ),
        (
            "a module whose `configure` is another function",
            replaced(
                "(param $settings i32) (param $length i32)",
                "(param $settings i64) (param $length i32)",
            ),
        ),
        ("a module with a function that nobody defined", importing("(import \"env\" \"puts\" (func))")),
        (
            "a module with a function that WASI never had",
            importing("(import \"wasi_snapshot_preview1\" \"fork\" (func))"),
        ),
        (
            "a module with a function that WASI has otherwise",
            importing("(import \"wasi_snapshot_preview1\" \"proc_exit\" (func))"),
        ),
        (
            "a module for WASI's preview 2",
            importing("(import \"wasi:cli/exit@0.2.0\" \"exit\" (func (param i32)))"),
        ),
        ("a module for browsers", importing("(import \"./filter_bg.js\" \"__wbindgen_throw\" (func))")),
        ("a module of another world", typed("export other;")),
        ("a module of an empty world", typed("")),
        (
            "a module whose world is damaged",
            [&good().bytes()[..], b"\x00\x10\x0ecomponent-type\xff"].concat(),
        ),
        (
            "a module of another version, with the names of this one",
            typed("export minutebook:filter/filter@0.2.0;"),
        ),
        ("a component that is damaged", [&parsed("(component)")[..], &[11, 1, 1]].concat()),
    ];
    let mut text = String::new();
    for (title, bytes) in rows {
        let error = componentize(&bytes, &identity()).expect_err(title);
        writeln!(text, "{title}\n    {error}\n").unwrap();
    }
    golden::check("componentize.txt", &text);
}

/// wit-component panics on some of them when it is not kept from it.
#[test]
fn no_beginning_of_a_module_makes_a_component_or_a_panic() {
    let module = typed("export minutebook:filter/filter@0.1.0;");
    for end in 0..module.len() {
        match componentize(&module[..end], &identity()) {
            Err(Error::Encoder) => panic!("cut off after {end} bytes it panics"),
            Err(_) => {}
            // Cut between two sections, it is a smaller module.
            Ok(component) => {
                assert!(Run::new(component).go().is_ok(), "cut off after {end} bytes it is another filter");
            }
        }
    }
}

/// What is in the section is itself a component, which nobody has validated.
#[test]
fn what_says_the_interface_may_be_damaged_too() {
    let module = typed("export minutebook:filter/filter@0.1.0;");
    let name = b"component-type";
    let begin = module.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    let mut refused = 0;
    for at in begin..module.len() {
        let mut damaged = module.clone();
        damaged[at] ^= 0xff;
        match componentize(&damaged, &identity()) {
            Err(Error::Encoder) => panic!("damaged at {at} it panics"),
            Err(_) => refused += 1,
            Ok(_) => {}
        }
    }
    assert!(refused > 100, "{refused}");
}
