//! What `prove --observations` found.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{BlindSpotProblem, BlindSpots, Kind, Noticed, Settled};

/// The result, as in `observations.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Observations {
    /// How many faults were tried.
    pub faults: usize,
    /// How many an expectation noticed.
    pub noticed: usize,
    /// How many only a crash or a time limit showed.
    pub noticed_by_a_crash: usize,
    /// How many made no difference in any check, and are not counted otherwise.
    pub never_acted: usize,
    /// How many checks were run.
    pub runs: usize,
    /// By operation and kind.
    pub kinds: Vec<KindCount>,
    /// What no check noticed.
    pub unnoticed: Vec<UnnoticedFault>,
    /// How the list of blind spots differs from that; empty if only some checks were selected.
    pub problems: Vec<BlindSpotProblem>,
}

/// The faults of one kind at one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KindCount {
    /// The operation.
    pub operation: String,
    /// The kind.
    pub kind: Kind,
    /// How many there are.
    pub faults: usize,
    /// How many no check noticed.
    pub unnoticed: usize,
}

/// A fault that no check noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UnnoticedFault {
    /// The fault.
    pub fault: String,
    /// How many checks reach it, all of which passed.
    pub checks: usize,
    /// Why it may stay unnoticed, if it is listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Observations {
    /// The result of a search. The list of blind spots is compared only if the whole suite was searched.
    pub fn of(settled: &[Settled], spots: &BlindSpots, whole: bool) -> Self {
        let count = |is: fn(&Noticed) -> bool| settled.iter().filter(|one| is(&one.noticed)).count();
        let never_acted = count(|noticed| *noticed == Noticed::NeverActed);
        let mut kinds: IndexMap<(&str, Kind), KindCount> = IndexMap::new();
        for one in settled.iter().filter(|one| one.noticed != Noticed::NeverActed) {
            let (operation, kind) = (one.fault.operation.as_str(), one.fault.kind);
            let empty = || KindCount { operation: operation.to_owned(), kind, faults: 0, unnoticed: 0 };
            let counted = kinds.entry((operation, kind)).or_insert_with(empty);
            counted.faults += 1;
            counted.unnoticed += usize::from(one.noticed == Noticed::Not);
        }
        let unnoticed = settled.iter().filter(|one| one.noticed == Noticed::Not).map(|one| UnnoticedFault {
            fault: one.fault.name.clone(),
            checks: one.runs,
            reason: spots.reason(&one.fault.name).map(str::to_owned),
        });
        Self {
            faults: settled.len() - never_acted,
            noticed: count(|noticed| matches!(noticed, Noticed::By(_))),
            noticed_by_a_crash: count(|noticed| matches!(noticed, Noticed::ByACrash(_))),
            never_acted,
            runs: settled.iter().map(|one| one.runs).sum(),
            kinds: kinds.into_values().collect(),
            unnoticed: unnoticed.collect(),
            problems: if whole { spots.problems(settled) } else { Vec::new() },
        }
    }
}
