//! What a mutant may know of a refusal, and what it may say instead.

use crate::harness::contract::{Facts, NamedRule, Refusal, RefusalKind};

/// Why the reference refused: everything but the message.
///
/// A mutant never sees the words, so that no rewording of a message can turn it into the reference.
#[derive(Clone, Copy)]
pub(in super::super) struct Cause<'r> {
    pub(super) kind: RefusalKind,
    pub(super) facts: &'r Facts,
}

impl<'r> Cause<'r> {
    pub(super) fn of(refusal: &'r Refusal) -> Self {
        Self { kind: refusal.kind, facts: &refusal.facts }
    }

    /// Whether this rule was broken.
    pub(super) fn broke(self, rule: impl NamedRule) -> bool {
        self.facts.broke(rule)
    }

    /// Whether this field broke this rule.
    pub(super) fn broke_in(self, rule: impl NamedRule, field: &str) -> bool {
        self.broke(rule) && self.facts.about(field)
    }

    /// Whether this field broke any rule.
    pub(super) fn about(self, field: &str) -> bool {
        self.facts.about(field)
    }

    /// Whether the archive entry on the outside is of this file name.
    pub(super) fn in_file(self, name: &str) -> bool {
        self.facts.outer_entry().and_then(|entry| entry.rsplit('/').next()) == Some(name)
    }

    /// Whether what was found begins so. Values are spelled as Python does.
    pub(super) fn found(self, start: &str) -> bool {
        self.facts.found.as_deref().is_some_and(|found| found.starts_with(start))
    }
}

/// What a mutant answers in the place of a refusal.
pub(in super::super) enum Instead {
    /// The refusal as it is.
    Same,
    /// The same message under another kind.
    Kind(RefusalKind),
    /// Another message under the same kind.
    Message(String),
    /// An error of its own that was not foreseen, with the message behind it.
    Unforeseen(&'static str),
}

impl Instead {
    /// This message where the condition holds, and the refusal as it is where not.
    pub(super) fn hidden(when: bool, message: &str) -> Self {
        if when { Self::Message(message.to_owned()) } else { Self::Same }
    }

    pub(super) fn of(self, refusal: Refusal) -> Refusal {
        match self {
            Self::Same => refusal,
            Self::Kind(kind) => Refusal { kind, ..refusal },
            Self::Message(message) => Refusal { message, ..refusal },
            Self::Unforeseen(error) => {
                let message = format!("{error} ({})", refusal.message);
                Refusal { kind: RefusalKind::Internal, message, ..refusal }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::nouns::Rule;

    fn refusal() -> Refusal {
        let refusal = Refusal::new(RefusalKind::Unsafe, "no").rule(Rule::ForeignGlobal).field("['a']");
        refusal.entry("m/model.pth!archive/data.pkl").found("io.open")
    }

    #[test]
    fn a_cause_is_matched_by_rule_field_outer_file_and_the_start_of_what_was_found() {
        let refusal = refusal();
        let cause = Cause::of(&refusal);
        assert!(cause.broke(Rule::ForeignGlobal) && !cause.broke(Rule::MissingEntry));
        assert!(cause.broke_in(Rule::ForeignGlobal, "['a']") && !cause.broke_in(Rule::ForeignGlobal, "a"));
        assert!(cause.about("['a']") && !cause.about("['b']"));
        assert!(cause.in_file("model.pth") && !cause.in_file("data.pkl") && !cause.in_file("del.pth"));
        assert!(cause.found("io.") && !cause.found("open"));
    }

    #[test]
    fn what_is_said_instead_is_the_same_of_another_kind_or_another_message() {
        let as_it_is = (RefusalKind::Unsafe, "no");
        let said = |instead: Instead| {
            let refusal = instead.of(refusal());
            (refusal.kind, refusal.message)
        };
        for (instead, (kind, message)) in [
            (Instead::Same, as_it_is),
            (Instead::hidden(false, "hidden"), as_it_is),
            (Instead::hidden(true, "hidden"), (RefusalKind::Unsafe, "hidden")),
            (Instead::Kind(RefusalKind::Malformed), (RefusalKind::Malformed, "no")),
            (Instead::Unforeseen("IndexError"), (RefusalKind::Internal, "IndexError (no)")),
        ] {
            assert_eq!(said(instead), (kind, message.to_owned()));
        }
    }
}
