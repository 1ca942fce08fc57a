//! Expectations about numbers.

use super::facts::{Mismatch, StepFacts, resolve};
use crate::value::Value;

/// The largest relative difference of two numbers of which one was rounded to float32.
const FLOAT32_PRECISION: f64 = 1e-6;

/// The number is one of these, up to the precision of float32.
pub(super) fn near(facts: &dyn StepFacts, actual: &Value, others: &[Value]) -> Result<(), Mismatch> {
    let found = resolve(facts, actual, actual)?;
    let others: Vec<Value> =
        others.iter().map(|value| resolve(facts, value, actual)).collect::<Result<_, _>>()?;
    if others.iter().any(|other| is_near(&found, other)) {
        return Ok(());
    }
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    Err(Mismatch::new(format!("a number near {}", others.join(" or ")), found.to_string()))
}

fn is_near(found: &Value, other: &Value) -> bool {
    match (found.as_number(), other.as_number()) {
        (Some(found), Some(other)) => (found - other).abs() <= FLOAT32_PRECISION * other.abs(),
        (None, _) | (_, None) => false,
    }
}

/// The two numbers differ by at most `tolerance`.
pub(super) fn close(
    facts: &dyn StepFacts,
    actual: &Value,
    other: &Value,
    tolerance: f64,
) -> Result<(), Mismatch> {
    let (found, other) = (resolve(facts, actual, other)?, resolve(facts, other, actual)?);
    match is_close(&found, &other, tolerance) {
        true => Ok(()),
        false => Err(Mismatch::new(format!("a number within {tolerance} of {other}"), found.to_string())),
    }
}

fn is_close(found: &Value, other: &Value, tolerance: f64) -> bool {
    match (found.as_number(), other.as_number()) {
        // False for NaN, and for two infinities.
        (Some(found), Some(other)) => (found - other).abs() <= tolerance,
        (None, _) | (_, None) => false,
    }
}

/// A list of two or more numbers whose last is less than its first.
pub(super) fn decreases(facts: &dyn StepFacts, list: &Value) -> Result<(), Mismatch> {
    let found = resolve(facts, list, list)?;
    match ends_lower(&found) {
        true => Ok(()),
        false => {
            let expected = format!("the last number of {list} to be less than the first");
            Err(Mismatch::new(expected, found.to_string()))
        }
    }
}

fn ends_lower(list: &Value) -> bool {
    matches!(numbers(list).as_deref(), Some([first, .., last]) if last < first)
}

/// A list of one or more numbers, none of them infinite or NaN.
pub(super) fn finite(facts: &dyn StepFacts, list: &Value) -> Result<(), Mismatch> {
    let found = resolve(facts, list, list)?;
    match are_finite(&found) {
        true => Ok(()),
        false => Err(Mismatch::new(format!("{list} to be one or more finite numbers"), found.to_string())),
    }
}

fn are_finite(list: &Value) -> bool {
    numbers(list)
        .is_some_and(|numbers| !numbers.is_empty() && numbers.iter().all(|number| number.is_finite()))
}

/// The items of a list of numbers.
fn numbers(list: &Value) -> Option<Vec<f64>> {
    let Value::List(items) = list else { return None };
    items.iter().map(Value::as_number).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[rstest]
    #[case("988.2117919921875", "988.2117688026185", true)]
    #[case("988.2137", "988.2117688026185", false)]
    #[case("2", "2.0", true)]
    #[case("0.0", "0.0", true)]
    #[case("1e-9", "0.0", false)]
    #[case("-2.0", "2.0", false)]
    #[case("{\"float\": \"nan\"}", "2.0", false)]
    #[case("\"2.0\"", "2.0", false)]
    fn a_number_is_near_another_up_to_the_precision_of_float32(
        #[case] found: &str,
        #[case] other: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_near(&read(found), &read(other)), expected);
    }

    #[rstest]
    #[case("1.25", "1.0", true)]
    #[case("0.75", "1", true)]
    #[case("1.3", "1.0", false)]
    #[case("{\"float\": \"nan\"}", "1.0", false)]
    #[case("{\"float\": \"inf\"}", "{\"float\": \"inf\"}", false)]
    #[case("\"1.0\"", "1.0", false)]
    fn numbers_are_close_if_they_differ_by_at_most_the_tolerance(
        #[case] found: &str,
        #[case] other: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_close(&read(found), &read(other), 0.25), expected);
    }

    #[rstest]
    #[case("[2.0, 9.0, 1.0]", true)]
    #[case("[2, 1.5]", true)]
    #[case("[1.0, 0.5, 1.0]", false)]
    #[case("[1.0]", false)]
    #[case("[]", false)]
    #[case("[2.0, \"1.0\"]", false)]
    #[case("[2.0, {\"float\": \"nan\"}]", false)]
    #[case("1.0", false)]
    fn first_and_last_number_decide_whether_a_list_decreases(#[case] list: &str, #[case] decreases: bool) {
        assert_eq!(ends_lower(&read(list)), decreases);
    }

    #[rstest]
    #[case("[2.0, -1]", true)]
    #[case("[]", false)]
    #[case("2.0", false)]
    #[case("[2.0, \"1.0\"]", false)]
    #[case("[2.0, {\"float\": \"nan\"}]", false)]
    #[case("[{\"float\": \"-inf\"}, 1.0]", false)]
    fn a_list_is_finite_if_every_item_is_a_finite_number(#[case] list: &str, #[case] finite: bool) {
        assert_eq!(are_finite(&read(list)), finite);
    }
}
