//! What may stay unnoticed, with the reason.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use super::{Noticed, Settled};

/// The file, relative to the suite.
pub const BLIND_SPOTS: &str = "blind_spots.toml";

/// The faults that may stay unnoticed.
#[derive(Clone, Debug, Default)]
pub struct BlindSpots {
    spots: Vec<BlindSpot>,
}

/// One reason, and the faults that it is for.
#[derive(Clone, Debug)]
pub struct BlindSpot {
    /// Globs over the names of faults.
    patterns: Vec<(String, GlobMatcher)>,
    /// Why they may stay unnoticed.
    pub reason: String,
}

/// What is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "problem")]
pub enum BlindSpotProblem {
    /// A fault is not noticed and not listed.
    Missing {
        /// The fault.
        fault: String,
    },
    /// Every fault of a pattern is noticed, or there is none.
    Stale {
        /// The pattern.
        pattern: String,
    },
    /// A pattern matches faults that are noticed, so that it would hide a later loss.
    TooWide {
        /// The pattern.
        pattern: String,
        /// A fault that is noticed.
        fault: String,
        /// How many of its faults are noticed.
        noticed: usize,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "blind_spot")]
    spots: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    faults: Vec<String>,
    reason: String,
}

impl BlindSpots {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not valid, or has a pattern or a reason that says nothing.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| format!("{BLIND_SPOTS}: {error}"))?;
        let spots = file.spots.into_iter().map(BlindSpot::of).collect::<Result<_, _>>()?;
        Ok(Self { spots })
    }

    /// The reason why a fault may stay unnoticed, if it is listed.
    pub fn reason(&self, fault: &str) -> Option<&str> {
        self.spots.iter().find(|spot| spot.lists(fault)).map(|spot| spot.reason.as_str())
    }

    /// How the file differs from what was found.
    pub fn problems(&self, all: &[Settled]) -> Vec<BlindSpotProblem> {
        let is = |settled: &&Settled, wanted: bool| match settled.noticed {
            Noticed::Not => !wanted,
            Noticed::By(_) | Noticed::ByACrash(_) => wanted,
            Noticed::NeverActed => false,
        };
        let unnoticed: Vec<&str> =
            all.iter().filter(|one| is(one, false)).map(|one| one.fault.name.as_str()).collect();
        let noticed: Vec<&str> =
            all.iter().filter(|one| is(one, true)).map(|one| one.fault.name.as_str()).collect();
        let missing = unnoticed.iter().filter(|fault| self.reason(fault).is_none());
        let mut problems: Vec<BlindSpotProblem> =
            missing.map(|fault| BlindSpotProblem::Missing { fault: (*fault).to_owned() }).collect();
        for (pattern, glob) in self.spots.iter().flat_map(|spot| &spot.patterns) {
            let mut hidden = noticed.iter().filter(|fault| glob.is_match(fault));
            if !unnoticed.iter().any(|fault| glob.is_match(fault)) {
                problems.push(BlindSpotProblem::Stale { pattern: pattern.clone() });
            } else if let Some(first) = hidden.next() {
                problems.push(BlindSpotProblem::TooWide {
                    pattern: pattern.clone(),
                    fault: (*first).to_owned(),
                    noticed: hidden.count() + 1,
                });
            }
        }
        problems
    }
}

impl BlindSpot {
    fn of(Row { faults, reason }: Row) -> Result<Self, String> {
        if reason.trim().is_empty() || faults.is_empty() {
            return Err(format!(
                "{BLIND_SPOTS}: expected faults and a reason, found {faults:?} and {reason:?}"
            ));
        }
        let glob = |pattern: String| {
            let built = GlobBuilder::new(&pattern).literal_separator(false).build();
            let built = built.map_err(|error| format!("{BLIND_SPOTS}: {error}"))?;
            Ok::<_, String>((pattern, built.compile_matcher()))
        };
        Ok(Self { patterns: faults.into_iter().map(glob).collect::<Result<_, _>>()?, reason })
    }

    fn lists(&self, fault: &str) -> bool {
        self.patterns.iter().any(|(_, glob)| glob.is_match(fault))
    }
}

impl fmt::Display for BlindSpotProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { fault } => {
                write!(f, "no check notices this fault: {fault}; write a case, or list it in {BLIND_SPOTS}")
            }
            Self::Stale { pattern } => {
                write!(f, "{BLIND_SPOTS}: every fault of {pattern:?} is noticed, or there is none: remove it")
            }
            Self::TooWide { pattern, fault, noticed } => write!(
                f,
                "{BLIND_SPOTS}: {pattern:?} also matches {noticed} faults that are noticed, such as {fault}: narrow it"
            ),
        }
    }
}
