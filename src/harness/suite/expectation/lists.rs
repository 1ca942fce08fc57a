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
        | Value::Path(_)
        | Value::Python(_) => None,
    }
}

/// The list contains each of these items, once or several times in a row, and in this order; other items do not count.
pub(super) fn order(facts: &dyn StepFacts, list: &Value, expected: &[Value]) -> Result<(), Mismatch> {
    let found = resolve(facts, list, list)?;
    match in_order(&found, expected) {
        true => Ok(()),
        false => {
            let wanted = Value::List(expected.to_vec());
            Err(Mismatch::new(format!("{list} with {wanted}, in this order"), found.to_string()))
        }
    }
}

fn in_order(list: &Value, expected: &[Value]) -> bool {
    let Value::List(items) = list else { return false };
    let mut found: Vec<&Value> = items.iter().filter(|item| expected.contains(item)).collect();
    found.dedup();
    found.into_iter().eq(expected)
}

/// Whether the text, or one of a list of texts, matches the regular expression, is as expected.
pub(super) fn matches(
    facts: &dyn StepFacts,
    text: &Value,
    pattern: &Pattern,
    expected: bool,
) -> Result<(), Mismatch> {
    let found = resolve(facts, text, text)?;
    match any_matches(&found, pattern) {
        Some(matches) if matches == expected => Ok(()),
        Some(_) => {
            let what = if expected { "a text that matches" } else { "no text that matches" };
            Err(Mismatch::new(format!("{what} {:?}", pattern.as_str()), found.to_string()))
        }
        None => Err(Mismatch::new(format!("{text} to be a text or a list of texts"), found.to_string())),
    }
}

/// None if it is neither a text nor a list of texts.
fn any_matches(value: &Value, pattern: &Pattern) -> Option<bool> {
    let of_text = |text: &Value| text.as_text().map(|text| pattern.is_in(text));
    let Value::List(items) = value else { return of_text(value) };
    let each: Option<Vec<bool>> = items.iter().map(of_text).collect();
    each.map(|each| each.contains(&true))
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
    #[case(r#"["bridge", "bridge", "train", "log", "train", "persist"]"#, true)]
    #[case(r#"["train", "bridge", "persist"]"#, false)]
    #[case(r#"["bridge", "persist"]"#, false)]
    #[case(r#"["bridge", "train", "persist", "train"]"#, false)]
    #[case(r#"["persist", "bridge", "train", "persist"]"#, false)]
    #[case(r#"[]"#, false)]
    #[case(r#""bridge, train, persist""#, false)]
    fn a_list_is_in_order_if_it_has_each_item_in_this_order(#[case] list: &str, #[case] ordered: bool) {
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

    #[rstest]
    #[case("\"n_images is deprecated\"", Some(true))]
    #[case("\"it is deprecated\"", Some(false))]
    #[case("[\"a\", \"n_images is deprecated\"]", Some(true))]
    #[case("[\"a\"]", Some(false))]
    #[case("[]", Some(false))]
    #[case("[\"n_images\", 1]", None)]
    #[case("1", None)]
    fn a_text_matches_or_one_of_a_list(#[case] value: &str, #[case] matches: Option<bool>) {
        let pattern = Pattern::try_from("n_images".to_owned()).unwrap();
        assert_eq!(any_matches(&read(value), &pattern), matches);
    }
}
