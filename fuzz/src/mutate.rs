//! One mutation of a file, and one file made of two.

use fastrand::Rng;

use crate::module::{self, CODE, ChangeBytes};
use crate::sections::{File, Part};
use crate::seeds;

/// Changes a file, to so many bytes at most; what is no WebAssembly becomes a seed.
pub fn mutate(bytes: &[u8], max: usize, seed: u32, change: ChangeBytes) -> Vec<u8> {
    let mut rng = Rng::with_seed(seed.into());
    let file = File::read(bytes).filter(|file| !file.is_module());
    let Some(mut file) = file.filter(|_| rng.u8(..) >= 4) else { return seeds::any(&mut rng) };
    if rng.u8(..) < 16 {
        let mut changed = bytes.to_vec();
        change(&mut changed, max);
        return changed;
    }
    for _ in 0..=rng.u8(..3) {
        // Some changes do not fit what they meet.
        (0..8).any(|_| one(&mut file, &mut rng, change).is_some());
    }
    let changed = file.write();
    if changed.len() > max { bytes.to_vec() } else { changed }
}

fn one(file: &mut File, rng: &mut Rng, change: ChangeBytes) -> Option<()> {
    match rng.u8(..16) {
        0..11 => in_module(file, rng, change),
        11..14 => in_section(file, rng, change),
        _ => among_sections(file, rng),
    }
}

/// Changes a core module.
fn in_module(file: &mut File, rng: &mut Rng, change: ChangeBytes) -> Option<()> {
    let files = file.files();
    let modules: Vec<_> = (0..files.len()).filter(|index| files[*index].is_module()).collect();
    let index = *rng.choice(&modules)?;
    let module = file.file_mut(index)?;
    match rng.u8(..8) {
        0..5 => {
            let code = module.parts.iter_mut().find_map(|part| match part {
                Part::Section { id: CODE, content } => Some(content),
                _ => None,
            })?;
            *code = module::change_operation(code, rng)?;
        }
        5..7 => *module = File::read(&module::mutated(&module.write(), rng, change)?)?,
        _ => *module = File::read(&module::made_like(&module.write(), rng)?)?,
    }
    Some(())
}

/// Changes the bytes of a section, whose size is put right.
fn in_section(file: &mut File, rng: &mut Rng, change: ChangeBytes) -> Option<()> {
    let parts = any_parts(file, rng)?;
    let part = rng.choice(parts)?;
    if let Part::Section { content, .. } = part {
        let max = content.len() + 64;
        change(content, max);
        return Some(());
    }
    None
}

/// Drops, doubles, moves or truncates a section, or lies about its size.
fn among_sections(file: &mut File, rng: &mut Rng) -> Option<()> {
    let parts = any_parts(file, rng)?;
    let index = rng.usize(..parts.len().max(1));
    let part = parts.get(index)?;
    let (id, content) = (part.id()?, part.content());
    match rng.u8(..6) {
        0 => drop(parts.remove(index)),
        1 => {
            let place = rng.usize(..=parts.len());
            parts.insert(place, Part::Section { id, content });
        }
        2 => {
            let other = rng.usize(..parts.len());
            parts.swap(index, other);
        }
        3 => {
            let content = content[..rng.usize(..=content.len())].to_vec();
            parts[index] = Part::Section { id, content };
        }
        4 => parts[index] = Part::Section { id: rng.u8(..14), content },
        _ => {
            // Another size, or the right one in more bytes than it takes.
            let right = u64::try_from(content.len()).ok()?;
            let wrong =
                [right, right + 1, right.saturating_sub(1), 0, 0x7fff_ffff, 0xffff_ffff, 0x1_0000_0000];
            let mut size = wrong[rng.usize(..wrong.len())];
            let mut raw = vec![id];
            for _ in 0..rng.usize(4..7) {
                raw.push(u8::try_from(size & 0x7f).unwrap_or(0) | 0x80);
                size >>= 7;
            }
            raw.push(u8::try_from(size & 0x7f).unwrap_or(0));
            parts[index] = Part::Raw([raw, content].concat());
        }
    }
    Some(())
}

fn any_parts<'a>(file: &'a mut File, rng: &mut Rng) -> Option<&'a mut Vec<Part>> {
    let index = rng.usize(..file.files().len());
    Some(&mut file.file_mut(index)?.parts)
}

/// The first file with a section of the second one, in the place of one of its kind.
pub fn cross(first: &[u8], second: &[u8], seed: u32) -> Option<Vec<u8>> {
    let mut rng = Rng::with_seed(seed.into());
    let (mut first, second) = (File::read(first)?, File::read(second)?);
    let donors = second.files();
    let donor = *rng.choice(&donors)?;
    let is_module = donor.is_module();
    let given = rng.choice(&donor.parts)?;
    let (id, content) = (given.id()?, given.content());
    let files = first.files();
    let takers: Vec<_> = (0..files.len()).filter(|index| files[*index].is_module() == is_module).collect();
    let taker = first.file_mut(*rng.choice(&takers)?)?;
    let places: Vec<_> =
        (0..taker.parts.len()).filter(|index| taker.parts[*index].id() == Some(id)).collect();
    let place = *rng.choice(&places)?;
    taker.parts[place] = Part::Section { id, content };
    Some(first.write())
}
