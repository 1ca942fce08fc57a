//! What the record says of a failed expectation and of the operation before it.

use super::{
    context::Context,
    outcome::{Failure, NotReached},
    shown,
};
use crate::{
    harness::{
        contract::{Contract, FieldRole},
        suite::{Action, Compared, ExpectationKind, Mismatch, NamedExpectation, Step, StepFacts as _},
    },
    text::{beginning, counted},
    value::{Value, further_places},
};

/// The longest request that is shown, in bytes.
const MAX_ASKED_BYTES: usize = 800;

/// The longest description of one place where two values differ, in bytes.
const MAX_PLACE_BYTES: usize = 1024;

/// The most bytes of descriptions of further places of one failure.
const MAX_PLACES_BYTES: usize = 64 << 10;

/// A failed expectation of a step, after the step.
pub(super) fn failure(context: &Context, step: &Step, named: &NamedExpectation, found: &Mismatch) -> Failure {
    let not_reached = not_reached(context, step, named);
    let explains = context.explains && not_reached.is_none();
    let details = if explains { details(context, &named.expectation.condition) } else { Vec::new() };
    Failure { not_reached, details, ..shown::failure(context, found) }
}

/// What the contract knows of the difference between the two sides of a condition.
fn details(context: &Context, condition: &ExpectationKind) -> Vec<String> {
    let values = |expected: &Value, found: &Value, both_ways: bool| {
        let (Ok(wanted), Ok(seen)) = (context.resolve(expected), context.resolve(found)) else {
            return Vec::new();
        };
        let mut details = context.contract().explain_values(&wanted, &seen, &context.known(found));
        add_bounded(&mut details, further_places(&wanted, &seen, both_ways), context);
        details
    };
    // No other condition has two sides that a contract knows more about.
    if let ExpectationKind::Equal(Compared { sides: [found, expected], .. }) = condition {
        return values(expected, found, true);
    }
    if let ExpectationKind::Subset(Compared { sides: [expected, found], .. }) = condition {
        return values(expected, found, false);
    }
    if let ExpectationKind::Bytes([found, expected]) | ExpectationKind::Entries([found, expected]) = condition
        && let (Ok(expected), Ok(found)) = (context.sandbox.path(expected), context.sandbox.path(found))
    {
        return context.contract().explain_files(&expected, &found);
    }
    Vec::new()
}

/// Adds what fits into the limits, and how many places do not.
fn add_bounded(details: &mut Vec<String>, places: impl Iterator<Item = String>, context: &Context) {
    let (mut bytes, mut left_out) = (0, 0);
    for place in places {
        let place = beginning(context.sandbox.shown(&place), MAX_PLACE_BYTES);
        bytes += place.len();
        if left_out > 0 || bytes > MAX_PLACES_BYTES {
            left_out += 1;
        } else {
            details.push(place);
        }
    }
    if left_out > 0 {
        details.push(format!("{} left out", counted(left_out, "further difference")));
    }
}

/// Why there was nothing to judge: the operation was refused although the step allows no refusal, or the file cannot be
/// read. What must stay as it was is judged even then.
fn not_reached(context: &Context, step: &Step, named: &NamedExpectation) -> Option<NotReached> {
    let condition = &named.expectation.condition;
    let is_about_refusal = named.expectation.when_refused
        || condition.expects_refusal()
        || matches!(
            condition,
            ExpectationKind::Succeeds(_) | ExpectationKind::Unchanged(_) | ExpectationKind::Absent(_)
        );
    if is_about_refusal {
        return None;
    }
    let allows_refusal = |own: &NamedExpectation| own.expectation.condition.expects_refusal();
    if context.refusal().is_some() && !step.expectations.iter().any(allows_refusal) {
        return Some(NotReached::Refused);
    }
    // The reader is asked only if the condition refers to the file, and its answer is kept.
    let file = condition.needs_after(context.file_name()) && context.file_is_unreadable();
    let is_unreadable = |path: &String| context.entries(path).is_err();
    let entries = matches!(condition, ExpectationKind::Entries(paths) if paths.iter().any(is_unreadable));
    (file || entries).then_some(NotReached::UnreadableFile)
}

/// The request of a step, as the case states it: `load_torch_bundle(base_path = '$work/out/wts.h5')`. None for steps of the
/// engine itself.
pub(super) fn asked(contract: &dyn Contract, action: &Action) -> Option<String> {
    let (name, roles, fields) = match action {
        Action::Operation(operation, fields) => {
            (operation.name, operation.fields, contract.telling_fields(operation, fields))
        }
        Action::HarnessStep(step, fields) => (step.name, step.fields, fields.clone()),
        Action::Reset
        | Action::Restart
        | Action::Look(_)
        | Action::PlaceFixture(_)
        | Action::ReadSidecar(_)
        | Action::CopyFile(_)
        | Action::RemoveFile(_) => {
            return None;
        }
    };
    let is_name =
        |field: &str| roles.iter().any(|role| role.name == field && role.role == FieldRole::ResponseName);
    let shown = fields.iter().filter(|(field, value)| !is_name(field) && !says_nothing(value));
    let shown: Vec<String> = shown.map(|(field, value)| format!("{field} = {}", spelled(value))).collect();
    Some(beginning(format!("{name}({})", shown.join(", ")), MAX_ASKED_BYTES))
}

/// Whether a value is what a request has when the case does not state the field.
fn says_nothing(value: &Value) -> bool {
    *value == Value::None || value.as_map().is_some_and(|map| map.is_empty())
}

/// A map as `{N = 64, model = {gridsize = 2}}`, and any other value as Python spells it.
fn spelled(value: &Value) -> String {
    let Value::Map(map) = value else { return value.to_string() };
    let entry = |(key, value): (&String, &Value)| format!("{key} = {}", spelled(value));
    format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
}
