//! Steps that a case performs in every order of two.

use std::collections::BTreeMap;

use super::{Action, Step, SuiteError, document::Document, step::Spans};

/// The keys of a case under which its steps are.
pub(super) const STEPS: &str = "steps";
pub(super) const EACH_AFTER_EACH: &str = "each_after_each";

/// The most steps, which are performed as often as the square of their number.
const MAX_STEPS: usize = 24;

/// Refuses too many steps, and what would hide from a step what an earlier one left.
pub(super) fn check(document: &Document, steps: &[(Step, Spans)]) -> Result<(), SuiteError> {
    for (step, spans) in steps {
        if matches!(step.action, Action::Reset | Action::Restart) {
            let message =
                "a step of `each_after_each` must not start a new process, which has no earlier steps";
            return Err(document.error(spans.action.clone(), message));
        }
    }
    match steps.get(MAX_STEPS) {
        None => Ok(()),
        Some((_, spans)) => {
            let message = format!("more than {MAX_STEPS} steps in `each_after_each`");
            Err(document.error(spans.action.clone(), message))
        }
    }
}

/// Each step, with the earlier ones whose responses it may refer to: each of them was performed before it. A name that steps
/// of different operations give is none of theirs, because any of them may have been the latest, unless all of them give
/// models: a later step can use them, whichever operation they are from.
pub(super) fn with_earlier(
    steps: &[(Step, Spans)],
) -> impl Iterator<Item = (&(Step, Spans), Vec<&(Step, Spans)>)> {
    let named = |step: &(Step, Spans)| step.0.action.response_name().map(str::to_owned);
    let mut givers: BTreeMap<String, Vec<&Action>> = BTreeMap::new();
    for (step, _) in steps {
        if let Some(name) = step.action.response_name() {
            givers.entry(name.to_owned()).or_default().push(&step.action);
        }
    }
    let is_clear = move |name: &str| {
        givers.get(name).is_some_and(|actions| {
            actions.iter().all(|action| action.keeps_models())
                || actions.windows(2).all(|two| two[0].name() == two[1].name())
        })
    };
    steps.iter().enumerate().map(move |(at, step)| {
        let own = named(step);
        let mut earlier: BTreeMap<String, &(Step, Spans)> = BTreeMap::new();
        for before in steps.iter().take(at) {
            if let Some(name) = named(before).filter(|name| Some(name) != own.as_ref() && is_clear(name)) {
                earlier.insert(name, before);
            }
        }
        (step, earlier.into_values().collect())
    })
}

/// The steps in an order in which each directly follows each, itself included: `n * n + 1` of them.
///
/// The order is that of the shortest sequence that has every pair: the Lyndon words of one and two symbols in their
/// order. So an earlier step is also performed directly before and after each later one, as in `a b a`.
pub(super) fn in_order(steps: &[Step]) -> Vec<Step> {
    let mut all = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        all.push(step);
        for later in steps.iter().skip(at + 1) {
            all.extend([step, later]);
        }
    }
    all.extend(steps.first());
    all.into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0)]
    #[case(1)]
    #[case(2)]
    #[case(7)]
    #[case(MAX_STEPS)]
    fn each_step_follows_each_exactly_once(#[case] count: usize) {
        let step = |line| Step { action: Action::Reset, line, expectations: Vec::new() };
        let steps: Vec<Step> = (0..count).map(step).collect();
        let order = in_order(&steps);
        let pairs: Vec<_> = order.windows(2).map(|two| (two[0].line, two[1].line)).collect();
        assert_eq!(pairs.len(), count * count);
        assert_eq!(pairs.iter().collect::<BTreeSet<_>>().len(), count * count);
        let between = |two: &[Step]| (two[0].line == two[2].line).then(|| (two[0].line, two[1].line));
        let around: BTreeSet<_> = order.windows(3).filter_map(between).collect();
        for at in 0..count {
            assert!(
                (at + 1..count).filter(|later| *later + 1 < count).all(|later| around.contains(&(at, later)))
            );
        }
    }
}
