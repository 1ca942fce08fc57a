//! What can be wrong with a suite that was run on everything that breaks something.

use std::fmt;

use serde::Serialize;

/// One reason why the suite is not proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "problem")]
pub enum Problem {
    /// A check does not pass on the implementation that obeys.
    NotGreen {
        /// The check.
        check: String,
        /// Its file.
        file: String,
        /// What it came to.
        word: &'static str,
    },
    /// A red entry of a case is not what is seen.
    ClaimFails {
        /// The check.
        check: String,
        /// Its file.
        file: String,
        /// The breaker that the entry names.
        on: String,
        /// The expectation that was to fail.
        fails: String,
        /// What was seen instead.
        word: &'static str,
    },
    /// A check fails on no mutant of a requirement that it is about.
    KillsNothing {
        /// The check.
        check: String,
        /// Its file.
        file: String,
        /// The requirements.
        requires: Vec<String>,
    },
    /// An expectation fails on nothing.
    Vacuous {
        /// The check.
        check: String,
        /// Its file.
        file: String,
        /// The line of the expectation.
        line: usize,
        /// The expectation.
        expectation: String,
    },
    /// No check fails on a mutant.
    Survives {
        /// The mutant.
        mutant: String,
        /// The requirement that it breaks.
        breaks: String,
    },
    /// A mutant is killed, and by no check about the requirement that it breaks.
    KilledByOthers {
        /// The mutant.
        mutant: String,
        /// The requirement that it breaks.
        breaks: String,
        /// The checks that kill it.
        killers: Vec<String>,
    },
    /// A requirement in force has no case, or nothing that breaks it.
    Unproven {
        /// The requirement.
        requirement: String,
        /// The cases about it.
        cases: Vec<String>,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGreen { check, file, word } => {
                write!(f, "{file}: {check} is not green on the reference: {word}")
            }
            Self::ClaimFails { check, file, on, fails, word } => {
                write!(f, "{file}: {check} says that {fails} fails on {on}, and there it is {word}")
            }
            Self::KillsNothing { check, file, requires } => {
                let requires = requires.join(", ");
                write!(f, "{file}: {check} fails on no mutant that breaks {requires}")
            }
            Self::Vacuous { check, file, line, expectation } => {
                write!(f, "{file}:{line}: the expectation {expectation} of {check} fails on nothing")
            }
            Self::Survives { mutant, breaks } => {
                write!(f, "the mutant {mutant} survives, which breaks {breaks}")
            }
            Self::KilledByOthers { mutant, breaks, killers } => {
                let first = killers.first().map_or("", String::as_str);
                let count = killers.len();
                write!(
                    f,
                    "the mutant {mutant} breaks {breaks}, and only checks of other requirements fail on it ({count}, first {first})"
                )
            }
            Self::Unproven { requirement, cases } if cases.is_empty() => {
                write!(f, "the requirement {requirement} has no case")
            }
            Self::Unproven { requirement, .. } => {
                write!(f, "the requirement {requirement} has no mutant that breaks it")
            }
        }
    }
}
