//! Whatever a core module holds, a component comes of it that the loader knows as one, called as it should be, or an error
//! in good words: never a panic, not even one that is caught.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_crossover, fuzz_mutator, fuzz_target};
use minutebook::componentize::{Error, Identity, componentize};
use minutebook::model::text::printable;
use minutebook::select::{self, inspect};
use minutebook_fuzz::in_place;
use minutebook_fuzz::seeds::Kind;

const BYTES: usize = 64 << 10;
/// Bytes that a message has at most.
const MESSAGE: usize = 2048;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if bytes.len() > BYTES {
        return Corpus::Reject;
    }
    let identity = Identity { name: Some("a name".to_owned()), version: Some("1.2.3".to_owned()) };
    let made = componentize(bytes, &identity);
    if std::env::var_os("TELL").is_some() {
        match &made {
            Ok(component) => eprintln!("{} bytes", component.len()),
            Err(error) => eprintln!("{error}"),
        }
    }
    assert_eq!(made, componentize(bytes, &identity));
    match &made {
        Ok(component) => {
            let found = inspect(component);
            assert_eq!((found.kind, &found.refused), (select::Kind::Component, &None));
            assert_eq!((found.name.as_deref(), found.version.as_deref()), (Some("a name"), Some("1.2.3")));
            assert_eq!(
                componentize(component, &identity).as_ref(),
                Ok(component),
                "a component stays what it is"
            );
        }
        Err(error) => {
            let message = error.to_string();
            assert_eq!(printable(&message, MESSAGE), message);
        }
    }
    // What is made of an invalid file hardly ever becomes a valid one.
    match made {
        Err(Error::NotWebAssembly | Error::Invalid(_)) => Corpus::Reject,
        _ => Corpus::Keep,
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    in_place::mutate(Kind::Module, data, size, max_size.min(BYTES), seed)
});

fuzz_crossover!(|first: &[u8], second: &[u8], out: &mut [u8], seed: u32| {
    in_place::cross(first, second, out, seed)
});
