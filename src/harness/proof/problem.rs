//! Problems of a suite, as found by the kill matrix.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One reason why the suite is not proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "problem")]
pub enum Problem {
    /// A check does not pass on the reference.
    NotGreen {
        /// The check.
        check: String,
        /// Its file.
        file: String,
        /// The result.
        word: String,
    },
    /// A red entry of a case is wrong.
    ClaimFails {
        /// The check.
        check: String,
        /// Its file.
        file: String,
        /// The faulty implementation of the entry.
        on: String,
        /// The expectation of the entry.
        fails: String,
        /// The actual result.
        word: String,
    },
    /// A check kills no mutant of its requirements.
    KillsNothing {
        /// The check.
        check: String,
        /// Its file.
        file: String,
        /// The requirements.
        requires: Vec<String>,
    },
    /// An expectation never fails.
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
    /// No check kills a mutant.
    Survives {
        /// The mutant.
        mutant: String,
        /// The requirement that it breaks.
        breaks: String,
    },
    /// A mutant is killed only by checks about other requirements.
    KilledByOthers {
        /// The mutant.
        mutant: String,
        /// The requirement that it breaks.
        breaks: String,
        /// The checks that kill it.
        killers: Vec<String>,
    },
    /// A requirement in force has no case, or no mutant that breaks it.
    Unproven {
        /// The requirement.
        requirement: String,
        /// The cases that test it.
        cases: Vec<String>,
    },
    /// An adversary passes every check that it affects.
    AdversaryPasses {
        /// The adversary.
        adversary: String,
        /// The number of these checks.
        checks: usize,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGreen { check, file, word } => {
                write!(f, "{file}: {check} does not pass on the reference: {word}")
            }
            Self::ClaimFails { check, file, on, fails, word } => {
                write!(f, "{file}: {check}: expected {fails} to fail on {on}, found {word}")
            }
            Self::KillsNothing { check, file, requires } => {
                let requires = requires.join(", ");
                write!(f, "{file}: {check} kills no mutant that breaks {requires}")
            }
            Self::Vacuous { check, file, line, expectation } => {
                write!(f, "{file}:{line}: expectation {expectation} of {check} never failed on any mutant")
            }
            Self::Survives { mutant, breaks } => {
                write!(f, "mutant {mutant}, which breaks {breaks}, survives")
            }
            Self::KilledByOthers { mutant, breaks, killers } => {
                let first = killers.first().map_or("", String::as_str);
                let count = killers.len();
                write!(
                    f,
                    "mutant {mutant}, which breaks {breaks}, is killed only by checks about other requirements ({count}, first {first})"
                )
            }
            Self::Unproven { requirement, cases } if cases.is_empty() => {
                write!(f, "requirement {requirement} has no case")
            }
            Self::AdversaryPasses { adversary, checks } => {
                write!(
                    f,
                    "no check notices adversary {adversary}, whose answers are wrong in {checks} of them"
                )
            }
            Self::Unproven { requirement, .. } => {
                write!(f, "requirement {requirement} has no mutant that breaks it")
            }
        }
    }
}
