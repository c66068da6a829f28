//! Changes to a core module after which it is, most of the time, still valid, and does something else.

use fastrand::Rng;
use wasm_encoder::{Encode, Instruction, MemArg};
use wasm_mutate::WasmMutate;
use wasm_smith::{Config, Module};
use wasmparser::{BinaryReader, CodeSectionReader, Operator, Validator, WasmFeatures};

/// A function that changes bytes, to so many at most.
pub type ChangeBytes = fn(&mut Vec<u8>, usize);

/// The sections of a module that hold code.
pub const CODE: u8 = 10;
/// Operations that can stand for each other: they take and give values of the same types.
const ALIKE: [&[u8]; 5] = [
    // i32 comparisons, i32 and i64 arithmetic
    &[
        0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70,
        0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78,
    ],
    &[0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a],
    // i32 of one operand
    &[0x45, 0x67, 0x68, 0x69, 0xc0, 0xc1],
    // i32 loads and stores that any alignment fits
    &[0x2c, 0x2d],
    &[0x36, 0x3a, 0x3b],
];

/// Another module for the same place, by `wasm-mutate`.
pub fn mutated(module: &[u8], rng: &mut Rng, change: ChangeBytes) -> Option<Vec<u8>> {
    if !is_valid(module) {
        return None;
    }
    let mut mutate = WasmMutate::default();
    mutate.seed(rng.u64(..)).fuel(200).preserve_semantics(rng.u8(..) < 64);
    mutate.raw_mutate_func(Some(std::sync::Arc::new(move |bytes, max| {
        change(bytes, max.min(4096));
        Ok(())
    })));
    mutate.run(module).ok()?.next()?.ok()
}

/// A module made at random, by `wasm-smith`, that exports what this one does.
pub fn made_like(module: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    if !is_valid(module) {
        return None;
    }
    let config = Config {
        exports: Some(module.to_vec()),
        min_imports: 0,
        max_imports: 0,
        max_funcs: 8,
        max_types: 8,
        max_instructions: 200,
        max_memories: 2,
        max_memory32_bytes: 16 << 20,
        max_table_elements: 1000,
        memory_offset_choices: wasm_smith::MemoryOffsetChoices(90, 9, 1),
        exceptions_enabled: false,
        gc_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    };
    let count = rng.usize(64..4096);
    let choices: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(count).collect();
    let mut made = Module::new(config, &mut arbitrary::Unstructured::new(&choices)).ok()?;
    // Some loops end, so that there are answers to look at.
    if rng.bool() {
        made.ensure_termination(1000).ok()?;
    }
    Some(made.to_bytes())
}

/// What wasmtime is told to take. The tools above panic at some of what is invalid.
pub fn is_valid(module: &[u8]) -> bool {
    let features = WasmFeatures::WASM2
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MULTI_MEMORY;
    Validator::new_with_features(features).validate_all(module).is_ok()
}

/// Changes one operation in a code section: a number, an operation for one like it, or code put before it.
pub fn change_operation(code: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let bodies: Vec<_> = CodeSectionReader::new(BinaryReader::new(code, 0))
        .ok()?
        .into_iter()
        .collect::<Result<_, _>>()
        .ok()?;
    let chosen = rng.usize(..bodies.len().max(1));
    let body = bodies.get(chosen)?;
    let operations: Vec<_> =
        body.get_operators_reader().ok()?.into_iter_with_offsets().collect::<Result<_, _>>().ok()?;
    let at = rng.usize(..operations.len().max(1));
    let (operation, start) = operations.get(at)?;
    let end = operations.get(at + 1).map_or(body.range().end, |(_, offset)| *offset);
    let old = code.get(*start..end)?;

    let mut new = Vec::new();
    match operation {
        Operator::I32Const { value } if rng.u8(..) < 200 => {
            Instruction::I32Const(number(i64::from(*value), rng) as i32).encode(&mut new);
        }
        Operator::I64Const { value } => Instruction::I64Const(number(*value, rng)).encode(&mut new),
        Operator::BrIf { .. } => new.extend([&[0x45], old].concat()),
        _ => match ALIKE.iter().find(|alike| alike.contains(&old[0])) {
            Some(alike) if rng.bool() => {
                new.extend_from_slice(old);
                new[0] = alike[rng.usize(..alike.len())];
            }
            _ => {
                inserted(rng).iter().for_each(|instruction| instruction.encode(&mut new));
                new.extend_from_slice(old);
            }
        },
    }

    let mut changed = Vec::new();
    bodies.len().encode(&mut changed);
    for (index, body) in bodies.iter().enumerate() {
        let range = body.range();
        if index == chosen {
            [&code[range.start..*start], &new, &code[end..range.end]].concat().encode(&mut changed);
        } else {
            code[range].encode(&mut changed);
        }
    }
    Some(changed)
}

/// A number near another one, or one at which things change.
fn number(old: i64, rng: &mut Rng) -> i64 {
    let edges = [
        0,
        1,
        2,
        7,
        31,
        32,
        0xff,
        0xffff,
        0x1_0000,
        0x10_0000,
        0x0fff_ffff,
        0x7fff_ffff,
        -1,
        -4,
        -0x8000_0000,
    ];
    match rng.u8(..6) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => old.wrapping_mul(2),
        3 => rng.i64(0..70_000),
        4 => rng.i64(..),
        _ => edges[rng.usize(..edges.len())],
    }
}

/// Code that leaves the stack as it is.
fn inserted(rng: &mut Rng) -> Vec<Instruction<'static>> {
    let mut small = || Instruction::I32Const(rng.i32(0..2048));
    let (place, length) = (small(), small());
    let value = Instruction::I32Const(number(0, rng) as i32);
    let at = MemArg { offset: 0, align: 0, memory_index: 0 };
    match rng.u8(..8) {
        0 => vec![Instruction::Unreachable],
        1 => vec![Instruction::I32Const(rng.i32(0..300)), Instruction::MemoryGrow(0), Instruction::Drop],
        2 => vec![place, value, length, Instruction::MemoryFill(0)],
        3 => vec![
            place,
            Instruction::I32Const(rng.i32(0..65536)),
            length,
            Instruction::MemoryCopy { src_mem: 0, dst_mem: 0 },
        ],
        4 => vec![Instruction::Call(rng.u32(..4))],
        5 => vec![place, value, Instruction::I32Store8(at)],
        // What the guest answers lies in the first 2 KiB.
        _ => vec![place, value, Instruction::I32Store(at)],
    }
}
