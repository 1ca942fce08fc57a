//! Demands that are weaker than an expectation, and the check whether they hold.

use super::{ExpectationKind, FilesUnder, StepFacts, part::PartPath};
use crate::value::{Value, difference::missing_entries, differences};

/// What is demanded in place of an expectation. Whatever the expectation accepts, it accepts too.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Weaker {
    /// Nothing.
    Nothing,
    /// The same, but only after a refusal.
    AfterRefusal,
    /// This condition.
    Condition(ExpectationKind),
    /// The same, but this part of both sides is ignored.
    Without(PartPath),
    /// The same, but maps may differ in one way.
    Tolerant(Tolerance),
    /// A value of the same type as this one.
    SameType(Value),
    /// Any number.
    AnyNumber,
    /// The same, but the directory may have more files.
    MoreFiles,
    /// The same, but this file may be missing.
    WithoutFile(String),
}

/// One way in which two maps may differ, at any depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tolerance {
    /// The actual map has more keys.
    Added,
    /// The actual map lacks keys.
    Missing,
    /// Values differ.
    Changed,
}

/// The two values that an expectation compares.
struct Sides {
    expected: Value,
    actual: Value,
    /// Whether the actual side may not have more keys.
    both_ways: bool,
}

impl Weaker {
    /// Whether it holds in place of this condition. Facts that are unavailable hold nothing.
    pub(super) fn holds(&self, of: &ExpectationKind, facts: &dyn StepFacts) -> bool {
        match self {
            Self::Nothing => true,
            Self::AfterRefusal => facts.refusal().is_none() || of.judge(facts).is_ok(),
            Self::Condition(condition) => condition.judge(facts).is_ok(),
            Self::Without(path) => sides(of, facts).is_some_and(|mut sides| {
                path.remove_from(&mut sides.expected);
                path.remove_from(&mut sides.actual);
                let difference = if sides.both_ways { differences } else { missing_entries };
                difference(&sides.expected, &sides.actual).is_none()
            }),
            Self::Tolerant(tolerance) => {
                sides(of, facts).is_some_and(|sides| sides.are_maps() && sides.differ_only_in(*tolerance))
            }
            Self::SameType(value) => {
                let side = compared_with(of, value);
                let found = side.and_then(|side| facts.value(side).ok());
                found.is_some_and(|found| found.type_name() == value.type_name())
            }
            Self::AnyNumber => number(of)
                .and_then(|number| facts.value(number).ok())
                .is_some_and(|found| found.as_number().is_some()),
            Self::MoreFiles => found_and_wanted(of, facts)
                .is_some_and(|(found, wanted)| wanted.iter().all(|file| found.contains(file))),
            Self::WithoutFile(file) => found_and_wanted(of, facts).is_some_and(|(mut found, mut wanted)| {
                found.retain(|path| path != file);
                wanted.retain(|path| path != file);
                wanted.sort();
                found == wanted
            }),
        }
    }

    /// Whether it can differ from this condition where that holds for these facts: a comparison that tolerates other keys
    /// says something about maps only.
    pub(super) fn applies(&self, of: &ExpectationKind, facts: &dyn StepFacts) -> bool {
        match self {
            Self::Tolerant(tolerance) => sides(of, facts).is_some_and(|sides| {
                // Nothing can be missing from an empty map or changed in it.
                sides.are_maps() && (*tolerance == Tolerance::Added || !sides.expects_nothing())
            }),
            Self::Nothing
            | Self::AfterRefusal
            | Self::Condition(_)
            | Self::Without(_)
            | Self::SameType(_)
            | Self::AnyNumber
            | Self::MoreFiles
            | Self::WithoutFile(_) => true,
        }
    }
}

impl Sides {
    fn are_maps(&self) -> bool {
        matches!((&self.expected, &self.actual), (Value::Map(_), Value::Map(_)))
    }

    fn expects_nothing(&self) -> bool {
        matches!(&self.expected, Value::Map(map) if map.is_empty())
    }

    fn differ_only_in(&self, tolerance: Tolerance) -> bool {
        agree(&self.expected, &self.actual, self.both_ways, tolerance)
    }
}

fn agree(expected: &Value, actual: &Value, both_ways: bool, tolerance: Tolerance) -> bool {
    match (expected, actual) {
        (Value::Map(expected), Value::Map(actual)) => {
            let same = |(key, value): (&String, &Value)| match actual.get(key) {
                Some(found) => agree(value, found, both_ways, tolerance),
                None => tolerance == Tolerance::Missing,
            };
            let more = || actual.keys().any(|key| !expected.contains_key(key));
            expected.iter().all(same) && (!both_ways || tolerance == Tolerance::Added || !more())
        }
        (Value::Map(_), _) | (_, Value::Map(_)) => false,
        (expected, actual) => tolerance == Tolerance::Changed || expected == actual,
    }
}

/// The values that a condition compares; None if it compares none, or one is unavailable.
fn sides(of: &ExpectationKind, facts: &dyn StepFacts) -> Option<Sides> {
    let (expected, actual) = match of {
        ExpectationKind::Equal(compared) => {
            let [actual, expected] = compared.values(facts).ok()?;
            (expected, actual)
        }
        ExpectationKind::Subset(compared) => {
            let [expected, actual] = compared.values(facts).ok()?;
            (expected, actual)
        }
        ExpectationKind::Unchanged(reference) => {
            let before = facts.before(reference.trim_start_matches('$')).ok()?;
            (before, facts.value(&Value::from(reference.as_str())).ok()?)
        }
        ExpectationKind::Entries([actual, expected]) => {
            (Value::Map(facts.entries(expected).ok()?), Value::Map(facts.entries(actual).ok()?))
        }
        ExpectationKind::NotEqual(_)
        | ExpectationKind::Near(_)
        | ExpectationKind::Close(_)
        | ExpectationKind::Finite(_)
        | ExpectationKind::MissingKeys(_)
        | ExpectationKind::Decreases(_)
        | ExpectationKind::Count(_)
        | ExpectationKind::Order(_)
        | ExpectationKind::Matches(_)
        | ExpectationKind::NoMatch(_)
        | ExpectationKind::Refused(_)
        | ExpectationKind::Says(_)
        | ExpectationKind::Succeeds(_)
        | ExpectationKind::Exists(_)
        | ExpectationKind::Absent(_)
        | ExpectationKind::Bytes(_)
        | ExpectationKind::Files(_) => return None,
    };
    let both_ways = !matches!(of, ExpectationKind::Subset(_));
    Some(Sides { expected, actual, both_ways })
}

/// The side that an equality compares with this literal.
fn compared_with<'e>(of: &'e ExpectationKind, literal: &Value) -> Option<&'e Value> {
    let ExpectationKind::Equal(compared) = of else { return None };
    compared.sides.iter().find(|side| *side != literal)
}

fn number(of: &ExpectationKind) -> Option<&Value> {
    let (ExpectationKind::Near((number, _)) | ExpectationKind::Close((number, _, _))) = of else {
        return None;
    };
    Some(number)
}

/// The files that are there and those that are expected, both sorted.
fn found_and_wanted(of: &ExpectationKind, facts: &dyn StepFacts) -> Option<(Vec<String>, Vec<String>)> {
    let ExpectationKind::Files(FilesUnder { under, are, named }) = of else { return None };
    let mut found = facts.files(under).ok()?;
    found.retain(|path| named.as_ref().is_none_or(|named| path.rsplit('/').next() == Some(named)));
    let mut wanted = are.clone();
    wanted.sort();
    Some((found, wanted))
}
