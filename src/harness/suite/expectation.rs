//! Expectations: what must hold after a step, and the check whether it does.
//!
//! Evaluation is pure: it sees only what [`StepFacts`] provides.

use serde::Deserialize;

use crate::value::{
    difference::{missing_entries, outline},
    differences,
};
use crate::{
    harness::contract::{Refusal, RefusalKind},
    value::{Map, Value},
};

/// What must hold, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// What must hold.
    pub condition: ExpectationKind,
    /// Why; the message of a failure.
    pub because: String,
    /// The requirements that it tests; all requirements of the case if empty.
    pub about: Vec<String>,
    /// Whether it is checked only after a refusal: it is about the state that a refusal leaves.
    pub when_refused: bool,
}

/// When an expectation is checked; always if absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum When {
    /// Only if the operation was refused.
    Refused,
}

/// Declares the kinds of expectation, a row each: the key in a case file, the variant, and what follows the key.
///
/// A new kind is a row here, an arm in [`ExpectationKind::operands`] and one in [`ExpectationKind::judge`].
macro_rules! kinds {
    ($($(#[$doc:meta])* $key:ident: $kind:ident($given:ty),)+) => {
        /// The kinds of expectation, each with what a case file gives for it.
        #[derive(Clone, Debug, PartialEq)]
        pub enum ExpectationKind { $($(#[$doc])* $kind($given)),+ }

        impl ExpectationKind {
            /// The keys of case files.
            pub const KINDS: &[&str] = &[$(stringify!($key)),+];

            /// Its key in case files.
            pub fn key(&self) -> &'static str {
                match self { $(Self::$kind(_) => stringify!($key)),+ }
            }
        }

        /// An expectation as a case file spells it.
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct ExpectationTable {
            $($key: Option<$given>,)+
            because: String,
            about: Option<Vec<String>>,
            when: Option<When>,
        }

        impl ExpectationTable {
            /// The kinds that are given; a valid expectation has exactly one.
            fn kinds(&mut self) -> Vec<ExpectationKind> {
                [$(self.$key.take().map(ExpectationKind::$kind)),+].into_iter().flatten().collect()
            }
        }
    };
}

kinds! {
    /// Both values are identical, including type and bits.
    equal: Equal([Value; 2]),
    /// The values are not identical.
    not_equal: NotEqual([Value; 2]),
    /// The number is one of these, up to the precision of float32.
    near: Near((Value, Vec<Value>)),
    /// The second map contains every entry of the first.
    subset: Subset([Value; 2]),
    /// The map contains none of these keys.
    missing_keys: MissingKeys((Value, Vec<String>)),
    /// A list of two or more numbers whose last is less than its first.
    decreases: Decreases(Value),
    /// The operation was refused, and its message matches.
    refused: Refused(RefusedAs),
    /// The operation was not refused; always true.
    succeeds: Succeeds(bool),
    /// A file exists at this path.
    exists: Exists(String),
    /// No file exists at this path.
    absent: Absent(String),
    /// The observable, such as `$params`, is the same as before the step.
    unchanged: Unchanged(String),
    /// Both files contain the same bytes.
    bytes: Bytes([String; 2]),
    /// Both archives contain the same entries, regardless of their order and times.
    entries: Entries([String; 2]),
    /// The directory contains exactly these files.
    files: Files(FilesUnder),
}

/// What an expectation refers to.
enum Operands<'e> {
    /// Values, which may contain references to responses and observables.
    Values(Vec<&'e Value>),
    /// Texts, which may be references to responses.
    Texts(&'e [String]),
    /// Paths, which must be below `$work`.
    Paths(Vec<&'e str>),
    /// An observable, with its `$`, before and after the step.
    Observable(&'e str),
    /// The refusal only.
    Nothing,
}

/// What an expected refusal must look like. `not_implemented` and `internal` never match.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedAs {
    /// Texts that the message must contain, ignoring case; a single character as a word of its own. `$altered.tensor` is
    /// a text from an earlier step.
    pub mentions: Vec<String>,
    /// The required kind, if the contract names one.
    #[serde(default)]
    pub kind: Option<RefusalKind>,
}

/// The expected files of a directory.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesUnder {
    /// The directory: `$work/...`.
    pub under: String,
    /// Relative paths with `/`, in any order.
    pub are: Vec<String>,
    /// Only files with this name count; all files if absent.
    #[serde(default)]
    pub named: Option<String>,
}

impl TryFrom<ExpectationTable> for Expectation {
    type Error = String;

    fn try_from(mut table: ExpectationTable) -> Result<Self, String> {
        let mut given = table.kinds().into_iter();
        let (Some(condition), None) = (given.next(), given.next()) else {
            return Err(format!("expected exactly one of {}", ExpectationKind::KINDS.join(", ")));
        };
        condition.can_fail()?;
        let when_refused = table.when == Some(When::Refused);
        Ok(Self { condition, because: table.because, about: table.about.unwrap_or_default(), when_refused })
    }
}

/// What an expectation can observe after a step.
pub trait StepFacts {
    /// The value of a `$` reference, or any other value unchanged; an error if it is unavailable.
    fn value(&self, reference: &Value) -> Result<Value, String>;

    /// An observable before the step; an error if it could not be read.
    fn before(&self, observable: &str) -> Result<Value, String>;

    /// The refusal of the step's operation.
    fn refusal(&self) -> Option<&Refusal>;

    /// The digest of a file; None if it does not exist; an error if it cannot be read.
    fn file(&self, path: &str) -> Result<Option<String>, String>;

    /// The digest of each archive entry by name; an error if the archive cannot be read.
    fn entries(&self, path: &str) -> Result<Map, String>;

    /// All files below a directory, sorted; empty if it does not exist.
    fn files(&self, directory: &str) -> Result<Vec<String>, String>;
}

/// Expected and actual of a failed expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub actual: String,
}

impl ExpectationKind {
    fn operands(&self) -> Operands<'_> {
        match self {
            Self::Equal(sides) | Self::NotEqual(sides) | Self::Subset(sides) => {
                Operands::Values(sides.iter().collect())
            }
            Self::Near((value, others)) => Operands::Values([value].into_iter().chain(others).collect()),
            Self::MissingKeys((map, _)) => Operands::Values(vec![map]),
            Self::Decreases(list) => Operands::Values(vec![list]),
            Self::Refused(refused) => Operands::Texts(&refused.mentions),
            Self::Succeeds(_) => Operands::Nothing,
            Self::Exists(path) | Self::Absent(path) => Operands::Paths(vec![path]),
            Self::Unchanged(observable) => Operands::Observable(observable),
            Self::Bytes(paths) | Self::Entries(paths) => {
                Operands::Paths(paths.iter().map(String::as_str).collect())
            }
            Self::Files(files) => Operands::Paths(vec![&files.under]),
        }
    }

    /// Texts that may contain paths or references to earlier responses.
    pub fn references(&self) -> Vec<&str> {
        match self.operands() {
            Operands::Values(values) => {
                let mut found = Vec::new();
                values.into_iter().for_each(|value| texts_in(value, &mut found));
                found
            }
            Operands::Texts(texts) => texts.iter().map(String::as_str).collect(),
            Operands::Paths(paths) => paths,
            Operands::Observable(_) | Operands::Nothing => Vec::new(),
        }
    }

    /// Its paths, which must be below `$work`.
    pub fn paths(&self) -> Vec<&str> {
        match self.operands() {
            Operands::Paths(paths) => paths,
            Operands::Values(_) | Operands::Texts(_) | Operands::Observable(_) | Operands::Nothing => {
                Vec::new()
            }
        }
    }

    /// The observable that is compared with its value before the step.
    pub(super) fn unchanged(&self) -> Option<&str> {
        match self.operands() {
            Operands::Observable(observable) => observable.strip_prefix('$'),
            Operands::Values(_) | Operands::Texts(_) | Operands::Paths(_) | Operands::Nothing => None,
        }
    }

    /// Whether it needs the value of this observable before the step.
    pub fn needs_before(&self, observable: &str) -> bool {
        self.unchanged() == Some(observable)
    }

    /// Whether it needs the value of this observable after the step.
    pub fn needs_after(&self, observable: &str) -> bool {
        let refers = |text: &&str| {
            text.strip_prefix('$')
                .and_then(|rest| rest.strip_prefix(observable))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.needs_before(observable) || self.references().iter().any(refers)
    }

    /// Rejects expectations whose result does not depend on the implementation.
    fn can_fail(&self) -> Result<(), String> {
        if let Self::Equal([a, b]) | Self::Subset([a, b]) = self
            && a == b
        {
            return Err(format!("both sides are {a}, so this always holds"));
        }
        if let Self::NotEqual([a, b]) = self
            && a == b
        {
            return Err(format!("both sides are {a}, so this never holds"));
        }
        if matches!(self, Self::Subset([Value::Map(part), _]) if part.is_empty()) {
            return Err("the first side is empty, so this always holds".to_owned());
        }
        if matches!(self, Self::Near((value, others)) if others.contains(value)) {
            return Err("the number is one of the others, so this always holds".to_owned());
        }
        if matches!(self, Self::Near((_, others)) if others.is_empty()) {
            return Err("expected one or more numbers to compare with".to_owned());
        }
        if matches!(self, Self::MissingKeys((_, keys)) if keys.is_empty()) {
            return Err("the list of keys is empty, so this always holds".to_owned());
        }
        if matches!(self, Self::Bytes([a, b]) | Self::Entries([a, b]) if a == b) {
            return Err("both paths are the same, so this always holds".to_owned());
        }
        if matches!(self, Self::Succeeds(false)) {
            return Err("unsupported `succeeds = false`; use `refused = { mentions = [...] }`".to_owned());
        }
        match self.operands() {
            Operands::Values(_) | Operands::Paths(_) => {
                let error = "neither side refers to a $name, so the implementation cannot change the result";
                let refers = self.references().iter().any(|text| text.starts_with('$'));
                if refers { Ok(()) } else { Err(error.to_owned()) }
            }
            Operands::Observable(text) if !text.starts_with('$') => {
                Err(format!("expected $ and the name of an observable after `unchanged`, found {text:?}"))
            }
            Operands::Observable(_) | Operands::Texts(_) | Operands::Nothing => Ok(()),
        }
    }

    /// Checks whether it holds.
    ///
    /// # Errors
    /// Expected and actual, if it does not hold. An unavailable value fails every expectation about it.
    pub fn judge(&self, facts: &dyn StepFacts) -> Result<(), Mismatch> {
        match self {
            Self::Refused(wanted) => refused(wanted, facts),
            Self::Equal([actual, expected]) => {
                let (actual, expected) =
                    (resolve(facts, actual, expected)?, resolve(facts, expected, actual)?);
                check_difference(differences(&expected, &actual))
            }
            Self::Subset([part, whole]) => {
                let (part, whole) = (resolve(facts, part, whole)?, resolve(facts, whole, part)?);
                check_difference(missing_entries(&part, &whole))
            }
            Self::NotEqual([actual, other]) => {
                let (first, second) = (resolve(facts, actual, other)?, resolve(facts, other, actual)?);
                if first != second {
                    return Ok(());
                }
                Err(mismatch(format!("{actual} not equal to {other}"), format!("both are {first}")))
            }
            Self::Near((actual, others)) => near(facts, actual, others),
            Self::MissingKeys((map, keys)) => missing_keys(facts, map, keys),
            Self::Decreases(list) => decreases(facts, list),
            Self::Unchanged(reference) => {
                let observable = reference.trim_start_matches('$');
                let reference = Value::from(reference.as_str());
                let before = facts.before(observable);
                let before = before.map_err(|why| mismatch(format!("{observable} before the step"), why))?;
                let after = resolve(facts, &reference, &reference)?;
                check_difference(differences(&before, &after))
            }
            Self::Exists(path) => match digest(facts, path)? {
                Some(_) => Ok(()),
                None => Err(mismatch(format!("a file at {path}"), format!("no file{}", after(facts)))),
            },
            Self::Absent(path) => match digest(facts, path)? {
                None => Ok(()),
                Some(digest) => {
                    Err(mismatch(format!("no file at {path}"), format!("a file with SHA-256 {digest}")))
                }
            },
            Self::Bytes([actual, expected]) => {
                let (found, wanted) = (digest(facts, actual)?, digest(facts, expected)?);
                if found.is_some() && found == wanted {
                    return Ok(());
                }
                let shown = |digest: Option<String>| {
                    digest.map_or("no file".to_owned(), |digest| format!("SHA-256 {digest}"))
                };
                Err(mismatch(
                    format!("the bytes of {expected}: {}", shown(wanted)),
                    format!("{actual}: {}", shown(found)),
                ))
            }
            Self::Entries([actual, expected]) => {
                let resolve = |path: &str| {
                    let entries = facts.entries(path).map(Value::Map);
                    entries.map_err(|why| mismatch(format!("the entries of {path}"), why))
                };
                check_difference(differences(&resolve(expected)?, &resolve(actual)?))
            }
            Self::Succeeds(_) => match facts.refusal() {
                None => Ok(()),
                Some(refusal) => Err(mismatch("no refusal", format!("refused: {refusal}"))),
            },
            Self::Files(FilesUnder { under, are, named }) => {
                let mut found =
                    facts.files(under).map_err(|why| mismatch(format!("files under {under}"), why))?;
                let counts = |path: &String| match named {
                    Some(named) => path.rsplit('/').next() == Some(named),
                    None => true,
                };
                found.retain(counts);
                let mut wanted = are.clone();
                wanted.sort();
                if found == wanted {
                    return Ok(());
                }
                let shown = |files: &[String]| {
                    if files.is_empty() { "no files".to_owned() } else { files.join(", ") }
                };
                Err(mismatch(
                    format!("under {under}: {}", shown(&wanted)),
                    format!("{}{}", shown(&found), after(facts)),
                ))
            }
        }
    }
}

/// The largest relative difference of two numbers of which one was rounded to float32.
const FLOAT32_PRECISION: f64 = 1e-6;

fn near(facts: &dyn StepFacts, actual: &Value, others: &[Value]) -> Result<(), Mismatch> {
    let found = resolve(facts, actual, actual)?;
    let others: Vec<Value> =
        others.iter().map(|value| resolve(facts, value, actual)).collect::<Result<_, _>>()?;
    if others.iter().any(|other| is_near(&found, other)) {
        return Ok(());
    }
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    Err(mismatch(format!("a number near {}", others.join(" or ")), found.to_string()))
}

fn is_near(found: &Value, other: &Value) -> bool {
    match (found.as_number(), other.as_number()) {
        (Some(found), Some(other)) => (found - other).abs() <= FLOAT32_PRECISION * other.abs(),
        (None, _) | (_, None) => false,
    }
}

fn decreases(facts: &dyn StepFacts, list: &Value) -> Result<(), Mismatch> {
    let found = resolve(facts, list, list)?;
    match ends_lower(&found) {
        true => Ok(()),
        false => {
            Err(mismatch(format!("the last number of {list} to be less than the first"), found.to_string()))
        }
    }
}

/// Whether it is a list of two or more numbers whose last is less than its first.
fn ends_lower(list: &Value) -> bool {
    let Value::List(items) = list else { return false };
    let numbers: Option<Vec<f64>> = items.iter().map(Value::as_number).collect();
    matches!(numbers.as_deref(), Some([first, .., last]) if last < first)
}

fn refused(wanted: &RefusedAs, facts: &dyn StepFacts) -> Result<(), Mismatch> {
    let kind = wanted.kind.map_or("a refusal".to_owned(), |kind| format!("a refusal of kind {kind}"));
    let resolve = |text: &String| match facts.value(&Value::from(text.as_str())) {
        Ok(Value::Text(text)) => Ok(text),
        Ok(other) => Err(mismatch(format!("{text} to be a text"), other.to_string())),
        Err(why) => Err(mismatch(format!("{text} to be a text"), why)),
    };
    let mentions: Vec<String> = wanted.mentions.iter().map(resolve).collect::<Result<_, _>>()?;
    let expected = match mentions.as_slice() {
        [] => kind,
        mentions => format!("{kind} that mentions {}", quoted(mentions)),
    };
    let Some(refusal) = facts.refusal() else {
        return Err(mismatch(expected, "the operation was not refused"));
    };
    if !refusal.kind.is_about_the_input() {
        return Err(mismatch(expected, format!("{refusal}; this kind never counts as an expected refusal")));
    }
    if wanted.kind.is_some_and(|kind| kind != refusal.kind) {
        return Err(mismatch(expected, refusal.to_string()));
    }
    let missing: Vec<&String> =
        mentions.iter().filter(|mention| !mentioned(&refusal.message, mention)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(mismatch(expected, format!("{refusal}; it does not mention {}", quoted(&missing))))
}

/// Whether a message contains a text, ignoring case. A single character is in almost every message, so it counts only as
/// a word of its own, in its own case.
fn mentioned(message: &str, text: &str) -> bool {
    if text.chars().count() == 1 {
        return message.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == text);
    }
    message.to_lowercase().contains(&text.to_lowercase())
}

fn missing_keys(facts: &dyn StepFacts, map: &Value, keys: &[String]) -> Result<(), Mismatch> {
    let value = resolve(facts, map, &Value::from(format!("a map without {}", quoted(keys))))?;
    let Value::Map(found) = &value else {
        return Err(mismatch("a map", value.to_string()));
    };
    let there: Map =
        keys.iter().filter_map(|key| found.get_key_value(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(mismatch(format!("{map} without {}", quoted(keys)), format!("found {}", Value::Map(there))))
}

/// The value of one side; if it is unavailable, the message shows what it would be compared with.
fn resolve(facts: &dyn StepFacts, side: &Value, other: &Value) -> Result<Value, Mismatch> {
    facts.value(side).map_err(|why| {
        let name = |value: &Value| value.as_text().map_or_else(|| value.to_string(), str::to_owned);
        let wanted = match facts.value(other) {
            Ok(value) if side != other && name(other).starts_with('$') => {
                format!("{} to compare with {}, which is {}", name(side), name(other), outline(&value))
            }
            Ok(value) if side != other => format!("{} to compare with {}", name(side), outline(&value)),
            _ => name(side),
        };
        mismatch(wanted, why)
    })
}

fn digest(facts: &dyn StepFacts, path: &str) -> Result<Option<String>, Mismatch> {
    facts.file(path).map_err(|why| mismatch(format!("{path} to be readable"), why))
}

/// Appends the refusal of the step to a message, because it explains what is missing.
fn after(facts: &dyn StepFacts) -> String {
    facts.refusal().map_or_else(String::new, |refusal| format!(", after {refusal}"))
}

fn check_difference(difference: Option<(String, String)>) -> Result<(), Mismatch> {
    difference.map_or(Ok(()), |(expected, actual)| Err(mismatch(expected, actual)))
}

fn mismatch(expected: impl Into<String>, actual: impl Into<String>) -> Mismatch {
    Mismatch { expected: expected.into(), actual: actual.into() }
}

fn quoted(texts: &[impl AsRef<str>]) -> String {
    texts.iter().map(|text| format!("{:?}", text.as_ref())).collect::<Vec<_>>().join(" and ")
}

/// Every text in a value.
pub(super) fn texts_in<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Text(text) | Value::Path(text) => found.push(text),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
            items.iter().for_each(|item| texts_in(item, found));
        }
        Value::Map(map) => map.values().for_each(|value| texts_in(value, found)),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_) => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("988.2117919921875", "988.2117688026185", true)]
    #[case("988.2137", "988.2117688026185", false)]
    #[case("2", "2.0", true)]
    #[case("0.0", "0.0", true)]
    #[case("1e-9", "0.0", false)]
    #[case("-2.0", "2.0", false)]
    #[case("{\"float\": \"nan\"}", "2.0", false)]
    #[case("\"2.0\"", "2.0", false)]
    fn a_number_is_near_another_up_to_the_precision_of_float32(
        #[case] found: &str,
        #[case] other: &str,
        #[case] expected: bool,
    ) {
        let read = |text| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(is_near(&read(found), &read(other)), expected);
    }

    #[rstest]
    #[case("missing grid", "N", false)]
    #[case("Number of n_groups", "N", false)]
    #[case("archived n: found 0", "N", false)]
    #[case("archived N: found 0", "N", true)]
    #[case("missing ['N', 'gridsize']", "N", true)]
    #[case("a/b is not a name", "a/b", true)]
    #[case("GRIDSIZE", "gridsize", true)]
    fn a_single_character_is_mentioned_only_as_a_word(
        #[case] message: &str,
        #[case] text: &str,
        #[case] is: bool,
    ) {
        assert_eq!(mentioned(message, text), is);
    }

    #[rstest]
    #[case("[2.0, 9.0, 1.0]", true)]
    #[case("[2, 1.5]", true)]
    #[case("[1.0, 0.5, 1.0]", false)]
    #[case("[1.0]", false)]
    #[case("[]", false)]
    #[case("[2.0, \"1.0\"]", false)]
    #[case("[2.0, {\"float\": \"nan\"}]", false)]
    #[case("1.0", false)]
    fn first_and_last_number_decide_whether_a_list_decreases(#[case] list: &str, #[case] decreases: bool) {
        assert_eq!(ends_lower(&serde_json::from_str(list).unwrap()), decreases);
    }
}
