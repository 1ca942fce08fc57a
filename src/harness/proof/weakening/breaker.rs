//! The faulty implementations that a check with unneeded parts is tried on: the mechanical faults that it reaches, and
//! some that are derived from them or from the parts for this check.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use crate::{
    harness::{
        contract::Contract,
        fault::{Act, Change, Fault, OtherRefusal, Place, RefusedFor, When},
        proof::observation::{ObservationFault, Recording},
    },
    value::Value,
};

/// A fault with a name that says all of it, so that a proof can record it.
#[derive(Clone, Debug)]
pub(super) struct Breaker {
    pub(super) name: String,
    pub(super) operation: String,
    pub(super) fault: Fault,
}

/// A fault that is derived for a check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Derived {
    /// A fault of this name that begins with a later call: an earlier expectation would stop the check otherwise.
    FromCall { base: String, call: NonZeroU32 },
    /// The refusal does not have this text.
    RefusedWithout { operation: String, text: String },
    /// The refusal has this text too.
    RefusedWith { operation: String, text: String },
    /// An observable has this key too.
    Shows { operation: String, observable: String, key: String },
}

/// The faults of a recorded check by name.
pub(super) struct Breakers<'a> {
    recording: &'a Recording,
    by_name: BTreeMap<&'a str, &'a ObservationFault>,
}

impl<'a> Breakers<'a> {
    /// The faults that the recorded check at this position reaches.
    pub(super) fn of(recording: &'a Recording, index: usize, faults: &'a [ObservationFault]) -> Self {
        let own = faults.iter().filter(|fault| fault.reaches(index));
        Self { recording, by_name: own.map(|fault| (fault.name.as_str(), fault)).collect() }
    }

    /// All of them, and those that are derived for parts with these texts.
    pub(super) fn all(&self, texts: &[&str], contract: &dyn Contract) -> Vec<Breaker> {
        let mut derived = BTreeSet::new();
        for fault in self.by_name.values().filter(|fault| !fault.fault.when.is_numbered()) {
            let calls = self.recording.calls().filter(|(operation, _)| *operation == fault.operation).count();
            let later = (2..=calls).filter_map(|call| NonZeroU32::new(u32::try_from(call).ok()?));
            derived.extend(later.map(|call| Derived::FromCall { base: fault.name.clone(), call }));
        }
        for (operation, refusal) in self.recording.calls() {
            let operation = || operation.to_owned();
            for (observable, key) in
                contract.observables().iter().flat_map(|name| texts.iter().map(move |key| (*name, *key)))
            {
                let (observable, key) = (observable.to_owned(), key.to_owned());
                derived.insert(Derived::Shows { operation: operation(), observable, key });
            }
            let Some(refusal) = refusal else { continue };
            for text in words(&refusal.message).chain(texts.iter().copied()) {
                derived.insert(Derived::RefusedWithout { operation: operation(), text: text.to_owned() });
            }
            for text in texts {
                derived.insert(Derived::RefusedWith { operation: operation(), text: (*text).to_owned() });
            }
        }
        let base = self.by_name.values().map(|fault| breaker(fault));
        base.chain(derived.iter().filter_map(|derived| self.derive(derived))).collect()
    }

    /// The fault of this name.
    pub(super) fn named(&self, name: &str) -> Option<Breaker> {
        let base = self.by_name.get(name).map(|fault| breaker(fault));
        base.or_else(|| self.derive(&Derived::parse(name)?))
    }

    fn derive(&self, derived: &Derived) -> Option<Breaker> {
        let refused = |operation: &String, change: &dyn Fn(&str) -> String| {
            let mut messages = self.recording.calls().filter_map(|(name, refusal)| {
                (name == operation).then(|| refusal.map(|refusal| refusal.message.as_str()))?
            });
            let message = messages.next()?;
            let changed = change(message);
            (changed != message).then(|| {
                let act = Act::Refusal(OtherRefusal { kind: None, message: Some(changed) });
                let when = When { refused: Some(RefusedFor::default()), ..When::default() };
                (operation.clone(), Fault::always(operation, act).when(when))
            })
        };
        let (operation, fault) = match derived {
            Derived::FromCall { base, call } => {
                let base = self.by_name.get(base.as_str())?;
                let when = When { from: Some(*call), ..base.fault.when.clone() };
                (base.operation.clone(), base.fault.clone().when(when))
            }
            Derived::RefusedWithout { operation, text } => {
                refused(operation, &|message| without_word(message, text))?
            }
            Derived::RefusedWith { operation, text } => {
                refused(operation, &|message| format!("{message}; {text}"))?
            }
            Derived::Shows { operation, observable, key } => {
                let (name, at) = (observable.clone(), Place::key(key));
                let act = Act::Observable { name, at, change: Change::Set(Value::Int(1)) };
                (operation.clone(), Fault::always(operation, act))
            }
        };
        Some(Breaker { name: derived.name(), operation, fault })
    }
}

impl Derived {
    fn name(&self) -> String {
        match self {
            Self::FromCall { base, call } => format!("{base}, from call {call} on"),
            Self::RefusedWithout { operation, text } => format!("{operation}{WITHOUT}{text}"),
            Self::RefusedWith { operation, text } => format!("{operation}{WITH}{text}"),
            Self::Shows { operation, observable, key } => format!("{operation}: {observable}{KEY}{key}"),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let owned = |(operation, text): (&str, &str)| (operation.to_owned(), text.to_owned());
        if let Some((operation, text)) = name.split_once(WITHOUT).map(owned) {
            return Some(Self::RefusedWithout { operation, text });
        }
        if let Some((operation, text)) = name.split_once(WITH).map(owned) {
            return Some(Self::RefusedWith { operation, text });
        }
        if let Some((head, key)) = name.split_once(KEY) {
            let (operation, observable) = head.split_once(": ").map(owned)?;
            return Some(Self::Shows { operation, observable, key: key.to_owned() });
        }
        let (base, rest) = name.rsplit_once(", from call ")?;
        let call = rest.strip_suffix(" on")?.parse().ok()?;
        Some(Self::FromCall { base: base.to_owned(), call })
    }
}

/// What is between the operation and the text in the name of a refusal that lacks a text.
const WITHOUT: &str = ": refused without the words ";
/// The same of a refusal that has more.
const WITH: &str = ": refused with the words ";
/// What is between the observable and its additional key.
const KEY: &str = " has the key ";

fn breaker(fault: &ObservationFault) -> Breaker {
    Breaker { name: fault.name.clone(), operation: fault.operation.clone(), fault: fault.fault.clone() }
}

/// The words of a message, without those that are paths of one run.
fn words(message: &str) -> impl Iterator<Item = &str> {
    let all = message.split(|c: char| !is_of_a_word(c) && !matches!(c, '.' | '/' | '-'));
    let all = all.map(|word| word.trim_matches(|c: char| !is_of_a_word(c) && c != '/'));
    all.filter(|word| !word.is_empty() && !word.starts_with('/'))
}

/// A message with another word in place of this text, wherever it is a whole word or several.
fn without_word(message: &str, text: &str) -> String {
    let (mut rest, mut changed) = (message, String::new());
    while let Some((before, after)) = rest.split_once(text).filter(|_| !text.is_empty()) {
        let goes_on = |inside: Option<char>, outside: Option<char>| {
            inside.is_some_and(is_of_a_word) && outside.is_some_and(is_of_a_word)
        };
        let is_word = !goes_on(text.chars().next(), before.chars().next_back())
            && !goes_on(text.chars().next_back(), after.chars().next());
        changed.push_str(before);
        changed.push_str(if is_word { "..." } else { text });
        rest = after;
    }
    changed + rest
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_derived_fault_is_known_by_its_name() {
        let operation = || "load".to_owned();
        let all = [
            Derived::FromCall { base: "load: params N dropped".into(), call: NonZeroU32::new(2).unwrap() },
            Derived::RefusedWithout { operation: operation(), text: "a has the key, from call 2 on".into() },
            Derived::RefusedWith { operation: operation(), text: "N".into() },
            Derived::Shows { operation: operation(), observable: "params".into(), key: "a: b".into() },
        ];
        for derived in all {
            assert_eq!(Derived::parse(&derived.name()), Some(derived));
        }
        assert_eq!(Derived::parse("load: params N dropped"), None);
    }

    #[test]
    fn a_word_is_taken_out_of_a_message_where_it_is_one() {
        assert_eq!(without_word("N of Number, N=3", "N"), "... of Number, ...=3");
        assert_eq!(without_word("no a/b.zip in /x/a/b.zip", "a/b.zip"), "no ... in /x/...");
        assert_eq!(without_word("anything", ""), "anything");
        let found: Vec<&str> = words("model 'enc.0.weight': 3 (of /tmp/x).").collect();
        assert_eq!(found, ["model", "enc.0.weight", "3", "of"]);
    }
}
