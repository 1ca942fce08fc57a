//! Expectations about refusals: that there is one, and what its message says.

use serde::Deserialize;

use super::{
    facts::{Mismatch, StepFacts, quoted},
    pattern::Pattern,
};
use crate::{
    harness::contract::{Refusal, RefusalKind},
    value::Value,
};

/// What kind of refusal is expected. `not_implemented` and `internal` never match.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedAs {
    /// The required kind, if the contract names one.
    #[serde(default)]
    pub kind: Option<RefusalKind>,
}

/// What the message of a refusal must say.
///
/// A text counts as a whole word: where it begins or ends with a letter, a digit or `_`, the message must not go on with
/// another one. A text with a capital letter must have the same case; without one, case does not matter.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Texts that it must contain. `$altered.tensor` is a text from an earlier step.
    #[serde(default)]
    pub mentions: Vec<String>,
    /// Texts that it must not contain.
    #[serde(default)]
    pub omits: Vec<String>,
    /// A regular expression that it must match.
    #[serde(default)]
    pub matches: Option<Pattern>,
}

impl RefusedAs {
    pub(super) fn judge(&self, facts: &dyn StepFacts) -> Result<(), Mismatch> {
        let expected =
            || self.kind.map_or("a refusal".to_owned(), |kind| format!("a refusal of kind {kind}"));
        let refusal = refusal(facts, expected)?;
        match self.kind {
            Some(kind) if kind != refusal.kind => Err(Mismatch::new(expected(), refusal.to_string())),
            Some(_) | None => Ok(()),
        }
    }
}

impl Words {
    pub(super) fn judge(&self, facts: &dyn StepFacts) -> Result<(), Mismatch> {
        let (mentions, omits) = (resolved(&self.mentions, facts)?, resolved(&self.omits, facts)?);
        let expected = || {
            let mut parts = Vec::new();
            parts.extend((!mentions.is_empty()).then(|| format!("mentions {}", quoted(&mentions))));
            parts.extend((!omits.is_empty()).then(|| format!("does not mention {}", quoted(&omits))));
            parts.extend(self.matches.as_ref().map(|pattern| format!("matches {:?}", pattern.as_str())));
            format!("a refusal that {}", parts.join(" and "))
        };
        let refusal = refusal(facts, expected)?;
        let message = &refusal.message;
        let missing: Vec<&String> = mentions.iter().filter(|text| !mentioned(message, text)).collect();
        let unwanted: Vec<&String> = omits.iter().filter(|text| mentioned(message, text)).collect();
        let unmatched = self.matches.as_ref().filter(|pattern| !pattern.is_in(message));
        let mut wrong = Vec::new();
        wrong.extend((!missing.is_empty()).then(|| format!("it does not mention {}", quoted(&missing))));
        wrong.extend((!unwanted.is_empty()).then(|| format!("it mentions {}", quoted(&unwanted))));
        wrong.extend(unmatched.map(|pattern| format!("it does not match {:?}", pattern.as_str())));
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Mismatch::new(expected(), format!("{refusal}; {}", wrong.join("; "))))
    }
}

/// The refusal of the step, if it is about the input.
fn refusal(facts: &dyn StepFacts, expected: impl Fn() -> String) -> Result<&Refusal, Mismatch> {
    let Some(refusal) = facts.refusal() else {
        return Err(Mismatch::new(expected(), "the operation was not refused"));
    };
    if !refusal.kind.is_about_the_input() {
        let actual = format!("{refusal}; this kind never counts as an expected refusal");
        return Err(Mismatch::new(expected(), actual));
    }
    Ok(refusal)
}

/// The texts that references stand for.
fn resolved(texts: &[String], facts: &dyn StepFacts) -> Result<Vec<String>, Mismatch> {
    let resolve = |text: &String| match facts.value(&Value::from(text.as_str())) {
        Ok(Value::Text(found)) if !found.trim().is_empty() => Ok(found),
        Ok(other) => Err(Mismatch::new(format!("{text} to be a text that is not blank"), other.to_string())),
        Err(why) => Err(Mismatch::new(format!("{text} to be a text"), why)),
    };
    texts.iter().map(resolve).collect()
}

/// Whether a message contains a text as a whole word, with its case if it has a capital letter.
fn mentioned(message: &str, text: &str) -> bool {
    let fold = |words: &str| match text.chars().any(char::is_uppercase) {
        true => words.to_owned(),
        false => words.to_lowercase(),
    };
    let (message, text) = (fold(message), fold(text));
    let goes_on = |inside: Option<char>, outside: Option<char>| {
        inside.is_some_and(is_of_a_word) && outside.is_some_and(is_of_a_word)
    };
    message.match_indices(&text).any(|(at, found)| {
        let before = message.get(..at).and_then(|start| start.chars().next_back());
        let after = message.get(at + found.len()..).and_then(|rest| rest.chars().next());
        !goes_on(text.chars().next(), before) && !goes_on(text.chars().next_back(), after)
    })
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("missing grid", "N", false)]
    #[case("Number of n_groups", "N", false)]
    #[case("archived n: found 0", "N", false)]
    #[case("archived N: found 0", "N", true)]
    #[case("missing ['N', 'gridsize']", "N", true)]
    #[case("N=63", "N", true)]
    #[case("diff3d has 4 patterns", "3", false)]
    #[case("3 patterns, 4 positions", "3", true)]
    #[case("gridsizes", "gridsize", false)]
    #[case("old_gridsize, gridsize", "gridsize", true)]
    #[case("old_gridsize", "gridsize", false)]
    #[case("größe", "gr", false)]
    #[case("a/b is not a name", "a/b", true)]
    #[case("'../escaped'", "../escaped", true)]
    #[case("x../escaped", "../escaped", true)]
    #[case("GRIDSIZE", "gridsize", true)]
    #[case("gridsize", "GRIDSIZE", false)]
    #[case("probeguess", "probeGuess", false)]
    fn a_text_is_mentioned_as_a_whole_word_and_with_its_capitals(
        #[case] message: &str,
        #[case] text: &str,
        #[case] is: bool,
    ) {
        assert_eq!(mentioned(message, text), is);
    }

    /// A step that was refused, or not.
    struct Step(Option<Refusal>);

    impl StepFacts for Step {
        fn value(&self, reference: &Value) -> Result<Value, String> {
            match reference.as_text() {
                Some("$empty") => Ok(Value::from(" ")),
                Some(text) if text.starts_with('$') => Err(format!("unknown name {text}")),
                Some(_) | None => Ok(reference.clone()),
            }
        }

        fn before(&self, observable: &str) -> Result<Value, String> {
            Err(observable.to_owned())
        }

        fn refusal(&self) -> Option<&Refusal> {
            self.0.as_ref()
        }

        fn file(&self, path: &str) -> Result<Option<String>, String> {
            Err(path.to_owned())
        }

        fn entries(&self, path: &str) -> Result<crate::value::Map, String> {
            Err(path.to_owned())
        }

        fn files(&self, directory: &str) -> Result<Vec<String>, String> {
            Err(directory.to_owned())
        }
    }

    fn refused(kind: RefusalKind) -> Step {
        Step(Some(Refusal::new(kind, "gridsize must be positive, not 0")))
    }

    #[rstest]
    #[case("{}", Some(RefusalKind::InvalidValue), None)]
    #[case("{\"kind\": \"invalid_value\"}", Some(RefusalKind::InvalidValue), None)]
    #[case("{\"kind\": \"io\"}", Some(RefusalKind::InvalidValue), Some("invalid_value: gridsize"))]
    #[case("{}", None, Some("was not refused"))]
    #[case("{}", Some(RefusalKind::NotImplemented), Some("never counts"))]
    #[case("{}", Some(RefusalKind::Internal), Some("never counts"))]
    fn a_refusal_is_expected_of_a_kind_or_of_any(
        #[case] wanted: &str,
        #[case] kind: Option<RefusalKind>,
        #[case] actual: Option<&str>,
    ) {
        let wanted: RefusedAs = serde_json::from_str(wanted).unwrap();
        let found = wanted.judge(&kind.map_or(Step(None), refused)).err();
        assert_eq!(found.is_some(), actual.is_some(), "{found:?}");
        assert!(found.is_none_or(|found| found.actual.contains(actual.unwrap_or_default())));
    }

    #[rstest]
    #[case(r#"{"mentions": ["gridsize", "0"]}"#, None)]
    #[case(r#"{"mentions": ["gridsize", "grid", "N"]}"#, Some(r#"it does not mention "grid" and "N""#))]
    #[case(r#"{"omits": ["grid", "N"]}"#, None)]
    #[case(r#"{"omits": ["positive"]}"#, Some(r#"it mentions "positive""#))]
    #[case(r#"{"matches": "not [0-9]+$"}"#, None)]
    #[case(r#"{"matches": "^not"}"#, Some(r#"it does not match "^not""#))]
    #[case(r#"{"mentions": ["N"], "omits": ["0"]}"#, Some(r#"it does not mention "N"; it mentions "0""#))]
    #[case(r#"{"mentions": ["$empty"]}"#, Some("' '"))]
    #[case(r#"{"mentions": ["$gone"]}"#, Some("unknown name $gone"))]
    fn the_words_of_a_refusal_are_judged_one_by_one(#[case] words: &str, #[case] actual: Option<&str>) {
        let words: Words = serde_json::from_str(words).unwrap();
        let found = words.judge(&refused(RefusalKind::InvalidValue)).err();
        assert_eq!(found.is_some(), actual.is_some(), "{found:?}");
        assert!(
            found.as_ref().is_none_or(|found| found.actual.contains(actual.unwrap_or_default())),
            "{found:?}"
        );
        for step in [Step(None), refused(RefusalKind::Internal)] {
            assert!(words.judge(&step).is_err(), "it is no expected refusal");
        }
    }
}
