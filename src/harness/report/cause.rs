//! What made a check fail, in words that are the same for every check that fails for the same cause.

use crate::{
    harness::runner::{ExpectationOutcome, FailingStep, NotReached, StepOutcome},
    text::{line, truncated},
};

/// The longest part of a message in a cause, in characters.
const MAX_MESSAGE_CHARS: usize = 160;

/// The shortest hexadecimal number that is a digest or an address.
const MIN_DIGEST_CHARS: usize = 12;

/// A cause, as a predicate: `stopped because save was refused (malformed): no manifest`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    /// The cause without what differs from check to check: paths, numbers and digests. Equal causes have equal keys.
    pub key: String,
    /// The cause as this check shows it.
    pub text: String,
}

impl Cause {
    /// A cause without a message.
    pub(super) fn plain(text: String) -> Self {
        Self { key: text.clone(), text }
    }

    fn with_message(what: &str, message: &str) -> Self {
        let first = message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        // Paths and numbers are replaced before the text is cut, so that their lengths do not matter.
        let cause = |message: &str| match truncated(&line(message), MAX_MESSAGE_CHARS) {
            empty if empty.is_empty() => what.to_owned(),
            message => format!("{what}: {message}"),
        };
        Self { key: cause(&without_values(first)), text: cause(first) }
    }

    /// Of a step that was refused although nothing allows that.
    pub(crate) fn of_refusal(step: &StepOutcome) -> Self {
        let operation = line(&step.operation);
        match &step.refused {
            Some(refusal) => Self::with_message(
                &format!("stopped because {operation} was refused ({})", refusal.kind),
                &refusal.message,
            ),
            None => Self::plain(format!("stopped because {operation} was refused")),
        }
    }

    /// Of a failed expectation that is a root.
    pub(crate) fn of_failure(step: &StepOutcome, expectation: &ExpectationOutcome) -> Self {
        let (operation, name) = (line(&step.operation), line(&expectation.name));
        let failure = expectation.failure.as_ref();
        let actual = failure.map_or("", |failure| failure.actual.as_str());
        if failure.is_some_and(|failure| failure.not_reached == Some(NotReached::UnreadableFile)) {
            return Self::with_message(&format!("stopped because {operation} left no readable file"), actual);
        }
        // An effect is the same expectation in every check, so what was found tells the causes apart.
        if expectation.name.strip_prefix(&step.operation).is_some_and(|rest| rest.starts_with('.')) {
            return Self::with_message(&format!("failed {name}"), actual);
        }
        match &step.refused {
            Some(refusal) => Self::plain(format!("failed {name}, {operation} refused ({})", refusal.kind)),
            None => Self::plain(format!("failed {name}")),
        }
    }

    /// The first root of a step.
    pub(super) fn first_of(failing: &FailingStep<'_>) -> Option<Self> {
        if failing.unexpected_refusal().is_some() {
            return Some(Self::of_refusal(failing.step));
        }
        failing.failed.first().map(|expectation| Self::of_failure(failing.step, expectation))
    }
}

/// The message without paths, digests and numbers, which differ from check to check.
fn without_values(message: &str) -> String {
    let ends_word = |c: char| c.is_whitespace() || "'\"`,;:=()[]{}<>".contains(c);
    let word = |word: &str| match word {
        _ if word.contains(['/', '\\']) => "PATH".to_owned(),
        _ if is_digest(word.strip_prefix("0x").unwrap_or(word)) => "DIGEST".to_owned(),
        _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') && word.parse::<f64>().is_ok() => {
            "N".to_owned()
        }
        other => other.to_owned(),
    };
    let mut shown = String::with_capacity(message.len());
    for part in message.split_inclusive(ends_word) {
        let at = part.trim_end_matches(ends_word).len();
        let (own, end) = part.split_at(at);
        shown.push_str(&word(own));
        shown.push_str(end);
    }
    shown
}

fn is_digest(word: &str) -> bool {
    word.len() >= MIN_DIGEST_CHARS && word.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "cannot read the bundle: $work/out/wts.h5.zip: No such file (os error 2)",
        "cannot read the bundle: PATH: No such file (os error N)"
    )]
    #[case("expected [64, 1] rows, found -128.5e3", "expected [N, N] rows, found N")]
    #[case("object at 0x7f001234abcd of /tmp/a.py, in load", "object at DIGEST of PATH, in load")]
    #[case("missing 'gridsize' in conv1.weight", "missing 'gridsize' in conv1.weight")]
    #[case("float32 of autoencoder/model.pth", "float32 of PATH")]
    fn what_differs_from_check_to_check_is_replaced(#[case] message: &str, #[case] key: &str) {
        assert_eq!(without_values(message), key);
    }
}
