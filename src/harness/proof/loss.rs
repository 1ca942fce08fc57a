//! What a proof no longer shows that an earlier one did.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use super::{Proven, ProvenCase};

/// Faulty implementations on which an expectation failed in an earlier proof, and no longer does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "loss")]
pub enum Loss {
    /// The case has changed.
    CaseChanged {
        /// The case.
        case: String,
        /// The expectation.
        expectation: String,
        /// Whether the case still has an expectation of that name.
        is_there: bool,
        /// The faulty implementations.
        on: Vec<String>,
    },
    /// The case is the same, and the faulty implementations have changed.
    ImplementationChanged {
        /// The case.
        case: String,
        /// The expectation.
        expectation: String,
        /// The faulty implementations.
        on: Vec<String>,
    },
    /// The suite no longer has the case.
    CaseRemoved {
        /// The case.
        case: String,
        /// The faulty implementations on which it failed.
        on: Vec<String>,
    },
}

/// Another name for the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "renamed")]
pub enum Renamed {
    /// A case that proves at least as much as the earlier one, and is the same unless it `changed`.
    Case {
        /// The earlier name.
        from: String,
        /// The name.
        to: String,
        /// Whether its steps or expectations have changed too.
        changed: bool,
    },
    /// An expectation that fails on at least the same faulty implementations.
    Expectation {
        /// The case.
        case: String,
        /// The earlier name.
        from: String,
        /// The name.
        to: String,
    },
}

/// How much of an earlier proof is left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Remains {
    /// What was lost.
    pub lost: Vec<Loss>,
    /// What has another name, and lost nothing.
    pub renamed: Vec<Renamed>,
}

/// The names of the implementations on which each expectation fails.
type Kills = BTreeMap<String, Vec<String>>;

impl Remains {
    /// Compares a proof with an earlier one. `in_suite` are the ids of all cases of the suite: a case that is not in `now`
    /// and still in the suite was not run.
    pub fn of(before: &Proven, now: &Proven, in_suite: &BTreeSet<&str>) -> Self {
        let mut remains = Self::default();
        // A mutant that was removed or renamed is reported as such, and not once for each case that killed it.
        let exists = |on: &String| now.mutants.contains_key(on) || !before.mutants.contains_key(on);
        let mut gone = BTreeMap::new();
        for (id, earlier) in &before.cases {
            if let Some(case) = now.cases.get(id) {
                // Of a case that has not changed, the parts and what they are needed for are the same.
                let all = earlier.digest != case.digest;
                remains.compare_cases(id, (earlier, case), all, &exists);
            } else if !in_suite.contains(id.as_str()) {
                gone.insert(id.as_str(), earlier);
            }
        }
        let added = now.cases.iter().filter(|(id, _)| !before.cases.contains_key(*id));
        remains.find_cases(gone, added.map(|(id, case)| (id.as_str(), case)).collect(), &exists);
        remains
    }

    /// Finds earlier cases under other names. A case takes the place of one: of the one that it is, or else of the one that
    /// it is as good as and has most in common with.
    fn find_cases(
        &mut self,
        mut gone: BTreeMap<&str, &ProvenCase>,
        mut added: BTreeMap<&str, &ProvenCase>,
        exists: &dyn Fn(&String) -> bool,
    ) {
        let mut pairs = Vec::new();
        for (id, earlier) in &gone {
            let killed: BTreeSet<&String> = own_kills(earlier).filter(|on| exists(on)).collect();
            for (to, case) in &added {
                let kills: BTreeSet<&String> = own_kills(case).collect();
                if earlier.digest == case.digest {
                    pairs.push((0, 0, *id, *to));
                } else if !killed.is_empty() && killed.is_subset(&kills) {
                    pairs.push((kills.len() - killed.len(), usize::MAX - killed.len(), *id, *to));
                }
            }
        }
        pairs.sort_unstable();
        for (_, _, id, to) in pairs {
            if !gone.contains_key(id) || !added.contains_key(to) {
                continue;
            }
            if let (Some(earlier), Some(case)) = (gone.remove(id), added.remove(to)) {
                let changed = case.digest != earlier.digest;
                self.renamed.push(Renamed::Case { from: id.to_owned(), to: to.to_owned(), changed });
                self.compare_cases(to, (earlier, case), false, exists);
            }
        }
        for (id, earlier) in gone {
            let all: BTreeSet<&String> = earlier.fails_on.values().flatten().collect();
            let on = all.into_iter().filter(|on| exists(on)).cloned().collect();
            self.lost.push(Loss::CaseRemoved { case: id.to_owned(), on });
        }
    }

    /// Compares what two versions of a case fail on; `all` also compares the observations.
    fn compare_cases(
        &mut self,
        id: &str,
        (earlier, now): (&ProvenCase, &ProvenCase),
        all: bool,
        exists: &dyn Fn(&String) -> bool,
    ) {
        let (kills, now_kills) = (kills(earlier, all), kills(now, all));
        let added: Kills = now_kills
            .iter()
            .filter(|(name, _)| !kills.contains_key(*name))
            .map(|(name, on)| (name.clone(), on.clone()))
            .collect();
        for (name, on) in &kills {
            let mut lost: Vec<&String> = on.iter().filter(|on| exists(on)).collect();
            let had = !lost.is_empty();
            let is_there = now_kills.get(name);
            if let Some(now) = is_there {
                lost.retain(|on| !now.contains(on));
            } else if let Some((to, _)) =
                added.iter().find(|(_, kills)| had && lost.iter().all(|on| kills.contains(on)))
            {
                let (case, from) = (id.to_owned(), name.clone());
                self.renamed.push(Renamed::Expectation { case, from, to: to.clone() });
                continue;
            }
            // An expectation may be split: what an added one finds is not lost.
            lost.retain(|on| !added.values().any(|kills| kills.contains(on)));
            if lost.is_empty() {
                continue;
            }
            let on = lost.into_iter().cloned().collect();
            let (case, expectation) = (id.to_owned(), name.clone());
            self.lost.push(if earlier.digest == now.digest {
                Loss::ImplementationChanged { case, expectation, on }
            } else {
                Loss::CaseChanged { case, expectation, is_there: is_there.is_some(), on }
            });
        }
    }
}

/// What the expectations of the case itself fail on. The effects, named `operation.effect`, say more of its operations than
/// of the case.
fn own_kills(case: &ProvenCase) -> impl Iterator<Item = &String> {
    case.fails_on.iter().filter(|(name, _)| !name.contains('.')).flat_map(|(_, on)| on)
}

/// The implementations on which each expectation fails, and if `all` are meant also the observations.
fn kills(case: &ProvenCase, all: bool) -> Kills {
    let mut kills = case.fails_on.clone();
    for (name, faults) in case.observations.iter().filter(|_| all) {
        kills.entry(name.clone()).or_default().extend(faults.iter().cloned());
    }
    kills
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaseChanged { case, expectation, is_there: true, on } => {
                write!(f, "case {case} has changed: {expectation} no longer fails on {}", on.join(", "))
            }
            Self::CaseChanged { case, expectation, is_there: false, on } => {
                let on = on.join(", ");
                write!(
                    f,
                    "case {case} has changed: it has no expectation {expectation}, which failed on {on}"
                )
            }
            Self::ImplementationChanged { case, expectation, on } => {
                let on = on.join(", ");
                write!(f, "{expectation} of {case} no longer fails on {on}, and the case has not changed")
            }
            Self::CaseRemoved { case, on } => {
                write!(f, "case {case} was removed, which failed on {}", on.join(", "))
            }
        }
    }
}

impl fmt::Display for Renamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case { from, to, changed: false } => write!(f, "case {from} was renamed to {to}"),
            Self::Case { from, to, changed: true } => {
                write!(f, "case {from} was changed and renamed to {to}")
            }
            Self::Expectation { case, from, to } => {
                write!(f, "expectation {from} of {case} was renamed to {to}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    /// A proof from `case digest: expectation=a,b expectation=c` lines; the mutants are a, b and c.
    fn proven(lines: &[&str]) -> Proven {
        let mut text = "format = 1\n[mutants]\na = \"R\"\nb = \"R\"\nc = \"R\"\n".to_owned();
        for line in lines {
            let (head, expectations) = line.split_once(": ").unwrap();
            let (id, digest) = head.split_once(' ').unwrap();
            text.push_str(&format!("[cases.\"{id}\"]\ndigest = \"{digest}\"\n[cases.\"{id}\".fails_on]\n"));
            for one in expectations.split(' ') {
                let (name, on) = one.split_once('=').unwrap();
                let on: Vec<&str> = on.split(',').filter(|on| !on.is_empty()).collect();
                text.push_str(&format!("{name} = {on:?}\n"));
            }
        }
        Proven::from_toml(&text).unwrap()
    }

    fn said(before: &[&str], now: &[&str], not_run: &[&str]) -> (Vec<String>, Vec<String>) {
        let (before, now) = (proven(before), proven(now));
        let in_suite = now.cases.keys().map(String::as_str).chain(not_run.iter().copied()).collect();
        let remains = Remains::of(&before, &now, &in_suite);
        let lost = remains.lost.iter().map(ToString::to_string).collect();
        (lost, remains.renamed.iter().map(ToString::to_string).collect())
    }

    #[rstest]
    #[case::as_before("x/y 1: e=a,b", "x/y 1: e=a,b", &[], &[])]
    #[case::more("x/y 1: e=a", "x/y 2: e=a,b", &[], &[])]
    #[case::weaker("x/y 1: e=a,b,stub", "x/y 2: e=b", &["case x/y has changed: e no longer fails on a, stub"], &[])]
    #[case::dropped("x/y 1: e=a f=b", "x/y 2: f=b", &["case x/y has changed: it has no expectation e, which failed on a"], &[])]
    #[case::mutant_changed("x/y 1: e=a,b", "x/y 1: e=b", &["e of x/y no longer fails on a, and the case has not changed"], &[])]
    #[case::renamed_expectation("x/y 1: e=a,b", "x/y 2: f=a,b,c", &[], &["expectation e of x/y was renamed to f"])]
    #[case::split("x/y 1: e=a,b", "x/y 2: e=a e_says=b", &[], &[])]
    // Another expectation that was there before does not make up for it.
    #[case::covered_by_another("x/y 1: e=a,b f=a", "x/y 2: e=b f=a", &["case x/y has changed: e no longer fails on a"], &[])]
    #[case::renamed_case("x/y 1: e=a", "x/z 1: e=a", &[], &["case x/y was renamed to x/z"])]
    #[case::renamed_and_changed("x/y 1: e=a", "x/z 2: f=a", &[], &["case x/y was changed and renamed to x/z", "expectation e of x/z was renamed to f"])]
    #[case::replaced_by_less("x/y 1: e=a,b", "x/z 2: e=a", &["case x/y was removed, which failed on a, b"], &[])]
    fn what_was_lost_is_named_and_a_rename_is_none(
        #[case] before: &str,
        #[case] now: &str,
        #[case] lost: &[&str],
        #[case] renamed: &[&str],
    ) {
        let found = said(&[before], &[now], &[]);
        assert_eq!(found.0, lost);
        assert_eq!(found.1, renamed);
    }

    #[test]
    fn a_case_takes_the_place_of_one_case() {
        let before = ["x/a 1: e=a", "x/b 2: e=a \"op.files\"=b", "x/c 3: e=a"];
        let (lost, renamed) = said(&before, &["x/z 2: e=a \"op.files\"=b"], &[]);
        assert_eq!(renamed, ["case x/b was renamed to x/z"]);
        assert_eq!(
            lost,
            ["case x/a was removed, which failed on a", "case x/c was removed, which failed on a"]
        );
        // The effects of another case's operations are not what a case was for.
        let (lost, renamed) = said(&["x/a 1: e=a"], &["x/z 2: e=b \"op.files\"=a"], &[]);
        assert_eq!((lost.len(), renamed.len()), (1, 0));
    }

    #[test]
    fn a_changed_case_must_still_fail_on_the_observations_that_it_was_needed_for() {
        let with = |digest: &str, faults: &[&str]| {
            let mut proof = proven(&[&format!("x/y {digest}: e=a")]);
            let faults = faults.iter().map(|fault| (*fault).to_owned()).collect();
            proof.cases.get_mut("x/y").unwrap().observations.insert("e".to_owned(), faults);
            proof
        };
        let in_suite = BTreeSet::from(["x/y"]);
        let (before, weaker) = (with("1", &["load: params N dropped"]), with("2", &[]));
        let lost = Remains::of(&before, &weaker, &in_suite).lost;
        let said: Vec<String> = lost.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["case x/y has changed: e no longer fails on load: params N dropped"]);
        assert_eq!(Remains::of(&before, &with("1", &[]), &in_suite), Remains::default());
    }

    #[test]
    fn a_case_that_did_not_run_and_a_mutant_that_is_gone_are_no_losses() {
        assert_eq!(said(&["x/y 1: e=a"], &["x/z 1: e=b"], &["x/y"]), (vec![], vec![]));
        let before = Proven::from_toml(
            "format = 1\n[mutants]\nold = \"R\"\n[cases.x]\ndigest = \"1\"\n[cases.x.fails_on]\ne = [\"old\"]",
        );
        let remains = Remains::of(&before.unwrap(), &proven(&["x 1: e="]), &BTreeSet::from(["x"]));
        assert_eq!(remains, Remains::default());
    }
}
