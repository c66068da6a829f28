//! `minutebook filter`: for whoever writes a filter, or is to trust one.

mod inspect;
mod read;

use cap_std::AmbientAuthority;
use minutebook::select::Selector;

use crate::cli::FilterCommand;
use crate::exit::{Exit, Failure};

/// Runs one of its commands.
pub(crate) fn filter(command: &FilterCommand, authority: AmbientAuthority) -> Result<Exit, Failure> {
    match command {
        FilterCommand::Inspect(arguments) => inspect::inspect(arguments, authority),
    }
}

/// What runs filters here.
fn selector() -> Result<Selector, Failure> {
    Selector::new().map_err(|error| Failure::new(Exit::Usage, error))
}
