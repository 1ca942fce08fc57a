//! The kill matrix: each check on each faulty implementation.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{Problem, SetAside, Skipped, Weakened, adversaries::AdversaryProof};
use crate::harness::{
    contract::{BuiltIn, BuiltInRole},
    runner::{ExpectationOutcome, Outcome, RedResult, Verdict},
    suite::{Check, Suite},
};

/// An implementation on which checks must fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultyImplementation {
    /// Its name.
    pub name: String,
    /// The requirement that it breaks; None for the stub, which breaks many.
    pub breaks: Option<String>,
}

impl FaultyImplementation {
    /// The stub and the mutants among the implementations that come with a contract.
    pub fn among(built_ins: &[BuiltIn]) -> Vec<Self> {
        let faulty = |built_in: &BuiltIn| {
            let name = built_in.implementation.name().to_owned();
            match &built_in.role {
                BuiltInRole::Reference => None,
                BuiltInRole::Stub => Some(Self { name, breaks: None }),
                BuiltInRole::Mutant { breaks, .. } => {
                    Some(Self { name, breaks: Some(breaks.clone().into_owned()) })
                }
            }
        };
        built_ins.iter().filter_map(faulty).collect()
    }
}

/// The results of every check on every faulty implementation, and the problems found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KillMatrix {
    /// Totals.
    pub counts: Counts,
    /// The problems; a suite without problems is proven.
    pub problems: Vec<Problem>,
    /// Per check: what it kills, and at which expectation.
    pub checks: Vec<CheckProof>,
    /// Per mutant: what kills it.
    pub mutants: Vec<MutantProof>,
    /// Per requirement in force: which mutants break it, and which cases test it.
    pub requirements: Vec<RequirementProof>,
    /// The mutants that only skipped checks can kill.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_aside: Vec<SetAside>,
    /// The parts of the expectations, if they were weakened one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weakened: Option<Weakened>,
    /// Per adversary: which checks notice it, and which do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adversaries: Vec<AdversaryProof>,
}

/// Totals of a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Counts {
    /// Cases.
    pub cases: usize,
    /// Checks: a case, or each example of a case.
    pub checks: usize,
    /// Skipped checks, which are not included in any other total.
    #[serde(rename = "aside")]
    pub skipped: usize,
    /// Expectations of all checks.
    pub expectations: usize,
    /// Mutants.
    pub mutants: usize,
    /// Mutants that some check about the requirement kills.
    pub killed: usize,
    /// Pairs of a check and a faulty implementation on which one of its expectations fails.
    pub kills: usize,
    /// Runs of a check, on the reference and on each faulty implementation. Those that cannot differ from the run on the
    /// reference are that run.
    pub runs: usize,
}

/// The results of one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckProof {
    /// The check's id.
    pub check: String,
    /// The id of its case.
    pub case: String,
    /// The case's file, relative to the suite.
    pub file: String,
    /// The case's digest.
    pub digest: String,
    /// The requirements that it tests.
    pub requires: Vec<String>,
    /// The number of its steps.
    pub steps: usize,
    /// Its result on the reference.
    pub green: String,
    /// Each expectation, in order, and the effects that some faulty implementation violated.
    pub expectations: Vec<ExpectationProof>,
    /// Faulty implementations on which the result is neither a pass nor a failed expectation, with the result.
    pub no_kills: BTreeMap<String, String>,
}

/// One expectation of a check, or an effect that the runner holds: `save_torch_bundle.files`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpectationProof {
    /// Its name.
    pub name: String,
    /// Its line in the case's file.
    pub line: usize,
    /// The requirements that it tests.
    pub about: Vec<String>,
    /// The faulty implementations on which it failed.
    pub fails_on: Vec<String>,
}

/// One mutant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MutantProof {
    /// Its name.
    pub name: String,
    /// The requirement that it breaks.
    pub breaks: String,
    /// The checks about that requirement that kill it, shortest first.
    pub killers: Vec<String>,
    /// Checks about other requirements that fail on it.
    pub others: Vec<String>,
}

/// One requirement in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequirementProof {
    /// Its id.
    pub id: String,
    /// The cases that test it.
    pub cases: Vec<String>,
    /// The killed mutants that break it.
    pub killed: Vec<String>,
    /// The surviving mutants that break it.
    pub surviving: Vec<String>,
}

impl KillMatrix {
    /// Combines the outcomes of these checks on the reference and on the faulty implementations; without an outcome, a check
    /// ends on an implementation as on the reference. Survivors are reported only if the checks are the `whole` suite.
    pub fn of(
        suite: &Suite,
        checks: &[Arc<Check>],
        skipped: Skipped<'_>,
        faulty: &[FaultyImplementation],
        (green, red): (&[Outcome], &[Outcome]),
        whole: bool,
    ) -> Self {
        let key = |outcome: &Outcome| (outcome.check.clone(), outcome.implementation.clone());
        let cells: BTreeMap<(String, String), &Outcome> =
            red.iter().map(|outcome| (key(outcome), outcome)).collect();
        let judged: BTreeMap<&str, &Outcome> =
            green.iter().map(|outcome| (outcome.check.as_str(), outcome)).collect();
        // Problems of single checks are found first; survivors need the proofs of all checks.
        let mut problems = Vec::new();
        let mut proofs = Vec::new();
        for check in checks {
            let on =
                |implementation: &str| cells.get(&(check.id.clone(), implementation.to_owned())).copied();
            let outcome = judged.get(check.id.as_str()).copied();
            let proof = CheckProof::of(check, outcome, faulty, &on);
            problems.extend(of_check(check, &proof, faulty, outcome, &on));
            proofs.push(proof);
        }
        let mutants: Vec<MutantProof> =
            faulty.iter().filter_map(|implementation| MutantProof::of(implementation, &proofs)).collect();
        let requirements = requirements(suite, &proofs, &mutants);
        let mut set_aside = Vec::new();
        if whole {
            // A suite of its own need not have the requirements that built-in mutants break.
            let known = |mutant: &&MutantProof| suite.requirement(&mutant.breaks).is_some();
            for mutant in mutants.iter().filter(known) {
                match mutant.problem() {
                    None => {}
                    Some(problem) => match skipped.set_aside(&mutant.name, &mutant.breaks) {
                        Some(aside) => set_aside.push(aside),
                        None => problems.push(problem),
                    },
                }
            }
            // Skipped checks might be about a requirement, too.
            let seen = |requirement: &&RequirementProof| !skipped.is_about(&requirement.id);
            problems.extend(requirements.iter().filter(seen).filter_map(RequirementProof::problem));
        }
        let cases: BTreeSet<&str> = proofs.iter().map(|proof| proof.case.as_str()).collect();
        let counts = Counts {
            cases: cases.len(),
            checks: proofs.len(),
            skipped: skipped.checks.len(),
            expectations: proofs.iter().map(|proof| proof.expectations.len()).sum(),
            mutants: mutants.len(),
            killed: mutants.iter().filter(|mutant| !mutant.killers.is_empty()).count(),
            kills: proofs.iter().map(|proof| proof.kills().len()).sum(),
            runs: green.len() + red.len(),
        };
        Self {
            counts,
            problems,
            checks: proofs,
            mutants,
            requirements,
            set_aside,
            weakened: None,
            adversaries: Vec::new(),
        }
    }

    /// The faulty implementations on which each expectation fails, by check and name.
    pub fn fails_on(&self) -> HashMap<(&str, &str), &[String]> {
        let all = self
            .checks
            .iter()
            .flat_map(|proof| proof.expectations.iter().map(move |own| (proof.check.as_str(), own)));
        all.map(|(check, own)| ((check, own.name.as_str()), own.fails_on.as_slice())).collect()
    }

    /// Adds the adversaries. A `whole` suite must notice each that affects one of its checks.
    pub fn add_adversaries(&mut self, proofs: Vec<AdversaryProof>, whole: bool) {
        let unnoticed = proofs.iter().filter(|proof| whole && proof.noticed == 0 && proof.affected > 0);
        self.problems.extend(
            unnoticed.map(|proof| Problem::AdversaryPasses {
                adversary: proof.name.clone(),
                checks: proof.affected,
            }),
        );
        self.adversaries = proofs;
    }
}

impl CheckProof {
    fn of<'o>(
        check: &Check,
        green: Option<&Outcome>,
        faulty: &[FaultyImplementation],
        on: &dyn Fn(&str) -> Option<&'o Outcome>,
    ) -> Self {
        let fails_on = |name: &str| {
            let fails = |implementation: &&FaultyImplementation| {
                let reason = check.reason(&implementation.name, name);
                on(&implementation.name).map(|seen| seen.failure_of(name, reason)) == Some(RedResult::Proven)
            };
            faulty.iter().filter(fails).map(|implementation| implementation.name.clone()).collect::<Vec<_>>()
        };
        let mut expectations: Vec<ExpectationProof> = check
            .expectations()
            .map(|named| ExpectationProof {
                name: named.name.clone(),
                line: named.line,
                about: named.expectation.about.clone(),
                fails_on: fails_on(&named.name),
            })
            .collect();
        // Effects are no expectations of the case; only those that were violated are known.
        let violated =
            faulty.iter().filter_map(|implementation| on(&implementation.name)).flat_map(Outcome::failed);
        let mut effects: BTreeMap<&str, &ExpectationOutcome> = BTreeMap::new();
        for (_, failed) in violated.filter(|(_, failed)| check.is_effect(&failed.name)) {
            effects.entry(&failed.name).or_insert(failed);
        }
        let effects = effects.into_iter().map(|(name, failed)| ExpectationProof {
            name: name.to_owned(),
            line: failed.line,
            about: failed.about.clone(),
            fails_on: fails_on(name),
        });
        expectations.extend(effects.filter(|effect| !effect.fails_on.is_empty()));
        let other = |implementation: &FaultyImplementation| {
            let seen = on(&implementation.name)?;
            let killed =
                expectations.iter().any(|expectation| expectation.fails_on.contains(&implementation.name));
            let word = match seen.verdict() {
                Verdict::Pass => return None,
                // The expected failure does not matter if no expectation was reached.
                Verdict::Fail => seen.failure_of("", None).as_str(),
                verdict => verdict.as_str(),
            };
            (!killed).then(|| (implementation.name.clone(), word.to_owned()))
        };
        Self {
            check: check.id.clone(),
            case: check.case.id.clone(),
            file: check.case.file.clone(),
            digest: check.case.digest.clone(),
            requires: check.case.requires.clone(),
            steps: check.steps.len(),
            green: green.map_or(Verdict::NotRun, Outcome::verdict).as_str().to_owned(),
            no_kills: faulty.iter().filter_map(other).collect(),
            expectations,
        }
    }

    /// The faulty implementations on which one of its expectations fails.
    pub fn kills(&self) -> BTreeSet<&str> {
        self.expectations
            .iter()
            .flat_map(|expectation| expectation.fails_on.iter().map(String::as_str))
            .collect()
    }

    /// Whether an expectation about this requirement fails on the faulty implementation.
    fn kills_for(&self, implementation: &str, requirement: &str) -> bool {
        self.expectations.iter().any(|expectation| expectation.fails_for(implementation, requirement))
    }
}

impl ExpectationProof {
    /// Whether it is about this requirement and fails on the faulty implementation.
    fn fails_for(&self, implementation: &str, requirement: &str) -> bool {
        self.about.iter().any(|id| id == requirement)
            && self.fails_on.iter().any(|name| name == implementation)
    }
}

/// The problems of one check.
fn of_check<'o>(
    check: &Check,
    proof: &CheckProof,
    faulty: &[FaultyImplementation],
    green: Option<&Outcome>,
    on: &dyn Fn(&str) -> Option<&'o Outcome>,
) -> Vec<Problem> {
    let (id, file) = (check.id.clone(), check.case.file.clone());
    let mut problems = Vec::new();
    if green.map(Outcome::verdict) != Some(Verdict::Pass) {
        problems.push(Problem::NotGreen { check: id.clone(), file: file.clone(), word: proof.green.clone() });
    }
    for claim in &check.red {
        let reason = claim.reason.as_ref();
        let seen = on(&claim.on).map_or(RedResult::NotRun, |seen| seen.failure_of(&claim.fails, reason));
        if seen != RedResult::Proven {
            problems.push(Problem::ClaimFails {
                check: id.clone(),
                file: file.clone(),
                on: claim.on.clone(),
                fails: claim.fails.clone(),
                word: seen.as_str().to_owned(),
            });
        }
    }
    // The effects of its operations say nothing of what the case is about.
    let kills_own = |implementation: &FaultyImplementation| {
        let of_case = |expectation: &&ExpectationProof| !check.is_effect(&expectation.name);
        let breaks = implementation.breaks.as_ref().filter(|id| proof.requires.contains(id));
        breaks.is_some_and(|id| {
            let mut own = proof.expectations.iter().filter(of_case);
            own.any(|expectation| expectation.fails_for(&implementation.name, id))
        })
    };
    if !faulty.iter().any(kills_own) {
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
    fn of(implementation: &FaultyImplementation, proofs: &[CheckProof]) -> Option<Self> {
        let breaks = implementation.breaks.clone()?;
        let mut killers: Vec<&CheckProof> =
            proofs.iter().filter(|proof| proof.kills().contains(implementation.name.as_str())).collect();
        killers.sort_by(|a, b| (a.steps, &a.check).cmp(&(b.steps, &b.check)));
        let (own, others): (Vec<_>, Vec<_>) =
            killers.into_iter().partition(|proof| proof.kills_for(&implementation.name, &breaks));
        let ids = |proofs: Vec<&CheckProof>| proofs.into_iter().map(|proof| proof.check.clone()).collect();
        Some(Self { name: implementation.name.clone(), breaks, killers: ids(own), others: ids(others) })
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
    let in_force = suite.requirements().iter().filter(|requirement| requirement.needs_cases());
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
        // A surviving mutant is reported separately.
        (self.killed.is_empty() && self.surviving.is_empty() || self.cases.is_empty())
            .then(|| Problem::Unproven { requirement: self.id.clone(), cases: self.cases.clone() })
    }
}
