//! Expectations about the items of a list, and about a text.

use super::{
    facts::{Mismatch, StepFacts, resolve},
    pattern::Pattern,
};
use crate::value::Value;

/// The list or map has this many items.
pub(super) fn count(facts: &dyn StepFacts, list: &Value, expected: u64) -> Result<(), Mismatch> {
    let found = resolve(facts, list, list)?;
    match items(&found) {
        Some(items) if u64::try_from(items) == Ok(expected) => Ok(()),
        Some(items) => {
            Err(Mismatch::new(format!("{list} to have {expected} items"), format!("{items}: {found}")))
        }
        None => Err(Mismatch::new(format!("{list} to be a list or a map"), found.to_string())),
    }
}

fn items(value: &Value) -> Option<usize> {
    match value {
        Value::List(items) | Value::Tuple(items) | Value::Set(items) => Some(items.len()),
        Value::Map(map) => Some(map.len()),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Text(_)
        | Value::Path(_) => None,
    }
}

/// The list contains each of these items once, and in this order; other items do not count.
pub(super) fn order(facts: &dyn StepFacts, list: &Value, expected: &[Value]) -> Result<(), Mismatch> {
    let found = resolve(facts, list, list)?;
    match in_order(&found, expected) {
        true => Ok(()),
        false => {
            let wanted = Value::List(expected.to_vec());
            Err(Mismatch::new(
                format!("{list} with {wanted}, each once and in this order"),
                found.to_string(),
            ))
        }
    }
}

fn in_order(list: &Value, expected: &[Value]) -> bool {
    let Value::List(items) = list else { return false };
    items.iter().filter(|item| expected.contains(item)).eq(expected)
}

/// The text matches the regular expression.
pub(super) fn matches(facts: &dyn StepFacts, text: &Value, pattern: &Pattern) -> Result<(), Mismatch> {
    let found = resolve(facts, text, text)?;
    match &found {
        Value::Text(text) if pattern.is_in(text) => Ok(()),
        other => Err(Mismatch::new(format!("a text that matches {:?}", pattern.as_str()), other.to_string())),
    }
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
    #[case(r#"["bridge", "train", "persist"]"#, true)]
    #[case(r#"["bridge", "log", "train", 1, "persist"]"#, true)]
    #[case(r#"["train", "bridge", "persist"]"#, false)]
    #[case(r#"["bridge", "persist"]"#, false)]
    #[case(r#"["bridge", "train", "persist", "train"]"#, false)]
    #[case(r#"["persist", "bridge", "train", "persist"]"#, false)]
    #[case(r#"[]"#, false)]
    #[case(r#""bridge, train, persist""#, false)]
    fn a_list_is_in_order_if_it_has_each_item_once_and_in_this_order(
        #[case] list: &str,
        #[case] ordered: bool,
    ) {
        let expected = ["bridge", "train", "persist"].map(Value::from);
        assert_eq!(in_order(&read(list), &expected), ordered);
    }

    #[rstest]
    #[case("[1, [2, 3]]", Some(2))]
    #[case("[]", Some(0))]
    #[case("{\"a\": 1}", Some(1))]
    #[case("\"ab\"", None)]
    #[case("2", None)]
    fn lists_and_maps_have_items(#[case] value: &str, #[case] count: Option<usize>) {
        assert_eq!(items(&read(value)), count);
    }
}
