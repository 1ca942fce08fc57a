//! Sides of comparisons for the tests of the renderings.

#![allow(clippy::unwrap_used)]

use super::{History, Snapshot};
use crate::harness::{
    record::RunRecord,
    runner::{Ended, Failure, Outcome, Phase},
    test_helpers::{self, as_expected, unexpected},
};

const HOSTILE: &str = "<img src=x>|`\u{1b}[31m\nno regression: forged \u{202e}";

/// Two runs with something of every kind, and a check with hostile text that regressed.
pub(super) fn hostile() -> (Snapshot, Snapshot) {
    let on = |check: &str, outcome: Outcome| Outcome { check: check.into(), ..outcome };
    let green = |check: &str| as_expected(check, Phase::Green);
    let fails = |check: &str| unexpected(check, Phase::Green);
    let with_digest = |digest: &str, outcome: Outcome| Outcome { digest: digest.into(), ..outcome };
    let timeout =
        Outcome { ended: Ended::Timeout { milliseconds: 9, method: None, step: None }, ..green("a/reason") };
    let unsupported =
        Outcome { ended: Ended::Unsupported { need: "torch".into() }, ..green("a/unsupported") };
    let mut failed = on(&format!("a/{HOSTILE}"), fails("a/hostile"));
    let step = failed.steps.last_mut().unwrap();
    step.refused = None;
    let expectation = step.expectations.last_mut().unwrap();
    expectation.because = HOSTILE.into();
    expectation.failure = Some(Failure::new("the saved models", HOSTILE));
    let mut refused = fails("a/new");
    refused.steps.last_mut().unwrap().refused.as_mut().unwrap().message = HOSTILE.into();
    let base = [
        on(&format!("a/{HOSTILE}"), green("a/hostile")),
        as_expected("a/red", Phase::Red),
        fails("a/reason"),
        green("a/unsupported"),
        green("a/removed"),
        fails("a/fixed"),
        fails("a/known"),
        with_digest("one case", green("a/old")),
        with_digest("older", green("a/changed")),
        green("a/same"),
    ];
    let new = [
        failed,
        unexpected("a/red", Phase::Red),
        timeout,
        unsupported,
        refused,
        green("a/added"),
        green("a/fixed"),
        fails("a/known"),
        with_digest("one case", green("a/renamed")),
        with_digest("newer", green("a/changed")),
        green("a/same"),
    ];
    let mut new = snapshot("new", new.to_vec());
    new.suite_digest = HOSTILE.into();
    new.selection = vec![HOSTILE.into()];
    new.environment.insert("variables/LANG".into(), HOSTILE.into());
    (snapshot("base", base.to_vec()), new)
}

/// Two runs of many checks that all regressed.
pub(super) fn many(count: usize) -> (Snapshot, Snapshot) {
    let outcomes = |of: fn(&str, Phase) -> Outcome| {
        (0..count).map(|number| of(&format!("a/{number}"), Phase::Green)).collect::<Vec<_>>()
    };
    (snapshot("base", outcomes(as_expected)), snapshot("new", outcomes(unexpected)))
}

/// Two runs of one check whose environments differ in many variables.
pub(super) fn many_inputs(count: usize) -> (Snapshot, Snapshot) {
    let (base, mut new) = (snapshot("base", Vec::new()), snapshot("new", Vec::new()));
    new.environment.extend((0..count).map(|number| (format!("variables/V{number}"), HOSTILE.repeat(20))));
    (base, new)
}

pub(super) fn history() -> History {
    let stamp = test_helpers::stamp;
    History { last_good: Some(stamp("2025-10-17T112849Z")), first_bad: stamp("2025-10-17T150000Z") }
}

fn snapshot(name: &str, outcomes: Vec<Outcome>) -> Snapshot {
    let run = RunRecord { outcomes, ..test_helpers::run() };
    Snapshot::of(name, &run, &test_helpers::environment())
}
