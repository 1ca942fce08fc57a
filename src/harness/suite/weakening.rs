//! The ways in which an expectation could demand less, one at a time.
//!
//! An expectation is as strong as it looks only if each of its parts is needed: some faulty implementation fails it and
//! would pass without that part.

use super::{
    ExpectationKind, FilesUnder, NamedExpectation, RefusedAs, Step, StepFacts, Words,
    part::{PartPath, leaves},
    weaker::{Tolerance, Weaker},
};
use crate::value::Value;

/// An expectation that demands less in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct Weakening {
    /// What is different, after the name of the expectation: `without equal[1].gridsize`.
    pub what: String,
    /// The part of the expectation's table that demands more.
    pub at: PartPath,
    /// The text that is no longer demanded, or no longer forbidden, if it is one.
    pub text: Option<String>,
    weaker: Weaker,
}

impl Weakening {
    /// Every way in which an expectation of this step could demand less.
    pub fn of(step: &Step, named: &NamedExpectation) -> Vec<Self> {
        let (kind, expectation) = (&named.expectation.condition, &named.expectation);
        let mut all = vec![Self::whole("if it is dropped", kind, Weaker::Nothing)];
        // In a step that may not be refused, that would be the same as dropping it. That nothing was refused is known only
        // without a refusal.
        let says_something = !matches!(kind, ExpectationKind::Succeeds(_)) && !expectation.when_refused;
        if step.may_be_refused() && says_something {
            let what = "if it is checked only after a refusal";
            all.push(Self::whole(what, kind, Weaker::AfterRefusal));
        }
        all.extend(of_kind(kind));
        all
    }

    /// Whether the weaker expectation holds for these facts.
    pub fn holds(&self, named: &NamedExpectation, facts: &dyn StepFacts) -> bool {
        self.weaker.holds(&named.expectation.condition, facts)
    }

    /// Whether it is weaker at all, for the facts of an implementation that the expectation accepts.
    pub fn applies(&self, named: &NamedExpectation, facts: &dyn StepFacts) -> bool {
        let condition = &named.expectation.condition;
        self.weaker.applies(condition, facts) && self.weaker.holds(condition, facts)
    }

    fn whole(what: &str, kind: &ExpectationKind, weaker: Weaker) -> Self {
        Self { what: what.to_owned(), at: PartPath::key(kind.key()), text: None, weaker }
    }

    fn without(at: PartPath, text: Option<&str>, weaker: Weaker) -> Self {
        let quoted = text.map(|text| format!(" {text:?}")).unwrap_or_default();
        Self { what: format!("without {at}{quoted}"), at, text: text.map(str::to_owned), weaker }
    }
}

/// What is specific to the kind of an expectation.
fn of_kind(kind: &ExpectationKind) -> Vec<Weakening> {
    let at = PartPath::key(kind.key());
    let tolerant = |tolerances: &[Tolerance]| -> Vec<Weakening> {
        let weaker = |one: &Tolerance| Weakening::whole(in_words(*one), kind, Weaker::Tolerant(*one));
        tolerances.iter().map(weaker).collect()
    };
    let all = [Tolerance::Added, Tolerance::Missing, Tolerance::Changed];
    match kind {
        ExpectationKind::Equal(compared) => {
            let sides = &compared.sides;
            let mut weaker = without_leaves(&at, sides);
            if let Some(literal) = sides.iter().find(|side| is_literal(side)) {
                let what = format!("if any {} is accepted", literal.type_name());
                weaker.push(Weakening::whole(&what, kind, Weaker::SameType(literal.clone())));
            }
            if !sides.iter().any(|side| is_literal(side) || matches!(side, Value::List(_))) {
                weaker.extend(tolerant(&all));
            }
            weaker
        }
        ExpectationKind::Subset(compared) => {
            let mut weaker = without_leaves(&at, &compared.sides);
            // Without its only leaf, nothing would be left.
            if weaker.len() == 1 {
                weaker.clear();
            }
            weaker.extend(tolerant(&[Tolerance::Missing, Tolerance::Changed]));
            weaker
        }
        ExpectationKind::Unchanged(_) | ExpectationKind::Entries(_) => tolerant(&all),
        ExpectationKind::Near(_) | ExpectationKind::Close(_) => {
            vec![Weakening::whole("if any number is accepted", kind, Weaker::AnyNumber)]
        }
        ExpectationKind::MissingKeys((map, keys)) => one_less(keys)
            .map(|(index, key, rest)| {
                let weaker = ExpectationKind::MissingKeys((map.clone(), rest));
                Weakening::without(at.index(1).index(index), Some(key), Weaker::Condition(weaker))
            })
            .collect(),
        ExpectationKind::Refused(refused) => {
            let kind = refused.kind.map(|kind| {
                let weaker = Weaker::Condition(ExpectationKind::Refused(RefusedAs { kind: None }));
                Weakening::without(at.field("kind"), Some(kind.as_str()), weaker)
            });
            kind.into_iter().collect()
        }
        ExpectationKind::Says(words) => of_words(&at, words),
        // Of fewer than two items, none is before another.
        ExpectationKind::Order((_, items)) if items.len() <= 2 => Vec::new(),
        ExpectationKind::Order((list, items)) => (0..items.len())
            .map(|index| {
                let weaker = ExpectationKind::Order((list.clone(), all_but(items, index)));
                Weakening::without(at.index(1).index(index), None, Weaker::Condition(weaker))
            })
            .collect(),
        ExpectationKind::Bytes([path, _]) => {
            let weaker = Weaker::Condition(ExpectationKind::Exists(path.clone()));
            vec![Weakening::whole("if any bytes are accepted", kind, weaker)]
        }
        ExpectationKind::Files(FilesUnder { are, .. }) => {
            let file = |(index, file): (usize, &String)| {
                let at = at.field("are").index(index);
                Weakening::without(at, Some(file), Weaker::WithoutFile(file.clone()))
            };
            let more = Weakening::whole("if more files are accepted", kind, Weaker::MoreFiles);
            are.iter().enumerate().map(file).chain([more]).collect()
        }
        ExpectationKind::NotEqual(_)
        | ExpectationKind::Decreases(_)
        | ExpectationKind::Finite(_)
        | ExpectationKind::Count(_)
        | ExpectationKind::Matches(_)
        | ExpectationKind::NoMatch(_)
        | ExpectationKind::Succeeds(_)
        | ExpectationKind::Exists(_)
        | ExpectationKind::Absent(_) => Vec::new(),
    }
}

fn in_words(tolerance: Tolerance) -> &'static str {
    match tolerance {
        Tolerance::Added => "if added keys are accepted",
        Tolerance::Missing => "if missing keys are accepted",
        Tolerance::Changed => "if changed values are accepted",
    }
}

/// Without each text, and without the regular expression.
fn of_words(at: &PartPath, words: &Words) -> Vec<Weakening> {
    let less = |at, text: &str, less: Words| {
        let weaker = Weaker::Condition(ExpectationKind::Says(less));
        Weakening::without(at, Some(text), weaker)
    };
    let mentions = words.mentions.iter().enumerate().map(|(index, text)| {
        let rest = Words { mentions: all_but(&words.mentions, index), ..words.clone() };
        less(at.field("mentions").index(index), text, rest)
    });
    let omits = words.omits.iter().enumerate().map(|(index, text)| {
        let rest = Words { omits: all_but(&words.omits, index), ..words.clone() };
        less(at.field("omits").index(index), text, rest)
    });
    let matches = words
        .matches
        .as_ref()
        .map(|pattern| less(at.field("matches"), pattern.as_str(), Words { matches: None, ..words.clone() }));
    mentions.chain(omits).chain(matches).collect()
}

/// Without each leaf of each literal. A leaf that both have is one part.
fn without_leaves(at: &PartPath, [first, second]: &[Value; 2]) -> Vec<Weakening> {
    let (of_first, of_second) = (leaves(first), leaves(second));
    let only_first = of_first.into_iter().filter(|leaf| !of_second.contains(leaf)).map(|leaf| (0, leaf));
    let all: Vec<(usize, PartPath)> =
        only_first.chain(of_second.iter().cloned().map(|leaf| (1, leaf))).collect();
    let without = |(index, leaf): (usize, PartPath)| {
        Weakening::without(at.index(index).then(&leaf), None, Weaker::Without(leaf))
    };
    all.into_iter().map(without).collect()
}

/// Whether it is a single value of the case itself: neither a reference, nor a map or a list with parts.
fn is_literal(side: &Value) -> bool {
    match side {
        Value::Text(text) | Value::Path(text) => !text.starts_with('$') || text.starts_with("$$"),
        Value::Map(_) | Value::List(_) | Value::Tuple(_) | Value::None => false,
        Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Set(_)
        | Value::Python(_) => true,
    }
}

/// Each item with its index and the others, unless it is the only one.
fn one_less(items: &[String]) -> impl Iterator<Item = (usize, &str, Vec<String>)> {
    let several = if items.len() > 1 { items } else { &[] };
    several.iter().enumerate().map(|(index, item)| (index, item.as_str(), all_but(items, index)))
}

fn all_but<T: Clone>(items: &[T], index: usize) -> Vec<T> {
    let others = items.iter().enumerate().filter(|(other, _)| *other != index);
    others.map(|(_, item)| item.clone()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::{
        harness::{
            contract::{Refusal, RefusalKind},
            suite::{Action, Compared, Expectation},
        },
        value::Map,
    };

    /// What a step left: `$found`, `$params` before and after, a refusal, and the files `a` and `b` of `$work`.
    struct Facts {
        found: Value,
        before: Value,
        refusal: Option<Refusal>,
        files: Vec<String>,
    }

    impl StepFacts for Facts {
        fn value(&self, reference: &Value) -> Result<Value, String> {
            match reference {
                Value::Text(text) if text == "$found" => Ok(self.found.clone()),
                Value::Text(text) if text.starts_with('$') => Err("unavailable".to_owned()),
                other => Ok(other.clone()),
            }
        }

        fn before(&self, _observable: &str) -> Result<Value, String> {
            Ok(self.before.clone())
        }

        fn refusal(&self) -> Option<&Refusal> {
            self.refusal.as_ref()
        }

        fn file(&self, path: &str) -> Result<Option<String>, String> {
            Ok(self.files.iter().find(|file| path.ends_with(file.as_str())).cloned())
        }

        fn entries(&self, path: &str) -> Result<Map, String> {
            let entries = if path.ends_with('a') { &self.found } else { &self.before };
            entries.as_map().cloned().ok_or_else(|| "no archive".to_owned())
        }

        fn files(&self, _directory: &str) -> Result<Vec<String>, String> {
            Ok(self.files.clone())
        }
    }

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    fn facts(found: &str) -> Facts {
        Facts { found: value(found), before: value("{\"k\": 1}"), refusal: None, files: vec!["a".to_owned()] }
    }

    fn refused(kind: RefusalKind, message: &str) -> Facts {
        Facts { refusal: Some(Refusal::new(kind, message)), ..facts("null") }
    }

    fn sides(expected: &str) -> Compared {
        [Value::from("$found"), value(expected)].into()
    }

    fn of(condition: ExpectationKind) -> (NamedExpectation, Vec<Weakening>) {
        let expectation =
            Expectation { condition, because: String::new(), about: Vec::new(), when_refused: false };
        let named = NamedExpectation { name: "e".to_owned(), line: 1, expectation };
        let step = Step { action: Action::Reset, line: 1, expectations: vec![named.clone()] };
        let weaker = Weakening::of(&step, &named);
        (named, weaker)
    }

    /// The weaker forms that hold for these facts.
    fn holding(condition: ExpectationKind, facts: &Facts) -> Vec<String> {
        let (named, weaker) = of(condition);
        let holding = weaker.iter().filter(|weaker| weaker.holds(&named, facts));
        holding.map(|weaker| weaker.what.replace("if it is dropped", "-")).collect()
    }

    /// Every part is needed where only that part is wrong: the expectation fails, and holds without the part alone.
    #[rstest]
    #[case::value(ExpectationKind::Equal(sides(r#"{"a": 1, "b": {"c": [2, 3]}}"#)), r#"{"a": 9, "b": {"c": [2, 3]}}"#,
        &["-", "without equal[1].a", "if changed values are accepted"])]
    #[case::nested(ExpectationKind::Equal(sides(r#"{"a": 1, "b": {"c": [2, 3]}}"#)), r#"{"a": 1, "b": {"c": [2, 9]}}"#,
        &["-", "without equal[1].b.c[1]", "if changed values are accepted"])]
    #[case::added(ExpectationKind::Equal(sides(r#"{"a": 1}"#)), r#"{"a": 1, "b": 2}"#, &["-", "if added keys are accepted"])]
    #[case::missing(ExpectationKind::Equal(sides(r#"{"a": 1, "b": 2}"#)), r#"{"a": 1}"#,
        &["-", "without equal[1].b", "if missing keys are accepted"])]
    #[case::other_value(ExpectationKind::Equal(sides("2")), "3", &["-", "if any int is accepted"])]
    #[case::other_type(ExpectationKind::Equal(sides("2")), "2.0", &["-"])]
    #[case::subset(ExpectationKind::Subset([value(r#"{"a": 1, "b": 2}"#), Value::from("$found")].into()), r#"{"a": 1, "b": 3, "c": 4}"#,
        &["-", "without subset[0].b", "if changed values are accepted"])]
    #[case::subset_of_one_key(ExpectationKind::Subset([value(r#"{"a": 1}"#), Value::from("$found")].into()), "{}",
        &["-", "if missing keys are accepted"])]
    #[case::near(ExpectationKind::Near((Value::from("$found"), vec![value("2.0")])), "3.0", &["-", "if any number is accepted"])]
    #[case::not_a_number(ExpectationKind::Near((Value::from("$found"), vec![value("2.0")])), "\"2.0\"", &["-"])]
    #[case::missing_keys(ExpectationKind::MissingKeys((Value::from("$found"), vec!["a".into(), "b".into()])), r#"{"b": 1}"#,
        &["-", "without missing_keys[1][1] \"b\""])]
    #[case::entries(ExpectationKind::Entries(["$work/a".into(), "$work/b".into()]), r#"{"k": 2}"#,
        &["-", "if changed values are accepted"])]
    #[case::bytes(ExpectationKind::Bytes(["$work/a".into(), "$work/b".into()]), "null", &["-", "if any bytes are accepted"])]
    #[case::more_files(ExpectationKind::Files(FilesUnder { under: "$work".into(), are: vec![], named: None }), "null",
        &["-", "if more files are accepted"])]
    #[case::missing_file(ExpectationKind::Files(FilesUnder { under: "$work".into(), are: vec!["a".into(), "b".into()], named: None }), "null",
        &["-", "without files.are[1] \"b\""])]
    #[case::absent(ExpectationKind::Absent("$work/a".into()), "null", &["-"])]
    fn a_part_is_needed_where_only_that_part_is_wrong(
        #[case] condition: ExpectationKind,
        #[case] found: &str,
        #[case] holds: &[&str],
    ) {
        assert!(condition.judge(&facts(found)).is_err());
        assert_eq!(holding(condition, &facts(found)), holds);
    }

    #[test]
    fn the_parts_of_a_refusal_are_that_it_was_refused_and_the_kind() {
        let wanted = || ExpectationKind::Refused(RefusedAs { kind: Some(RefusalKind::Mismatch) });
        let other_kind = refused(RefusalKind::NotFound, "grid");
        assert_eq!(holding(wanted(), &other_kind), ["-", "without refused.kind \"mismatch\""]);
        assert_eq!(holding(wanted(), &facts("null")), ["-", "if it is checked only after a refusal"]);
    }

    #[test]
    fn the_parts_of_a_message_are_its_texts() {
        let wanted = || {
            let (mentions, omits) = (vec!["grid".to_owned(), "size".to_owned()], vec!["path".to_owned()]);
            ExpectationKind::Says(Words { mentions, omits, matches: None })
        };
        let silent = refused(RefusalKind::Mismatch, "grid");
        assert_eq!(holding(wanted(), &silent), ["-", "without says.mentions[1] \"size\""]);
        let talkative = refused(RefusalKind::Mismatch, "grid size path");
        assert_eq!(holding(wanted(), &talkative), ["-", "without says.omits[0] \"path\""]);
    }

    #[test]
    fn a_comparison_of_values_that_are_no_maps_has_no_keys_to_tolerate() {
        let (named, weaker) = of(ExpectationKind::Unchanged("$found".to_owned()));
        let applies = |facts: &Facts| weaker.iter().filter(|weaker| weaker.applies(&named, facts)).count();
        assert_eq!(applies(&facts("{\"k\": 1}")), 4);
        assert_eq!(applies(&Facts { before: value("{}"), ..facts("{}") }), 2);
        assert_eq!(applies(&Facts { before: value("1"), ..facts("1") }), 1);
    }
}
