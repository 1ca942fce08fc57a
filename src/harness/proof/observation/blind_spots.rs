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
    /// Whether some of them are noticed nevertheless, because a case happens to say more than it must.
    some_noticed: bool,
    /// Why they may stay unnoticed.
    pub reason: String,
}

/// What is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    #[serde(default)]
    some_noticed: bool,
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
        let patterns = self
            .spots
            .iter()
            .flat_map(|spot| spot.patterns.iter().map(|(pattern, glob)| (pattern, glob, spot.some_noticed)));
        for (pattern, glob, some_noticed) in patterns {
            let mut hidden = noticed.iter().filter(|fault| !some_noticed && glob.is_match(fault));
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
    fn of(Row { faults, some_noticed, reason }: Row) -> Result<Self, String> {
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
        Ok(Self { patterns: faults.into_iter().map(glob).collect::<Result<_, _>>()?, some_noticed, reason })
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
                "{BLIND_SPOTS}: {pattern:?} also matches noticed faults ({noticed}), such as {fault}: narrow it"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::{
        super::{Kind, ObservationFault},
        *,
    };
    use crate::harness::fault::{Act, Fault};

    fn settled(name: &str, noticed: Noticed) -> Settled {
        let fault = Fault::always("load", Act::Skip {});
        let fault = ObservationFault {
            name: name.to_owned(),
            operation: "load".to_owned(),
            kind: Kind::File,
            fault,
            checks: vec![0],
        };
        Settled { fault, noticed, runs: 1 }
    }

    fn found() -> Vec<Settled> {
        vec![
            settled("load: file a/b dropped", Noticed::By("files/x".to_owned())),
            settled("load: file a/b changed", Noticed::Not),
            settled("load: file c changed", Noticed::Not),
            settled("load: file d changed", Noticed::NeverActed),
        ]
    }

    fn problems(rows: &str) -> Vec<String> {
        let spots = BlindSpots::from_toml(rows).unwrap();
        spots.problems(&found()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_not_noticed_must_be_listed() {
        let rows = "[[blind_spot]]\nfaults = [\"load: file {a/b,c} changed\"]\nreason = \"r\"\n";
        assert_eq!(problems(rows), [""; 0]);
        let all = problems("");
        assert!(all.len() == 2 && all[0].contains("load: file a/b changed"), "{all:?}");
        let spots = BlindSpots::from_toml(rows).unwrap();
        assert_eq!(spots.reason("load: file c changed"), Some("r"));
        assert_eq!(spots.reason("load: file d changed"), None);
    }

    #[rstest]
    #[case("load: file a/b dropped", "there is none: remove it")]
    #[case("load: file d changed", "there is none: remove it")]
    #[case("save: *", "there is none: remove it")]
    #[case("load: file a/b *", "also matches noticed faults (1), such as load: file a/b dropped")]
    fn a_line_that_lists_something_else_is_named(#[case] pattern: &str, #[case] says: &str) {
        let rows = "[[blind_spot]]\nreason = \"r\"\nfaults = [\"load: file {a/b,c} changed\", \"PATTERN\"]";
        let all = problems(&rows.replace("PATTERN", pattern));
        assert!(all.len() == 1 && all[0].contains(says), "{all:?}");
    }

    #[test]
    fn a_row_may_say_that_some_of_its_faults_are_noticed() {
        let row = "[[blind_spot]]\nreason = \"r\"\nfaults = [\"load: file *\"]\n";
        assert_eq!(problems(&format!("{row}some_noticed = true")), [""; 0]);
        assert_eq!(problems(row).len(), 1);
        // One that lists nothing any more is stale nevertheless.
        let stale = row.replace("file *", "file a/b dropped");
        assert_eq!(problems(&format!("{row}some_noticed = true\n{stale}some_noticed = true")).len(), 1);
    }

    #[rstest]
    #[case("[[blind_spot]]\nfaults = [\"*\"]\nreason = \" \"", "expected faults and a reason")]
    #[case("[[blind_spot]]\nfaults = []\nreason = \"r\"", "expected faults and a reason")]
    #[case("[[blind_spot]]\nfaults = [\"[\"]\nreason = \"r\"", "blind_spots.toml")]
    #[case("[[spot]]\nfaults = [\"*\"]", "unknown field `spot`")]
    fn a_row_that_says_nothing_is_an_error(#[case] rows: &str, #[case] says: &str) {
        let error = BlindSpots::from_toml(rows).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}
