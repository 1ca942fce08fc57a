//! The result of weakening, as in `matrix.json`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{NeededBy, Parts};

/// The parts of all expectations, and which of them are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Weakened {
    /// The number of parts. Examples that take a part from the same place of their case share it.
    pub parts: usize,
    /// The number of parts that the stub or a mutant needs.
    pub needed_by_mutants: usize,
    /// The number of other parts that a mechanical fault needs.
    pub needed_by_observations: usize,
    /// The parts that nothing needs, in the order of the files.
    pub unneeded: Vec<UnneededPart>,
}

/// A part that no faulty implementation needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UnneededPart {
    /// The case.
    pub case: String,
    /// Its file, relative to the suite.
    pub file: String,
    /// The line of the part.
    pub line: usize,
    /// The expectation.
    pub expectation: String,
    /// The weaker expectation that is as good: `without equal[1].gridsize`.
    pub weaker: String,
    /// The checks that have the part.
    pub checks: Vec<String>,
}

impl Weakened {
    /// The totals of these parts.
    pub fn of(parts: &Parts) -> Self {
        let mut all = Self { parts: parts.all().len(), ..Self::default() };
        for part in parts.all() {
            match part.needed_by {
                Some(NeededBy::Mutant(_)) => all.needed_by_mutants += 1,
                Some(NeededBy::Observation(_)) => all.needed_by_observations += 1,
                None => all.unneeded.push(UnneededPart {
                    case: part.case.clone(),
                    file: part.file.clone(),
                    line: part.line,
                    expectation: part.expectation.clone(),
                    weaker: part.weaker.clone(),
                    checks: part.checks.iter().cloned().collect(),
                }),
            }
        }
        all.unneeded.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        all
    }
}

/// `cases/loader/a.toml:9: is_refused finds as much without refused.kind "mismatch"`.
impl fmt::Display for UnneededPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, expectation, weaker, checks, .. } = self;
        write!(f, "{file}:{line}: {expectation} finds as much {weaker}")?;
        match checks.as_slice() {
            [check] if check.ends_with(']') => write!(f, " (in {check})"),
            _ => Ok(()),
        }
    }
}

/// `410 of 412 parts are needed, 300 by mutants and 110 by observations`.
impl fmt::Display for Weakened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parts, needed_by_mutants: mutants, needed_by_observations: observations, .. } = self;
        let needed = mutants + observations;
        write!(
            f,
            "{needed} of {parts} parts of expectations are needed, {mutants} by mutants and {observations} by \
             observations"
        )
    }
}
