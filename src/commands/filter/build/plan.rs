//! How a project is compiled: which commands, for each language, on a machine with these tools. It decides and runs
//! nothing.

use std::fmt;

use super::languages;
use crate::cli::Language;
use crate::commands::filter::shell::quoted;

/// What there is on a machine, and in the project's folder.
pub(super) trait Machine {
    /// Whether a program is found that can be asked for its version.
    fn finds(&self, program: &str) -> bool;
    /// What a program prints, if it ends well.
    fn answer(&self, program: &str, arguments: &[&str]) -> Option<String>;
    /// The names in a folder, sorted; none if there is no such folder.
    fn names(&self, folder: &str) -> Vec<String>;
}

/// A command to run in the project's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
    /// Variables besides those that there are.
    pub(super) variables: Vec<(&'static str, String)>,
    /// Variables that it must not have.
    pub(super) without: Vec<&'static str>,
}

/// Everything that compiling takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// What is to be said before: that something is fetched.
    pub(super) note: Option<&'static str>,
    /// In this order.
    pub(super) steps: Vec<Step>,
    /// The file that they make: a core module or a component.
    pub(super) product: &'static str,
    /// Why there might be none although all went well.
    pub(super) hint: &'static str,
}

/// What has to be installed, or written, first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// A fragment: `there is no clang`.
    pub(super) what: String,
    pub(super) remedy: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

impl Missing {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

impl Step {
    pub(super) fn new(program: impl Into<String>, arguments: &[&str]) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            variables: Vec::new(),
            without: Vec::new(),
        }
    }

    pub(super) fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((variable, value.into()));
        self
    }

    pub(super) fn without(mut self, variable: &'static str) -> Self {
        self.without.push(variable);
        self
    }
}

impl fmt::Display for Step {
    /// As one would type it, more or less: for whoever wants to know, or to do it by hand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (variable, value) in &self.variables {
            write!(f, "{variable}={} ", quoted(value))?;
        }
        f.write_str(&quoted(&self.program))?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(argument)))
    }
}

/// Decides how a project in this language is compiled here.
///
/// # Errors
/// What is missing, and the command that installs it.
pub(super) fn plan(language: Language, machine: &dyn Machine) -> Result<Plan, Missing> {
    match language {
        Language::Rust => languages::rust(machine),
        Language::C => languages::c(machine),
        Language::Go => languages::go(machine),
        Language::Js => languages::js(machine),
        Language::Python => languages::python(machine),
    }
}
