//! A WebAssembly file as its sections, those of the files inside it included.
//!
//! Whatever begins like WebAssembly can be taken apart, and put together again it is the same bytes.

use wasm_encoder::Encode;

/// How every WebAssembly file begins.
const MAGIC: &[u8] = b"\0asm";
const MODULE: [u8; 4] = [1, 0, 0, 0];
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];
/// Sections of a component that are files themselves.
const NESTED: [u8; 2] = [1, 4];
/// Deeper ones are bytes.
const DEPTH: usize = 8;

/// A module or a component.
pub struct File {
    layer: [u8; 4],
    pub parts: Vec<Part>,
}

/// A section, or what stands in its place.
pub enum Part {
    Section {
        id: u8,
        content: Vec<u8>,
    },
    Nested {
        id: u8,
        file: File,
    },
    /// No section: bytes as they stand.
    Raw(Vec<u8>),
}

impl File {
    /// Takes a file apart, if it begins like one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Self::read_at(bytes, 0)
    }

    fn read_at(bytes: &[u8], depth: usize) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (layer, mut rest) = rest.split_first_chunk::<4>()?;
        let mut file = Self { layer: *layer, parts: Vec::new() };
        while !rest.is_empty() {
            let Some((id, content, behind)) = section(rest) else {
                file.parts.push(Part::Raw(rest.to_vec()));
                break;
            };
            let is_file = file.is_component() && NESTED.contains(&id) && depth < DEPTH;
            let nested = is_file.then(|| Self::read_at(content, depth + 1)).flatten();
            file.parts.push(match nested {
                Some(file) => Part::Nested { id, file },
                None => Part::Section { id, content: content.to_vec() },
            });
            rest = behind;
        }
        Some(file)
    }

    /// Puts it together again.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = [MAGIC, &self.layer].concat();
        for part in &self.parts {
            match part {
                Part::Section { id, content } => write_section(*id, content, &mut bytes),
                Part::Nested { id, file } => write_section(*id, &file.write(), &mut bytes),
                Part::Raw(raw) => bytes.extend_from_slice(raw),
            }
        }
        bytes
    }

    pub fn is_module(&self) -> bool {
        self.layer == MODULE
    }

    fn is_component(&self) -> bool {
        self.layer == COMPONENT
    }

    /// It and all files inside it, from the outside to the inside.
    pub fn files(&self) -> Vec<&File> {
        let mut files = vec![self];
        files.extend(self.parts.iter().flat_map(|part| match part {
            Part::Nested { file, .. } => file.files(),
            _ => Vec::new(),
        }));
        files
    }

    /// The file of this index among [`File::files`].
    pub fn file_mut(&mut self, index: usize) -> Option<&mut File> {
        let Some(mut index) = index.checked_sub(1) else { return Some(self) };
        for part in &mut self.parts {
            if let Part::Nested { file, .. } = part {
                let count = file.files().len();
                if index < count {
                    return file.file_mut(index);
                }
                index -= count;
            }
        }
        None
    }
}

impl Part {
    pub fn id(&self) -> Option<u8> {
        match self {
            Self::Section { id, .. } | Self::Nested { id, .. } => Some(*id),
            Self::Raw(_) => None,
        }
    }

    pub fn content(&self) -> Vec<u8> {
        match self {
            Self::Section { content, .. } => content.clone(),
            Self::Nested { file, .. } => file.write(),
            Self::Raw(raw) => raw.clone(),
        }
    }
}

/// A section's number and content, and what is behind it.
fn section(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (id, rest) = bytes.split_first()?;
    let mut reader = wasmparser::BinaryReader::new(rest, 0);
    let size = usize::try_from(reader.read_var_u32().ok()?).ok()?;
    // Written otherwise than we write sizes, it stays as it is.
    let mut shortest = Vec::new();
    size.encode(&mut shortest);
    let rest = rest.strip_prefix(&shortest[..])?;
    let (content, behind) = rest.split_at_checked(size)?;
    Some((*id, content, behind))
}

fn write_section(id: u8, content: &[u8], bytes: &mut Vec<u8>) {
    bytes.push(id);
    content.encode(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::Kind;

    #[test]
    fn what_was_taken_apart_is_put_together_again() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let bytes = Kind::Component.seed(&mut rng);
            let file = File::read(&bytes).unwrap();
            assert!(file.files().len() > 2);
            assert!(file.write() == bytes);
            for end in 8..bytes.len().min(2000) {
                assert!(File::read(&bytes[..end]).unwrap().write() == bytes[..end]);
            }
        }
        assert!(File::read(b"\0asm").is_none() && File::read(b"").is_none());
    }

    #[test]
    fn files_are_found_by_their_index() {
        let bytes = wat::parse_str("(component (component (core module)) (core module (memory 1)))").unwrap();
        let mut file = File::read(&bytes).unwrap();
        let modules: Vec<_> = file.files().iter().map(|file| file.is_module()).collect();
        assert_eq!(modules, [false, false, true, true]);
        assert_eq!(file.file_mut(3).unwrap().parts.len(), 1);
        assert!(file.file_mut(2).unwrap().parts.is_empty() && file.file_mut(4).is_none());
    }
}
