//! Which requirement is tested by which case, and what is not.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use indexmap::IndexSet;
use serde::Serialize;

use super::{FaultyImplementation, Proven};
use crate::harness::suite::{Authority, Check, Level, Requirement, Suite};

/// The requirements of a suite with their cases, those that are open first.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Coverage {
    /// Totals.
    pub counts: CoverageCounts,
    /// The requirements, open ones first, otherwise in the order of the suite.
    pub requirements: Vec<CoveredRequirement>,
}

/// Totals of a [`Coverage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CoverageCounts {
    /// All requirements.
    pub requirements: usize,
    /// Those in force that cases must test and no proven case does.
    pub open: usize,
    /// Those with a proven case.
    pub proven: usize,
    /// Those that the runner holds at every step, instead of cases.
    pub held: usize,
    /// Those that are no longer in force.
    pub superseded: usize,
    /// The cases.
    pub cases: usize,
    /// The checks.
    pub checks: usize,
    /// The mutants that break a requirement of the suite.
    pub mutants: usize,
    /// Those that a proven case about the broken requirement kills.
    pub killed: usize,
    /// The pairs of a proven case and a faulty implementation that it fails on.
    pub kills: usize,
}

/// A requirement and what tests it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CoveredRequirement {
    /// Its id.
    pub id: String,
    /// How binding it is.
    pub level: Level,
    /// Who decides it.
    pub authority: Authority,
    /// The sentence.
    pub statement: String,
    /// How far it is tested.
    pub state: CoverageState,
    /// The cases about it, in the order of the suite.
    pub cases: Vec<CoveringCase>,
    /// What an implementation must support to be asked at all: each case about it needs this.
    pub needs: Vec<String>,
    /// The mutants that break it.
    pub mutants: Vec<String>,
    /// Those of them on which no proven case about it fails.
    pub surviving: Vec<String>,
}

/// How far a requirement is tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CoverageState {
    /// It is in force, cases must test it, and none of them is proven.
    Open,
    /// At least one case about it is proven.
    Proven,
    /// The runner holds every step of every case against it, which this test shows (`target::test`).
    HeldBy(String),
    /// It is no longer in force, for this reason.
    Superseded(String),
}

/// A case about a requirement.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CoveringCase {
    /// Its id.
    pub id: String,
    /// The number of its checks.
    pub checks: usize,
    /// Whether its current text is proven.
    pub proven: bool,
    /// What an implementation must support to be asked.
    pub needs: Vec<String>,
}

impl Coverage {
    /// What the cases of a suite test, as far as `proven` says so of their current texts.
    pub fn of(suite: &Suite, faulty: &[FaultyImplementation], proven: Option<&Proven>) -> Self {
        let mut about: BTreeMap<&str, Vec<CoveringCase>> = BTreeMap::new();
        let mut kills: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let (mut cases, mut pairs) = (0, 0);
        // The checks of a case follow each other.
        for checks in suite.checks().chunk_by(|one, next| one.case.id == next.case.id) {
            let Some(case) = checks.first().map(|check| &check.case) else { continue };
            let fails_on = proven.and_then(|proven| proven.fails_on(case));
            let on: BTreeSet<&str> =
                fails_on.into_iter().flat_map(BTreeMap::values).flatten().map(String::as_str).collect();
            cases += 1;
            pairs += on.len();
            for id in &case.requires {
                about.entry(id).or_default().push(CoveringCase {
                    id: case.id.clone(),
                    checks: checks.len(),
                    proven: fails_on.is_some(),
                    needs: shared_needs(checks),
                });
                kills.entry(id).or_default().extend(&on);
            }
        }
        let mut breaking: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for mutant in faulty {
            if let Some(id) = mutant.breaks.as_deref() {
                breaking.entry(id).or_default().push(mutant.name.clone());
            }
        }
        let covered = |requirement: &Requirement| {
            let id = requirement.id.get_ref().as_str();
            let mutants = breaking.remove(id).unwrap_or_default();
            let seen = kills.get(id);
            let survives = |name: &&String| seen.is_none_or(|seen| !seen.contains(name.as_str()));
            let surviving = mutants.iter().filter(survives).cloned().collect();
            CoveredRequirement::of(requirement, about.remove(id).unwrap_or_default(), mutants, surviving)
        };
        let mut requirements: Vec<CoveredRequirement> = suite.requirements().iter().map(covered).collect();
        requirements.sort_by_key(|requirement| requirement.state != CoverageState::Open);
        let counts =
            CoverageCounts { cases, checks: suite.checks().len(), kills: pairs, ..counts(&requirements) };
        Self { counts, requirements }
    }

    /// The binding requirements that no proven case tests.
    pub fn open_musts(&self) -> impl Iterator<Item = &CoveredRequirement> {
        let open = |own: &&CoveredRequirement| own.level == Level::Must && own.state == CoverageState::Open;
        self.requirements.iter().filter(open)
    }
}

impl CoveredRequirement {
    fn of(
        requirement: &Requirement,
        cases: Vec<CoveringCase>,
        mutants: Vec<String>,
        surviving: Vec<String>,
    ) -> Self {
        let state = match (&requirement.superseded, &requirement.held_by) {
            (Some(why), _) => CoverageState::Superseded(why.clone()),
            (None, Some(test)) => CoverageState::HeldBy(test.clone()),
            (None, None) if cases.iter().any(|case| case.proven) => CoverageState::Proven,
            (None, None) => CoverageState::Open,
        };
        Self {
            id: requirement.id.get_ref().clone(),
            level: requirement.level,
            authority: requirement.authority,
            statement: requirement.statement.clone(),
            state,
            needs: shared(cases.iter().map(|case| case.needs.clone())),
            cases,
            mutants,
            surviving,
        }
    }

    /// The number of checks about it.
    pub fn checks(&self) -> usize {
        self.cases.iter().map(|case| case.checks).sum()
    }
}

/// The totals that follow from the requirements.
fn counts(requirements: &[CoveredRequirement]) -> CoverageCounts {
    let number = |is: &dyn Fn(&CoverageState) -> bool| {
        requirements.iter().filter(|requirement| is(&requirement.state)).count()
    };
    let mutants = requirements.iter().map(|requirement| requirement.mutants.len()).sum();
    let surviving: usize = requirements.iter().map(|requirement| requirement.surviving.len()).sum();
    CoverageCounts {
        requirements: requirements.len(),
        open: number(&|state| *state == CoverageState::Open),
        proven: number(&|state| *state == CoverageState::Proven),
        held: number(&|state| matches!(state, CoverageState::HeldBy(_))),
        superseded: number(&|state| matches!(state, CoverageState::Superseded(_))),
        cases: 0,
        checks: 0,
        mutants,
        killed: mutants - surviving,
        kills: 0,
    }
}

/// What each of these checks needs.
fn shared_needs(checks: &[Arc<Check>]) -> Vec<String> {
    let needs = |check: &Arc<Check>| {
        let each: IndexSet<&str> = check.needs().collect();
        each.into_iter().map(str::to_owned).collect()
    };
    shared(checks.iter().map(needs))
}

/// What is in each of these lists, in the order of the first.
fn shared(lists: impl IntoIterator<Item = Vec<String>>) -> Vec<String> {
    let both = |mut all: Vec<String>, list: Vec<String>| {
        all.retain(|need| list.contains(need));
        all
    };
    lists.into_iter().reduce(both).unwrap_or_default()
}
