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

    /// Whether this field broke any rule.
    pub(super) fn about(self, field: &str) -> bool {
        self.facts.about(field)
    }

    /// Whether the outermost archive entry has this file name.
    pub(super) fn in_file(self, name: &str) -> bool {
        self.facts.outer_entry().and_then(|entry| entry.rsplit('/').next()) == Some(name)
    }
}

/// The replacement of a refusal.
pub(in super::super) enum Instead {
    /// The unchanged refusal.
    Same,
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
    fn a_cause_is_matched_by_rule_field_and_outer_file() {
        let refusal = refusal();
        let cause = Cause::of(&refusal);
        assert!(cause.broke(Rule::ForeignGlobal) && !cause.broke(Rule::MissingEntry));
        assert!(cause.about("['a']") && !cause.about("['b']"));
        assert!(cause.in_file("model.pth") && !cause.in_file("data.pkl") && !cause.in_file("del.pth"));
    }

    #[test]
    fn a_replacement_changes_the_message() {
        let unchanged = (RefusalKind::Unsafe, "no");
        let replaced = |instead: Instead| {
            let refusal = instead.of(refusal());
            (refusal.kind, refusal.message)
        };
        for (instead, (kind, message)) in [
            (Instead::Same, unchanged),
            (Instead::hidden(false, "hidden"), unchanged),
            (Instead::hidden(true, "hidden"), (RefusalKind::Unsafe, "hidden")),
        ] {
            assert_eq!(replaced(instead), (kind, message.to_owned()));
        }
    }
}
