//! The kill matrix: each check on each thing that breaks something.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::Serialize;

use super::Problem;
use crate::harness::{
    runner::{Outcome, RedResult, Verdict},
    suite::{Check, Suite},
};

/// Something that a check is run on to see it fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultyImplementation {
    /// Its name.
    pub name: String,
    /// The one requirement that it breaks; none for the stub, which breaks many.
    pub breaks: Option<String>,
}

/// What every check makes of every breaker, and what is wrong with that.
#[derive(Clone, Debug, Serialize)]
pub struct Matrix {
    /// How many there are of everything.
    pub counts: Counts,
    /// What is wrong; a suite without problems is proven.
    pub problems: Vec<Problem>,
    /// Each check: what it kills, and at which expectation.
    pub checks: Vec<CheckProof>,
    /// Each mutant: what kills it.
    pub mutants: Vec<MutantProof>,
    /// Each requirement in force: what breaks it, and which cases hold it.
    pub requirements: Vec<RequirementProof>,
}

/// How many there are of everything in a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Cases.
    pub cases: usize,
    /// Checks: a case, or each example of a case.
    pub checks: usize,
    /// Checks that could not be looked at, and are in none of the other numbers.
    pub aside: usize,
    /// Expectations of all checks.
    pub expectations: usize,
    /// Mutants.
    pub mutants: usize,
    /// Mutants that some check about the requirement kills.
    pub killed: usize,
    /// Pairs of a check and a breaker on which it fails at an expectation.
    pub kills: usize,
    /// Runs of a check, on the judged implementation and on each breaker.
    pub runs: usize,
}

/// What one check was seen to do.
#[derive(Clone, Debug, Serialize)]
pub struct CheckProof {
    /// The check's id.
    pub check: String,
    /// The id of its case.
    pub case: String,
    /// The case's file, from the suite's root.
    pub file: String,
    /// The case's digest.
    pub digest: String,
    /// The requirements it is about.
    pub requires: Vec<String>,
    /// How many steps it has.
    pub steps: usize,
    /// What it came to on the implementation that obeys.
    pub green: &'static str,
    /// Each expectation, in order.
    pub expectations: Vec<ExpectationProof>,
    /// Breakers on which it came to something else than a pass or a failed expectation, with the word.
    pub no_kills: BTreeMap<String, &'static str>,
}

/// One expectation of a check.
#[derive(Clone, Debug, Serialize)]
pub struct ExpectationProof {
    /// Its name.
    pub name: String,
    /// Its line in the case's file.
    pub line: usize,
    /// The requirements it is about.
    pub about: Vec<String>,
    /// The breakers on which it failed.
    pub fails_on: Vec<String>,
}

/// One mutant.
#[derive(Clone, Debug, Serialize)]
pub struct MutantProof {
    /// Its name.
    pub name: String,
    /// The requirement that it breaks.
    pub breaks: String,
    /// The checks about that requirement that kill it, the smallest first.
    pub killers: Vec<String>,
    /// Checks about other requirements that fail on it too.
    pub others: Vec<String>,
}

/// One requirement in force.
#[derive(Clone, Debug, Serialize)]
pub struct RequirementProof {
    /// Its id.
    pub id: String,
    /// The cases about it.
    pub cases: Vec<String>,
    /// The mutants that break it and are killed.
    pub killed: Vec<String>,
    /// The mutants that break it and survive.
    pub surviving: Vec<String>,
}

impl Matrix {
    /// Folds the outcomes of these checks: first those on the implementation that obeys, then those on the breakers.
    /// `aside` are checks that could not be looked at. `whole` says that the checks are all of the suite, so that what
    /// survives can be told.
    pub fn of(
        suite: &Suite,
        checks: &[Arc<Check>],
        aside: &[Arc<Check>],
        breakers: &[FaultyImplementation],
        (green, red): (&[Outcome], &[Outcome]),
        whole: bool,
    ) -> Self {
        let key = |outcome: &Outcome| (outcome.check.clone(), outcome.implementation.clone());
        let cells: BTreeMap<(String, String), &Outcome> =
            red.iter().map(|outcome| (key(outcome), outcome)).collect();
        let judged: BTreeMap<&str, &Outcome> =
            green.iter().map(|outcome| (outcome.check.as_str(), outcome)).collect();
        let mut problems = Vec::new();
        let mut proofs = Vec::new();
        for check in checks {
            let on = |breaker: &str| cells.get(&(check.id.clone(), breaker.to_owned())).copied();
            let outcome = judged.get(check.id.as_str()).copied();
            let proof = CheckProof::of(check, outcome, breakers, &on);
            problems.extend(of_check(check, &proof, breakers, outcome, &on));
            proofs.push(proof);
        }
        let mutants: Vec<MutantProof> =
            breakers.iter().filter_map(|breaker| MutantProof::of(breaker, &proofs)).collect();
        let requirements = requirements(suite, &proofs, &mutants);
        if whole {
            // What is aside may be what kills them.
            let is_aside = |id: &String| aside.iter().any(|check| check.case.requires.contains(id));
            let seen = |mutant: &&MutantProof| !is_aside(&mutant.breaks);
            problems.extend(mutants.iter().filter(seen).filter_map(MutantProof::problem));
            let seen = |requirement: &&RequirementProof| !is_aside(&requirement.id);
            problems.extend(requirements.iter().filter(seen).filter_map(RequirementProof::problem));
        }
        let cases: BTreeSet<&str> = proofs.iter().map(|proof| proof.case.as_str()).collect();
        let counts = Counts {
            cases: cases.len(),
            checks: proofs.len(),
            aside: aside.len(),
            expectations: proofs.iter().map(|proof| proof.expectations.len()).sum(),
            mutants: mutants.len(),
            killed: mutants.iter().filter(|mutant| !mutant.killers.is_empty()).count(),
            kills: proofs.iter().map(|proof| proof.kills().len()).sum(),
            runs: green.len() + red.len(),
        };
        Self { counts, problems, checks: proofs, mutants, requirements }
    }
}

impl CheckProof {
    fn of<'o>(
        check: &Check,
        green: Option<&Outcome>,
        breakers: &[FaultyImplementation],
        on: &dyn Fn(&str) -> Option<&'o Outcome>,
    ) -> Self {
        let named = check.steps.iter().flat_map(|step| &step.expectations);
        let fails_on = |name: &str| {
            let fails = |breaker: &&FaultyImplementation| {
                on(&breaker.name).map(|seen| seen.failure_of(name)) == Some(RedResult::Proven)
            };
            breakers.iter().filter(fails).map(|breaker| breaker.name.clone()).collect()
        };
        let expectations: Vec<ExpectationProof> = named
            .map(|named| ExpectationProof {
                name: named.name.clone(),
                line: named.line,
                about: named.expectation.about.clone(),
                fails_on: fails_on(&named.name),
            })
            .collect();
        let other = |breaker: &FaultyImplementation| {
            let seen = on(&breaker.name)?;
            let killed = expectations.iter().any(|expectation| expectation.fails_on.contains(&breaker.name));
            let word = match seen.verdict() {
                Verdict::Pass => return None,
                // Which expectation was to fail does not matter where the case did not get to any.
                Verdict::Fail => seen.failure_of("").word(),
                verdict => verdict.word(),
            };
            (!killed).then(|| (breaker.name.clone(), word))
        };
        Self {
            check: check.id.clone(),
            case: check.case.id.clone(),
            file: check.case.file.clone(),
            digest: check.case.digest.clone(),
            requires: check.case.requires.clone(),
            steps: check.steps.len(),
            green: green.map_or(Verdict::NotRun, Outcome::verdict).word(),
            no_kills: breakers.iter().filter_map(other).collect(),
            expectations,
        }
    }

    /// The breakers on which the check fails at an expectation.
    pub fn kills(&self) -> BTreeSet<&str> {
        self.expectations
            .iter()
            .flat_map(|expectation| expectation.fails_on.iter().map(String::as_str))
            .collect()
    }

    /// Whether it fails on the breaker at an expectation about this requirement.
    fn kills_for(&self, breaker: &str, requirement: &str) -> bool {
        self.expectations.iter().any(|expectation| {
            expectation.about.iter().any(|id| id == requirement)
                && expectation.fails_on.iter().any(|name| name == breaker)
        })
    }
}

/// What is wrong with one check.
fn of_check<'o>(
    check: &Check,
    proof: &CheckProof,
    breakers: &[FaultyImplementation],
    green: Option<&Outcome>,
    on: &dyn Fn(&str) -> Option<&'o Outcome>,
) -> Vec<Problem> {
    let (id, file) = (check.id.clone(), check.case.file.clone());
    let mut problems = Vec::new();
    if green.map(Outcome::verdict) != Some(Verdict::Pass) {
        problems.push(Problem::NotGreen { check: id.clone(), file: file.clone(), word: proof.green });
    }
    for claim in &check.red {
        let seen = on(&claim.on).map_or(RedResult::NotRun, |seen| seen.failure_of(&claim.fails));
        if seen != RedResult::Proven {
            problems.push(Problem::ClaimFails {
                check: id.clone(),
                file: file.clone(),
                on: claim.on.clone(),
                fails: claim.fails.clone(),
                word: seen.word(),
            });
        }
    }
    let kills_own = |breaker: &FaultyImplementation| {
        breaker.breaks.as_ref().is_some_and(|id| proof.kills_for(&breaker.name, id))
    };
    if !breakers.iter().any(kills_own) {
        problems.push(Problem::KillsNothing {
            check: id.clone(),
            file: file.clone(),
            requires: check.case.requires.clone(),
        });
    }
    for expectation in proof.expectations.iter().filter(|expectation| expectation.fails_on.is_empty()) {
        problems.push(Problem::Vacuous {
            check: id.clone(),
            file: file.clone(),
            line: expectation.line,
            expectation: expectation.name.clone(),
        });
    }
    problems
}

impl MutantProof {
    fn of(breaker: &FaultyImplementation, proofs: &[CheckProof]) -> Option<Self> {
        let breaks = breaker.breaks.clone()?;
        let mut killers: Vec<&CheckProof> =
            proofs.iter().filter(|proof| proof.kills().contains(breaker.name.as_str())).collect();
        killers.sort_by(|a, b| (a.steps, &a.check).cmp(&(b.steps, &b.check)));
        let (own, others): (Vec<_>, Vec<_>) =
            killers.into_iter().partition(|proof| proof.kills_for(&breaker.name, &breaks));
        let ids = |proofs: Vec<&CheckProof>| proofs.into_iter().map(|proof| proof.check.clone()).collect();
        Some(Self { name: breaker.name.clone(), breaks, killers: ids(own), others: ids(others) })
    }

    fn problem(&self) -> Option<Problem> {
        let (mutant, breaks) = (self.name.clone(), self.breaks.clone());
        match (self.killers.is_empty(), self.others.is_empty()) {
            (false, _) => None,
            (true, true) => Some(Problem::Survives { mutant, breaks }),
            (true, false) => Some(Problem::KilledByOthers { mutant, breaks, killers: self.others.clone() }),
        }
    }
}

fn requirements(suite: &Suite, proofs: &[CheckProof], mutants: &[MutantProof]) -> Vec<RequirementProof> {
    let in_force = suite.requirements().iter().filter(|requirement| requirement.superseded.is_none());
    let proof = |requirement: &crate::harness::suite::Requirement| {
        let id = requirement.id.get_ref();
        let about = proofs.iter().filter(|proof| proof.requires.contains(id));
        let mut cases: Vec<String> = about.map(|proof| proof.case.clone()).collect();
        cases.dedup();
        let breaking = mutants.iter().filter(|mutant| mutant.breaks == *id);
        let (surviving, killed): (Vec<_>, Vec<_>) = breaking.partition(|mutant| mutant.killers.is_empty());
        let names =
            |mutants: Vec<&MutantProof>| mutants.into_iter().map(|mutant| mutant.name.clone()).collect();
        RequirementProof { id: id.clone(), cases, killed: names(killed), surviving: names(surviving) }
    };
    in_force.map(proof).collect()
}

impl RequirementProof {
    fn problem(&self) -> Option<Problem> {
        // A mutant that survives is told as such.
        (self.killed.is_empty() && self.surviving.is_empty() || self.cases.is_empty())
            .then(|| Problem::Unproven { requirement: self.id.clone(), cases: self.cases.clone() })
    }
}
