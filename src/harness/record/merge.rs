//! Puts the parts of a run together.
//!
//! What the parts state about the run must be equal; only the outcomes, the unproven cases, the implementations and the
//! control are those of all parts together. The merged inventory must have the digest that every part recorded for the
//! unpartitioned run, so a merged run has exactly the planned checks in the planned order.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{
    Control, ENVIRONMENT, Environment, FORMAT, ImplementationRecord, Inventory, InventoryEntry, MergeError,
    Part, Partition, Protected, RunRecord, RunTimestamp, case_texts,
};
use crate::{
    harness::runner::Outcome,
    text::{line, truncated},
};

/// A verified report of one part.
#[derive(Clone, Copy, Debug)]
pub struct PartReport<'a> {
    /// Its name in messages: the path as given.
    pub name: &'a str,
    /// The run.
    pub run: &'a RunRecord,
    /// Where and with what it was made.
    pub environment: &'a Environment,
}

/// The parts, put together.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The run, equal to the unpartitioned one.
    pub run: RunRecord,
    /// The planned checks.
    pub inventory: Inventory,
    /// Where and with what the parts were made.
    pub environment: Environment,
    /// The limit of `--max-unsupported`, as the parts recorded it.
    pub max_unsupported: Option<usize>,
}

/// The most missing parts that a message names.
const MAX_NAMED: usize = 10;

/// The longest value in a message, in characters.
const MAX_VALUE_CHARS: usize = 120;

/// Puts all parts of a run together, under this name. What changed in protected files depends on the store of the merged
/// report, and is left out.
///
/// # Errors
/// When they are not all parts of one run, each once.
pub fn merge(parts: &[PartReport<'_>], stamp: RunTimestamp) -> Result<Merged, MergeError> {
    let parts = numbered(parts)?;
    let (first, own) = parts.first().copied().ok_or(MergeError::NoParts)?;
    all_of_one_run(&parts)?;
    all_present(&parts)?;
    let outcomes = outcomes(&parts)?;
    let inventory = Inventory { format: FORMAT, checks: outcomes.iter().map(InventoryEntry::from).collect() };
    let found = inventory.digest()?;
    if found != own.inventory {
        return Err(MergeError::OtherInventory { found, expected: own.inventory.clone() });
    }
    let mut phases: Vec<_> = parts.iter().flat_map(|(part, _)| part.run.phases.iter().copied()).collect();
    phases.sort_unstable();
    phases.dedup();
    let mut unproven: Vec<_> = parts.iter().flat_map(|(part, _)| part.run.unproven.iter().cloned()).collect();
    unproven.sort_unstable();
    unproven.dedup();
    let implementations = implementations(&parts)?;
    let texts = parts.iter().flat_map(|(part, _)| &part.run.cases);
    let cases = case_texts(&outcomes, texts.map(|(file, text)| (file.as_str(), text.as_str())));
    let mut run = RunRecord {
        stamp,
        phases,
        unproven,
        cases,
        implementations,
        outcomes,
        control: Control::of_parts(parts.iter().filter_map(|(part, _)| part.run.control.as_ref())),
        ..without_outcomes(first.run)
    };
    if let Some(judged) = &mut run.judged {
        let days = parts.iter().filter_map(|(part, _)| Some(part.run.judged.as_ref()?.on));
        judged.on = days.max().unwrap_or(judged.on);
    }
    let environment = first.environment.clone();
    Ok(Merged { run, inventory, environment, max_unsupported: own.max_unsupported })
}

type Parts<'a> = Vec<(PartReport<'a>, &'a Partition)>;

/// The reports with their partitions, in the order of the parts.
fn numbered<'a>(parts: &[PartReport<'a>]) -> Result<Parts<'a>, MergeError> {
    let own = |part: &PartReport<'a>| {
        let partition = part.run.partition.as_ref();
        let partition = partition.ok_or_else(|| MergeError::NotAPart { name: part.name.to_owned() })?;
        Ok((*part, partition))
    };
    let mut parts = parts.iter().map(own).collect::<Result<Parts<'a>, MergeError>>()?;
    if let Some((first, expected)) = parts.first().copied()
        && let Some((other, found)) = parts.iter().find(|(_, own)| own.part.of() != expected.part.of())
    {
        return Err(MergeError::OtherCount {
            name: other.name.to_owned(),
            found: found.part,
            first: first.name.to_owned(),
            expected: expected.part,
        });
    }
    parts.sort_by_key(|(_, own)| own.part.number());
    Ok(parts)
}

fn all_present(parts: &Parts<'_>) -> Result<(), MergeError> {
    let mut given = BTreeMap::new();
    for (report, own) in parts {
        if let Some(first) = given.insert(own.part, report.name) {
            let (first, second) = (first.to_owned(), report.name.to_owned());
            return Err(MergeError::Repeated { part: own.part, first, second });
        }
    }
    let Some((_, own)) = parts.first() else { return Ok(()) };
    // Only the first are looked for: the number of parts is what a report says.
    let first: Vec<Part> = own.part.all().filter(|part| !given.contains_key(part)).take(MAX_NAMED).collect();
    let missing = usize::try_from(own.part.of()).unwrap_or(usize::MAX).saturating_sub(given.len());
    if missing == 0 { Ok(()) } else { Err(MergeError::Missing { first, missing }) }
}

/// What must be equal in all parts of a run. A field that is added to the record or the environment is compared.
fn all_of_one_run(parts: &Parts<'_>) -> Result<(), MergeError> {
    let Some((first, _)) = parts.first() else { return Ok(()) };
    let expected = common(first)?;
    let others = parts.iter().skip(1);
    others.clone().try_for_each(|(other, _)| compare((first, &expected), (other, &common(other)?)))?;
    // A consequence of the others, which say more.
    let expected = planned(first);
    others.clone().try_for_each(|(other, _)| compare((first, &expected), (other, &planned(other))))
}

/// What a part records of the unpartitioned run.
fn planned(part: &PartReport<'_>) -> Map<String, Json> {
    let own = part.run.partition.iter();
    own.flat_map(|own| {
        [
            ("number of planned checks".to_owned(), own.planned.into()),
            ("inventory of the unpartitioned run".to_owned(), own.inventory.clone().into()),
        ]
    })
    .collect()
}

/// Compares the fields of two reports, by name.
fn compare(
    (first, expected): (&PartReport<'_>, &Map<String, Json>),
    (other, found): (&PartReport<'_>, &Map<String, Json>),
) -> Result<(), MergeError> {
    let mut names = expected.keys().chain(found.keys());
    let Some(what) = names.find(|name| expected.get(*name) != found.get(*name)) else { return Ok(()) };
    let (expected, found) = (expected.get(what), found.get(what));
    let shown = |value: Option<&Json>| match value {
        None | Some(Json::Null) => "none".to_owned(),
        Some(Json::String(text)) => truncated(&line(text), MAX_VALUE_CHARS),
        Some(value) => truncated(&line(&value.to_string()), MAX_VALUE_CHARS),
    };
    Err(MergeError::Differs {
        name: other.name.to_owned(),
        what: line(what),
        found: shown(found),
        first: first.name.to_owned(),
        expected: shown(expected),
    })
}

/// The fields of a run that must be equal in all its parts, by their names in words.
fn common(part: &PartReport<'_>) -> Result<Map<String, Json>, serde_json::Error> {
    let mut common = Map::new();
    let mut run = without_outcomes(part.run);
    let target = run.judged.take();
    add(&mut common, "", &run)?;
    add(&mut common, &format!("{ENVIRONMENT}: "), part.environment)?;
    if let Some(target) = target {
        add(&mut common, "target: ", &target)?;
        // The parts may have run on both sides of midnight.
        common.remove("target: on");
    }
    if let Some(own) = part.run.partition.as_ref() {
        let limit = serde_json::to_value(own.max_unsupported)?;
        common.insert("--max-unsupported".to_owned(), limit);
    }
    for of_each in ["stamp", "phases", "outcomes"] {
        common.remove(of_each);
    }
    Ok(common)
}

fn add(
    common: &mut Map<String, Json>,
    prefix: &str,
    value: &impl Serialize,
) -> Result<(), serde_json::Error> {
    if let Json::Object(fields) = serde_json::to_value(value)? {
        common.extend(
            fields.into_iter().map(|(name, value)| (prefix.to_owned() + &name.replace('_', " "), value)),
        );
    }
    Ok(())
}

/// A run without what each part has of its own.
fn without_outcomes(run: &RunRecord) -> RunRecord {
    RunRecord {
        format: run.format,
        stamp: run.stamp,
        phases: Vec::new(),
        plan: run.plan.clone(),
        selection: run.selection.clone(),
        environment: run.environment.clone(),
        suite_digest: run.suite_digest.clone(),
        suite: run.suite.clone(),
        unproven: Vec::new(),
        options: run.options.clone(),
        judged: run.judged.clone(),
        implementations: BTreeMap::new(),
        cases: BTreeMap::new(),
        imported: run.imported.clone(),
        // What changed since another report is about the store of each part.
        protected: run.protected.clone().map(|protected| Protected { change: None, ..protected }),
        control: None,
        skipped_red: run.skipped_red,
        partition: None,
        outcomes: Vec::new(),
    }
}

/// The outcomes of all parts at their positions.
fn outcomes(parts: &Parts<'_>) -> Result<Vec<Outcome>, MergeError> {
    let planned = parts.first().map_or(0, |(_, own)| own.planned);
    let mut found: Vec<(usize, &Outcome)> = Vec::new();
    for (report, own) in parts {
        let outcomes = &report.run.outcomes;
        let ascending = own.positions.is_sorted_by(|a, b| a < b);
        let below = own.positions.last().is_none_or(|last| *last < planned);
        if own.positions.len() != outcomes.len() || !ascending || !below {
            let (name, outcomes) = (report.name.to_owned(), outcomes.len());
            return Err(MergeError::Positions { name, planned, outcomes });
        }
        if let Some(other) = outcomes.iter().find(|outcome| !own.part.contains(&outcome.check)) {
            let (name, check) = (report.name.to_owned(), line(&other.check));
            return Err(MergeError::OtherPart { name, check, part: own.part });
        }
        found.extend(own.positions.iter().copied().zip(outcomes));
    }
    found.sort_by_key(|(position, _)| *position);
    found.dedup_by_key(|(position, _)| *position);
    // Positions are below `planned` and distinct, so this many are all of them.
    if found.len() != planned {
        return Err(MergeError::NotWhole { found: found.len(), planned });
    }
    Ok(found.into_iter().map(|(_, outcome)| outcome.clone()).collect())
}

/// The implementations of all parts. Their records of one implementation are equal.
fn implementations(parts: &Parts<'_>) -> Result<BTreeMap<String, ImplementationRecord>, MergeError> {
    // With the first report that has the implementation.
    let mut merged: BTreeMap<&str, (&PartReport<'_>, &ImplementationRecord)> = BTreeMap::new();
    for (report, _) in parts {
        for (name, found) in &report.run.implementations {
            let (first, expected) = *merged.entry(name).or_insert((report, found));
            if expected == found {
                continue;
            }
            let (expected, found) = (fields_of(name, expected)?, fields_of(name, found)?);
            compare((first, &expected), (report, &found))?;
        }
    }
    Ok(merged.into_iter().map(|(name, (_, own))| (name.to_owned(), own.clone())).collect())
}

fn fields_of(name: &str, record: &ImplementationRecord) -> Result<Map<String, Json>, MergeError> {
    let mut fields = Map::new();
    add(&mut fields, &format!("implementation {name}: "), record)?;
    Ok(fields)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::harness::{runner::Phase, test_helpers};

    const PARTS: u32 = 3;

    /// A run with so many checks that no part of it is empty.
    fn whole() -> RunRecord {
        let mut run = test_helpers::run();
        for number in 0..20 {
            let check = format!("more/case_{number}");
            run.outcomes.push(test_helpers::unexpected(&check, Phase::Green));
            run.unproven.push(check);
        }
        run.unproven.sort();
        run.judged = Some(test_helpers::judged());
        run.cases = run.outcomes.iter().map(|own| (own.file.clone(), format!("# {}", own.file))).collect();
        let texts: Vec<(&str, &str)> =
            run.cases.iter().map(|(file, text)| (file.as_str(), text.as_str())).collect();
        run.cases = case_texts(&run.outcomes, texts);
        run
    }

    /// Reports with their names.
    type Own = Vec<(String, RunRecord, Environment)>;

    fn parts_of(run: &RunRecord) -> Own {
        let inventory = test_helpers::inventory(run).digest().unwrap();
        let planned: Vec<&str> = run.outcomes.iter().map(|outcome| outcome.check.as_str()).collect();
        let of_part = |part: Part| {
            let partition = Partition::new(part, &planned, inventory.clone(), Some(7));
            let outcomes: Vec<Outcome> =
                partition.positions.iter().map(|at| run.outcomes[*at].clone()).collect();
            let texts = run.cases.iter().map(|(file, text)| (file.as_str(), text.as_str()));
            let mut phases: Vec<Phase> = outcomes.iter().map(|outcome| outcome.phase).collect();
            phases.sort();
            phases.dedup();
            let own = RunRecord {
                phases,
                unproven: run.unproven.iter().filter(|case| part.contains(case)).cloned().collect(),
                cases: case_texts(&outcomes, texts),
                outcomes,
                partition: Some(partition),
                ..run.clone()
            };
            (format!("report {}", part.number()), own, test_helpers::environment())
        };
        format!("1/{PARTS}").parse::<Part>().unwrap().all().map(of_part).collect()
    }

    fn merged(parts: &[(String, RunRecord, Environment)]) -> Result<Merged, MergeError> {
        let parts: Vec<PartReport<'_>> =
            parts.iter().map(|(name, run, environment)| PartReport { name, run, environment }).collect();
        merge(&parts, test_helpers::stamp("2025-10-17T112849Z"))
    }

    #[test]
    fn the_parts_of_a_run_are_the_run_in_any_order() {
        let run = whole();
        let mut parts = parts_of(&run);
        assert!(parts.iter().all(|(_, own, _)| !own.outcomes.is_empty()));
        for _ in 0..parts.len() {
            parts.rotate_left(1);
            let merged = merged(&parts).unwrap();
            assert_eq!(merged.run, run);
            assert_eq!(merged.inventory, test_helpers::inventory(&run));
            assert_eq!(merged.environment, test_helpers::environment());
            assert_eq!(merged.max_unsupported, Some(7));
        }
    }

    #[test]
    fn a_run_on_both_sides_of_midnight_is_of_the_later_day() {
        let mut parts = parts_of(&whole());
        parts[1].1.judged.as_mut().unwrap().on = jiff::civil::date(2027, 1, 1);
        let judged = merged(&parts).unwrap().run.judged.unwrap();
        assert_eq!(judged.on, jiff::civil::date(2027, 1, 1));
    }

    #[test]
    fn implementations_are_those_of_all_parts() {
        let mut parts = parts_of(&whole());
        let all = parts[0].1.implementations.clone();
        parts[0].1.implementations.clear();
        parts[1].1.implementations.insert("other".into(), ImplementationRecord::default());
        let merged = merged(&parts).unwrap().run.implementations;
        assert_eq!(merged.len(), all.len() + 1);
        assert!(all.iter().all(|(name, own)| merged.get(name) == Some(own)), "{merged:?}");
    }

    type Damage = fn(&mut Own);

    fn own(run: &mut RunRecord) -> &mut Partition {
        run.partition.as_mut().unwrap()
    }

    fn of_reference(run: &mut RunRecord) -> &mut ImplementationRecord {
        run.implementations.get_mut("reference").unwrap()
    }

    #[rstest]
    #[case::none(|parts: &mut Own| parts.clear(), "expected the reports of all parts, found none")]
    #[case::missing(|parts: &mut Own| drop(parts.remove(1)), "missing part 2/3")]
    #[case::two_missing(|parts: &mut Own| parts.truncate(1), "missing parts 2/3, 3/3")]
    #[case::twice(
        |parts: &mut Own| parts.push(parts[1].clone()),
        "part 2/3 is given twice: report 2 and report 2"
    )]
    #[case::not_a_part(
        |parts: &mut Own| parts[1].1.partition = None,
        "report 2: not a partition; expected the report of `run --partition I/N`"
    )]
    #[case::of_four(
        |parts: &mut Own| own(&mut parts[1].1).part = "2/4".parse().unwrap(),
        "report 2: part 2/4; expected a part of 3, as report 1 is part 1/3"
    )]
    #[case::of_very_many(
        |parts: &mut Own| parts.iter_mut().for_each(|part| {
            own(&mut part.1).part = format!("{}/4294967295", own(&mut part.1).part.number()).parse().unwrap();
        }),
        "missing parts 4/4294967295, 5/4294967295, 6/4294967295, 7/4294967295, 8/4294967295, 9/4294967295, \
         10/4294967295, 11/4294967295, 12/4294967295, 13/4294967295 and 4294967282 more"
    )]
    #[case::other_suite(
        |parts: &mut Own| parts[2].1.suite_digest = "ef".repeat(32),
        &format!("report 3: suite digest {}; expected {}, as in report 1", "ef".repeat(32), "cd".repeat(32))
    )]
    #[case::other_selection(
        |parts: &mut Own| parts[2].1.selection.clear(),
        "report 3: selection []; expected [\"--area persistence\"], as in report 1"
    )]
    #[case::other_plan(
        |parts: &mut Own| parts[2].1.plan = Some(test_helpers::plan()),
        "; expected none, as in report 1"
    )]
    #[case::other_target(
        |parts: &mut Own| parts[2].1.judged.as_mut().unwrap().name = "other".into(),
        "report 3: target: name other; expected reference, as in report 1"
    )]
    #[case::no_target(
        |parts: &mut Own| parts[2].1.judged = None,
        "report 3: target: name none; expected reference, as in report 1"
    )]
    #[case::other_program(
        |parts: &mut Own| parts[1].2.binary.version = "0.2.0".into(),
        "report 2: environment.json: binary {"
    )]
    #[case::other_variables(
        |parts: &mut Own| parts[1].2.variables.clear(),
        "report 2: environment.json: variables {}; expected {\"LANG\":\"C.UTF-8\"}, as in report 1"
    )]
    #[case::other_version(
        |parts: &mut Own| of_reference(&mut parts[1].1).version = "0.2.0".into(),
        "report 2: implementation reference: version 0.2.0; expected 1.2.3, as in report 1"
    )]
    #[case::other_torch(
        |parts: &mut Own| of_reference(&mut parts[1].1).details.versions.clear(),
        "report 2: implementation reference: details {\"notes\":[\"reads the dataset\"]}; expected {"
    )]
    #[case::other_files(
        |parts: &mut Own| of_reference(&mut parts[1].1).files.clear(),
        "report 2: implementation reference: files none; expected [{"
    )]
    #[case::other_limit(
        |parts: &mut Own| own(&mut parts[1].1).max_unsupported = None,
        "report 2: --max-unsupported none; expected 7, as in report 1"
    )]
    #[case::other_length(
        |parts: &mut Own| own(&mut parts[1].1).planned = usize::MAX,
        "report 2: number of planned checks 18446744073709551615; expected 26, as in report 1"
    )]
    #[case::other_inventory(
        |parts: &mut Own| own(&mut parts[1].1).inventory = "x\u{1b}[31m".into(),
        "report 2: inventory of the unpartitioned run x\\u{1b}[31m; expected "
    )]
    #[case::descending(
        |parts: &mut Own| own(&mut parts[0].1).positions.reverse(),
        "report 1: expected an ascending position below 26 for each of "
    )]
    #[case::without_an_outcome(
        |parts: &mut Own| drop(parts[0].1.outcomes.pop()),
        "report 1: expected an ascending position below 26 for each of "
    )]
    #[case::beyond_the_end(
        |parts: &mut Own| *own(&mut parts[0].1).positions.last_mut().unwrap() = 26,
        "report 1: expected an ascending position below 26 for each of "
    )]
    #[case::moved_to_another_part(
        |parts: &mut Own| {
            let moved = parts[1].1.outcomes.pop().unwrap();
            own(&mut parts[1].1).positions.pop();
            parts[0].1.outcomes.push(moved);
            own(&mut parts[0].1).positions.push(25);
        },
        "does not belong to part 1/3"
    )]
    #[case::dropped(
        |parts: &mut Own| {
            parts[0].1.outcomes.pop();
            own(&mut parts[0].1).positions.pop();
        },
        "the parts have 25 of 26 planned checks"
    )]
    #[case::planned_otherwise(
        |parts: &mut Own| parts[0].1.outcomes[0].digest.push('x'),
        "the parts together plan other checks than the run: inventory "
    )]
    #[case::all_claim_more(
        |parts: &mut Own| parts.iter_mut().for_each(|part| own(&mut part.1).planned = usize::MAX),
        "the parts have 26 of 18446744073709551615 planned checks"
    )]
    fn what_is_not_one_whole_run_is_not_merged(#[case] damage: Damage, #[case] says: &str) {
        let mut parts = parts_of(&whole());
        damage(&mut parts);
        let error = merged(&parts).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
