//! Expectations: what a case says must hold after a step, and whether it does.
//!
//! Judging is pure: it sees values, a refusal and files through [`StepFacts`] and nothing else.

use serde::Deserialize;

use crate::value::{
    difference::{lacking, outline},
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
    /// Why, in its author's words: the message of a failure.
    pub because: String,
    /// Which requirements of the case it is about; all of them when it says nothing.
    pub about: Vec<String>,
    /// Whether it is judged only where the operation was refused: it is about what a refusal leaves behind.
    pub when_refused: bool,
}

/// When an expectation is judged, where that is not always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum When {
    /// Where the operation was refused.
    Refused,
}

/// The closed set of what can be expected.
#[derive(Clone, Debug, PartialEq)]
pub enum ExpectationKind {
    /// The first is the second, exactly.
    Equal(Value, Value),
    /// The first is not the second.
    Differ(Value, Value),
    /// Every key of the first is in the second, with the same value.
    Subset(Value, Value),
    /// The map has none of these keys.
    Lacks(Value, Vec<String>),
    /// A list of two numbers or more, of which the last is less than the first.
    Falls(Value),
    /// The operation was refused, and said why.
    Refused(RefusedAs),
    /// The operation was not refused.
    Answered,
    /// The file is there.
    Exists(String),
    /// Nothing is there.
    Absent(String),
    /// The observable of this name is what it was before the step.
    Unchanged(String),
    /// Both files hold the same bytes.
    Bytes(String, String),
    /// Both archives hold the same entries, byte for byte, in whatever order and of whatever time.
    Entries(String, String),
    /// These files, and no others, are below the directory.
    Files(FilesUnder),
}

/// What a refusal must be. `not_implemented` and `internal` are never one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedAs {
    /// Texts that its message must hold, whatever the case of their letters; `$altered.tensor` is a text that an
    /// earlier step left.
    pub mentions: Vec<String>,
    /// The kind it must have, where the contract names one.
    #[serde(default)]
    pub kind: Option<RefusalKind>,
}

/// The files that must be below a directory.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesUnder {
    /// The directory: `$work/...`.
    pub under: String,
    /// Paths from there, with `/`, in any order.
    pub are: Vec<String>,
    /// The name of the files that count; every file when it is not said.
    #[serde(default)]
    pub named: Option<String>,
}

/// An expectation as a case file spells it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectationTable {
    equal: Option<[Value; 2]>,
    differ: Option<[Value; 2]>,
    subset: Option<[Value; 2]>,
    lacks: Option<(Value, Vec<String>)>,
    falls: Option<Value>,
    refused: Option<RefusedAs>,
    answered: Option<bool>,
    exists: Option<String>,
    absent: Option<String>,
    unchanged: Option<String>,
    bytes: Option<[String; 2]>,
    entries: Option<[String; 2]>,
    files: Option<FilesUnder>,
    because: String,
    about: Option<Vec<String>>,
    when: Option<When>,
}

impl TryFrom<ExpectationTable> for Expectation {
    type Error = String;

    fn try_from(table: ExpectationTable) -> Result<Self, String> {
        if table.answered == Some(false) {
            return Err("`answered = false` is `refused = { mentions = [...] }`".to_owned());
        }
        let kinds = [
            table.equal.map(|[actual, expected]| ExpectationKind::Equal(actual, expected)),
            table.differ.map(|[actual, other]| ExpectationKind::Differ(actual, other)),
            table.subset.map(|[part, whole]| ExpectationKind::Subset(part, whole)),
            table.lacks.map(|(map, keys)| ExpectationKind::Lacks(map, keys)),
            table.falls.map(ExpectationKind::Falls),
            table.refused.map(ExpectationKind::Refused),
            table.answered.map(|_| ExpectationKind::Answered),
            table.exists.map(ExpectationKind::Exists),
            table.absent.map(ExpectationKind::Absent),
            table
                .unchanged
                .map(|text| text.strip_prefix('$').map(str::to_owned).ok_or(text))
                .transpose()
                .map_err(|text| {
                    format!("expected an observable such as \"$params\" after `unchanged`, found {text:?}")
                })?
                .map(ExpectationKind::Unchanged),
            table.bytes.map(|[actual, expected]| ExpectationKind::Bytes(actual, expected)),
            table.entries.map(|[actual, expected]| ExpectationKind::Entries(actual, expected)),
            table.files.map(ExpectationKind::Files),
        ];
        let mut stated = kinds.into_iter().flatten();
        let (Some(condition), None) = (stated.next(), stated.next()) else {
            return Err(format!(
                "an expectation states exactly one of {}",
                ExpectationKind::KINDS.join(", ")
            ));
        };
        condition.can_fail()?;
        let when_refused = table.when == Some(When::Refused);
        Ok(Self { condition, because: table.because, about: table.about.unwrap_or_default(), when_refused })
    }
}

/// What can be seen after a step.
pub trait StepFacts {
    /// The value behind a text that begins with `$`, or anything else as it is; or why there is none.
    fn value(&self, reference: &Value) -> Result<Value, String>;

    /// An observable before the step, or why it could not be read.
    fn before(&self, observable: &str) -> Result<Value, String>;

    /// The refusal that ended the step's operation.
    fn refusal(&self) -> Option<&Refusal>;

    /// The digest of the file's bytes; None when nothing is there; or why it cannot be said.
    fn file(&self, path: &str) -> Result<Option<String>, String>;

    /// The digest of each entry of an archive, by name; or why it cannot be said.
    fn entries(&self, path: &str) -> Result<Map, String>;

    /// The paths of all files below a directory, sorted; none when it is absent.
    fn files(&self, directory: &str) -> Result<Vec<String>, String>;
}

/// What an expectation that did not hold wanted, and what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What should have been.
    pub expected: String,
    /// What was.
    pub actual: String,
}

impl ExpectationKind {
    /// The kinds of expectation, as case files spell them.
    pub const KINDS: [&str; 13] = [
        "equal",
        "differ",
        "subset",
        "lacks",
        "falls",
        "refused",
        "answered",
        "exists",
        "absent",
        "unchanged",
        "bytes",
        "entries",
        "files",
    ];

    /// The texts in it that may refer to places or to earlier answers.
    pub fn references(&self) -> Vec<&str> {
        let texts: Vec<&Value> = match self {
            Self::Equal(a, b) | Self::Differ(a, b) | Self::Subset(a, b) => vec![a, b],
            Self::Lacks(map, _) => vec![map],
            Self::Falls(list) => vec![list],
            Self::Exists(path) | Self::Absent(path) => return vec![path],
            Self::Bytes(a, b) | Self::Entries(a, b) => return vec![a, b],
            Self::Files(files) => return vec![&files.under],
            Self::Refused(refused) => return refused.mentions.iter().map(String::as_str).collect(),
            Self::Answered | Self::Unchanged(_) => return Vec::new(),
        };
        let mut found = Vec::new();
        texts.into_iter().for_each(|value| texts_in(value, &mut found));
        found
    }

    /// The paths in it: each must be a place under `$work`.
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Self::Exists(path) | Self::Absent(path) => vec![path],
            Self::Bytes(a, b) | Self::Entries(a, b) => vec![a, b],
            Self::Files(files) => vec![&files.under],
            _ => Vec::new(),
        }
    }

    /// The observable that it compares with what was before the step.
    pub(super) fn unchanged(&self) -> Option<&str> {
        match self {
            Self::Unchanged(observable) => Some(observable),
            _ => None,
        }
    }

    /// Whether it needs this observable as it was before the step.
    pub fn needs_before(&self, observable: &str) -> bool {
        self.unchanged() == Some(observable)
    }

    /// Whether it needs this observable as it is after the step.
    pub fn needs_after(&self, observable: &str) -> bool {
        let refers = |text: &&str| {
            text.strip_prefix('$')
                .and_then(|rest| rest.strip_prefix(observable))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.needs_before(observable) || self.references().iter().any(refers)
    }

    /// Refuses what holds, or fails, whatever an implementation does.
    fn can_fail(&self) -> Result<(), String> {
        let nothing_seen = || !self.references().iter().any(|text| text.starts_with('$'));
        match self {
            Self::Equal(a, b) | Self::Differ(a, b) | Self::Subset(a, b) if a == b => {
                Err(format!("both sides are {a}: it would say nothing"))
            }
            Self::Subset(Value::Map(part), _) if part.is_empty() => {
                Err("every map has no key: the first side is empty".to_owned())
            }
            Self::Lacks(_, keys) if keys.is_empty() => {
                Err("it names no key that must not be there".to_owned())
            }
            Self::Bytes(a, b) | Self::Entries(a, b) if a == b => {
                Err("a file holds its own bytes: both paths are the same".to_owned())
            }
            Self::Refused(_) | Self::Answered | Self::Unchanged(_) => Ok(()),
            _ if nothing_seen() => Err("it looks at nothing: no side begins with $".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether it holds; if not, what contradicts it.
    ///
    /// # Errors
    /// The contradiction. A value that cannot be had contradicts every expectation about it.
    pub fn judge(&self, facts: &dyn StepFacts) -> Result<(), Mismatch> {
        if let Self::Refused(wanted) = self {
            return refused(wanted, facts);
        }
        match self {
            Self::Equal(actual, expected) => {
                let (actual, expected) = (had(facts, actual, expected)?, had(facts, expected, actual)?);
                contradicted_by(differences(&expected, &actual))
            }
            Self::Subset(part, whole) => {
                let (part, whole) = (had(facts, part, whole)?, had(facts, whole, part)?);
                contradicted_by(lacking(&part, &whole))
            }
            Self::Differ(actual, other) => {
                let (first, second) = (had(facts, actual, other)?, had(facts, other, actual)?);
                if first != second {
                    return Ok(());
                }
                Err(contradiction(format!("{actual} differs from {other}"), format!("both are {first}")))
            }
            Self::Lacks(map, keys) => lacks(facts, map, keys),
            Self::Falls(list) => falls(facts, list),
            Self::Unchanged(observable) => {
                let reference = Value::from(format!("${observable}"));
                let before = facts.before(observable);
                let before = before.map_err(|why| contradiction(format!("the {observable} before"), why))?;
                let after = had(facts, &reference, &reference)?;
                contradicted_by(differences(&before, &after))
            }
            Self::Exists(path) => match digest(facts, path)? {
                Some(_) => Ok(()),
                None => Err(contradiction(format!("a file at {path}"), format!("nothing{}", after(facts)))),
            },
            Self::Absent(path) => match digest(facts, path)? {
                None => Ok(()),
                Some(digest) => {
                    Err(contradiction(format!("nothing at {path}"), format!("a file with SHA-256 {digest}")))
                }
            },
            Self::Bytes(actual, expected) => {
                let (found, wanted) = (digest(facts, actual)?, digest(facts, expected)?);
                if found.is_some() && found == wanted {
                    return Ok(());
                }
                let shown = |digest: Option<String>| {
                    digest.map_or("nothing".to_owned(), |digest| format!("SHA-256 {digest}"))
                };
                Err(contradiction(
                    format!("the bytes of {expected}: {}", shown(wanted)),
                    format!("{actual}: {}", shown(found)),
                ))
            }
            Self::Entries(actual, expected) => {
                let had = |path: &str| {
                    let entries = facts.entries(path).map(Value::Map);
                    entries.map_err(|why| contradiction(format!("the entries of {path}"), why))
                };
                contradicted_by(differences(&had(expected)?, &had(actual)?))
            }
            Self::Answered => match facts.refusal() {
                None => Ok(()),
                Some(refusal) => Err(contradiction("an answer", format!("a refusal: {refusal}"))),
            },
            Self::Files(FilesUnder { under, are, named }) => {
                let mut found =
                    facts.files(under).map_err(|why| contradiction(format!("files under {under}"), why))?;
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
                let shown =
                    |files: &[String]| if files.is_empty() { "no file".to_owned() } else { files.join(", ") };
                Err(contradiction(
                    format!("under {under}: {}", shown(&wanted)),
                    format!("{}{}", shown(&found), after(facts)),
                ))
            }
            Self::Refused(_) => Ok(()),
        }
    }
}

fn falls(facts: &dyn StepFacts, list: &Value) -> Result<(), Mismatch> {
    let found = had(facts, list, list)?;
    match ends_lower(&found) {
        true => Ok(()),
        false => {
            Err(contradiction(format!("{list} to end with less than it begins with"), found.to_string()))
        }
    }
}

/// Whether it is a list of two numbers or more, of which the last is less than the first.
fn ends_lower(list: &Value) -> bool {
    let Value::List(items) = list else { return false };
    let numbers: Option<Vec<f64>> = items.iter().map(Value::as_number).collect();
    matches!(numbers.as_deref(), Some([first, .., last]) if last < first)
}

fn refused(wanted: &RefusedAs, facts: &dyn StepFacts) -> Result<(), Mismatch> {
    let kind = wanted.kind.map_or("a refusal".to_owned(), |kind| format!("a refusal of kind {kind}"));
    let had = |text: &String| match facts.value(&Value::from(text.as_str())) {
        Ok(Value::Text(text)) => Ok(text),
        Ok(other) => Err(contradiction("a text to be mentioned", format!("{text} is {other}"))),
        Err(why) => Err(contradiction("a text to be mentioned", why)),
    };
    let mentions: Vec<String> = wanted.mentions.iter().map(had).collect::<Result<_, _>>()?;
    let expected = match mentions.as_slice() {
        [] => kind,
        mentions => format!("{kind} that mentions {}", quoted(mentions)),
    };
    let Some(refusal) = facts.refusal() else {
        return Err(contradiction(expected, "the operation was not refused"));
    };
    if !refusal.kind.is_about_the_input() {
        return Err(contradiction(expected, format!("{refusal}; this kind says nothing about the input")));
    }
    if wanted.kind.is_some_and(|kind| kind != refusal.kind) {
        return Err(contradiction(expected, refusal.to_string()));
    }
    let message = refusal.message.to_lowercase();
    let unsaid: Vec<&String> =
        mentions.iter().filter(|mention| !message.contains(&mention.to_lowercase())).collect();
    if unsaid.is_empty() {
        return Ok(());
    }
    Err(contradiction(expected, format!("{refusal}; it does not mention {}", quoted(&unsaid))))
}

fn lacks(facts: &dyn StepFacts, map: &Value, keys: &[String]) -> Result<(), Mismatch> {
    let value = had(facts, map, &Value::from(format!("a map without {}", quoted(keys))))?;
    let Value::Map(found) = &value else {
        return Err(contradiction("a map", value.to_string()));
    };
    let there: Map =
        keys.iter().filter_map(|key| found.get_key_value(key)).map(|(k, v)| (k.clone(), v.clone())).collect();
    if there.is_empty() {
        return Ok(());
    }
    Err(contradiction(format!("{map} without {}", quoted(keys)), format!("it has {}", Value::Map(there))))
}

/// The value of one side; when there is none, the other side says what was wanted.
fn had(facts: &dyn StepFacts, side: &Value, other: &Value) -> Result<Value, Mismatch> {
    facts.value(side).map_err(|why| {
        let name = |value: &Value| value.as_text().map_or_else(|| value.to_string(), str::to_owned);
        let wanted = match facts.value(other) {
            Ok(value) if side != other && name(other).starts_with('$') => {
                format!("{} to hold against {}, which is {}", name(side), name(other), outline(&value))
            }
            Ok(value) if side != other => format!("{} to hold against {}", name(side), outline(&value)),
            _ => name(side),
        };
        contradiction(wanted, why)
    })
}

fn digest(facts: &dyn StepFacts, path: &str) -> Result<Option<String>, Mismatch> {
    facts.file(path).map_err(|why| contradiction(format!("a look at {path}"), why))
}

/// Says of a refused step that it was refused, since what is missing after it is missing for that.
fn after(facts: &dyn StepFacts) -> String {
    facts.refusal().map_or_else(String::new, |refusal| format!(", after {refusal}"))
}

fn contradicted_by(difference: Option<(String, String)>) -> Result<(), Mismatch> {
    difference.map_or(Ok(()), |(expected, actual)| Err(contradiction(expected, actual)))
}

fn contradiction(expected: impl Into<String>, actual: impl Into<String>) -> Mismatch {
    Mismatch { expected: expected.into(), actual: actual.into() }
}

fn quoted(texts: &[impl AsRef<str>]) -> String {
    texts.iter().map(|text| format!("{:?}", text.as_ref())).collect::<Vec<_>>().join(" and ")
}

/// Every text in a value.
pub(super) fn texts_in<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Text(text) => found.push(text),
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
            items.iter().for_each(|item| texts_in(item, found));
        }
        Value::Map(map) => map.values().for_each(|value| texts_in(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("[2.0, 9.0, 1.0]", true)]
    #[case("[2, 1.5]", true)]
    #[case("[1.0, 0.5, 1.0]", false)]
    #[case("[1.0]", false)]
    #[case("[]", false)]
    #[case("[2.0, \"1.0\"]", false)]
    #[case("[2.0, {\"float\": \"nan\"}]", false)]
    #[case("1.0", false)]
    fn a_list_falls_by_its_first_and_last_number(#[case] list: &str, #[case] falls: bool) {
        assert_eq!(ends_lower(&serde_json::from_str(list).unwrap()), falls);
    }
}
