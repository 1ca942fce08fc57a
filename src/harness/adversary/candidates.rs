//! Which checks may show an adversary, judged by their steps alone.

use std::collections::BTreeSet;

use super::kind::Adversary;
use crate::harness::suite::{Action, Check, ExpectationKind};

/// Whether the adversary may answer differently somewhere in this check.
pub(super) fn may_show(adversary: Adversary, check: &Check) -> bool {
    match adversary {
        Adversary::RefusesEverything | Adversary::ForgetsSideEffects => operations(check).next().is_some(),
        Adversary::AnswersEverything => check
            .steps
            .iter()
            .flat_map(|step| &step.expectations)
            .any(|named| matches!(named.expectation.condition, ExpectationKind::Refused(_))),
        // Operations on a file before and after the harness changed one.
        Adversary::AnswersFromMemory => {
            let mut steps = check.steps.iter().map(|step| &step.action);
            steps.any(is_about_a_file) && steps.any(changes_files) && steps.any(is_about_a_file)
        }
        Adversary::RightOnce => {
            let mut seen = BTreeSet::new();
            operations(check).any(|name| !seen.insert(name))
        }
    }
}

fn operations(check: &Check) -> impl Iterator<Item = &'static str> {
    check.steps.iter().filter_map(|step| match &step.action {
        Action::Operation(operation, _) => Some(operation.name),
        Action::Reset
        | Action::HarnessStep(..)
        | Action::PlaceFixture(_)
        | Action::ReadSidecar(_)
        | Action::CopyFile(_)
        | Action::RemoveFile(_)
        | Action::Restart
        | Action::Look(_) => None,
    })
}

fn is_about_a_file(action: &Action) -> bool {
    match action {
        Action::Operation(operation, fields) => (operation.file)(fields).is_some(),
        Action::Reset
        | Action::HarnessStep(..)
        | Action::PlaceFixture(_)
        | Action::ReadSidecar(_)
        | Action::CopyFile(_)
        | Action::RemoveFile(_)
        | Action::Restart
        | Action::Look(_) => false,
    }
}

/// Whether the harness changes a file in this step.
fn changes_files(action: &Action) -> bool {
    match action {
        Action::HarnessStep(..) | Action::PlaceFixture(_) | Action::CopyFile(_) | Action::RemoveFile(_) => {
            true
        }
        Action::Operation(..)
        | Action::Reset
        | Action::ReadSidecar(_)
        | Action::Restart
        | Action::Look(_) => false,
    }
}
