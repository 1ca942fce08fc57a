//! What a mutant can see of a refusal, and its replacement.

use crate::harness::contract::{Facts, NamedRule, Refusal, RefusalKind};

/// Why the reference refused: everything but the message.
///
/// Mutants never see messages, so rewording a message cannot change a mutant.
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

    /// Whether the outermost archive entry has this file name.
    pub(super) fn in_file(self, name: &str) -> bool {
        self.facts.outer_entry().and_then(|entry| entry.rsplit('/').next()) == Some(name)
    }

    /// Whether the found value starts with this text, in Python's notation.
    pub(super) fn found(self, start: &str) -> bool {
        self.facts.found.as_deref().is_some_and(|found| found.starts_with(start))
    }
}

/// The replacement of a refusal.
pub(in super::super) enum Instead {
    /// The unchanged refusal.
    Same,
    /// The same message with another kind.
    Kind(RefusalKind),
    /// Another message with the same kind.
    Message(String),
}

impl Instead {
    /// This message if the condition holds, else the unchanged refusal.
    pub(super) fn hidden(when: bool, message: &str) -> Self {
        if when { Self::Message(message.to_owned()) } else { Self::Same }
    }

    pub(super) fn of(self, refusal: Refusal) -> Refusal {
        match self {
            Self::Same => refusal,
            Self::Kind(kind) => Refusal { kind, ..refusal },
            Self::Message(message) => Refusal { message, ..refusal },
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
    fn a_cause_is_matched_by_rule_field_outer_file_and_found_value() {
        let refusal = refusal();
        let cause = Cause::of(&refusal);
        assert!(cause.broke(Rule::ForeignGlobal) && !cause.broke(Rule::MissingEntry));
        assert!(cause.broke_in(Rule::ForeignGlobal, "['a']") && !cause.broke_in(Rule::ForeignGlobal, "a"));
        assert!(cause.about("['a']") && !cause.about("['b']"));
        assert!(cause.in_file("model.pth") && !cause.in_file("data.pkl") && !cause.in_file("del.pth"));
        assert!(cause.found("io.") && !cause.found("open"));
    }

    #[test]
    fn a_replacement_changes_the_kind_or_the_message() {
        let unchanged = (RefusalKind::Unsafe, "no");
        let replaced = |instead: Instead| {
            let refusal = instead.of(refusal());
            (refusal.kind, refusal.message)
        };
        for (instead, (kind, message)) in [
            (Instead::Same, unchanged),
            (Instead::hidden(false, "hidden"), unchanged),
            (Instead::hidden(true, "hidden"), (RefusalKind::Unsafe, "hidden")),
            (Instead::Kind(RefusalKind::Malformed), (RefusalKind::Malformed, "no")),
        ] {
            assert_eq!(replaced(instead), (kind, message.to_owned()));
        }
    }
}
