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
        Self { what: what.to_owned(), at: PartPath::key(kind.key()), weaker }
    }

    fn without(at: PartPath, text: Option<&str>, weaker: Weaker) -> Self {
        let text = text.map(|text| format!(" {text:?}")).unwrap_or_default();
        Self { what: format!("without {at}{text}"), at, weaker }
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

/// Without each leaf of each literal.
fn without_leaves(at: &PartPath, sides: &[Value; 2]) -> Vec<Weakening> {
    let of_side = |(index, side): (usize, &Value)| {
        let at = at.index(index);
        leaves(side)
            .into_iter()
            .map(move |leaf| Weakening::without(at.then(&leaf), None, Weaker::Without(leaf)))
            .collect::<Vec<_>>()
    };
    sides.iter().enumerate().flat_map(of_side).collect()
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
        | Value::Set(_) => true,
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
