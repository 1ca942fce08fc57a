//! Short descriptions of how two values differ.

use super::Value;

/// The number of differences shown; the rest is counted.
const MAX_SHOWN: usize = 4;

/// The longest map that is shown in full, in bytes.
const MAX_WHOLE_BYTES: usize = 240;

/// Expected and actual at the first places where two values differ; None if they are equal.
pub(crate) fn differences(expected: &Value, actual: &Value) -> Option<(String, String)> {
    let mut places = Vec::new();
    compare("", Some(expected), Some(actual), true, &mut places);
    shown(places)
}

/// Expected and actual at the first keys of `part` that are missing from `whole` or have another value there; None if
/// `whole` contains all of `part`.
pub(crate) fn missing_entries(part: &Value, whole: &Value) -> Option<(String, String)> {
    let mut places = Vec::new();
    compare("", Some(part), Some(whole), false, &mut places);
    shown(places)
}

/// Every place that [`differences`] or, without `both_ways`, [`missing_entries`] only counts, one sentence each.
pub(crate) fn further_places(
    expected: &Value,
    actual: &Value,
    both_ways: bool,
) -> impl Iterator<Item = String> {
    let mut places = Vec::new();
    compare("", Some(expected), Some(actual), both_ways, &mut places);
    let said = |Place { path, expected, actual }| format!("{path}: expected {expected}, found {actual}");
    places.into_iter().skip(MAX_SHOWN).map(said)
}

struct Place {
    path: String,
    expected: String,
    actual: String,
}

/// Compares maps key by key, sequences of the same length item by item, and other values as a whole. With `both_ways`, a key that only the actual side has is a
/// difference too.
fn compare(
    path: &str,
    expected: Option<&Value>,
    actual: Option<&Value>,
    both_ways: bool,
    places: &mut Vec<Place>,
) {
    if let (Some(Value::Map(wanted)), Some(Value::Map(found))) = (expected, actual) {
        for (key, value) in wanted {
            compare(&join(path, key), Some(value), found.get(key), both_ways, places);
        }
        let more = found.iter().filter(|(key, _)| both_ways && !wanted.contains_key(*key));
        for (key, value) in more {
            compare(&join(path, key), None, Some(value), both_ways, places);
        }
    } else if let (Some(Value::List(wanted)), Some(Value::List(found)))
    | (Some(Value::Tuple(wanted)), Some(Value::Tuple(found))) = (expected, actual)
        && wanted.len() == found.len()
    {
        for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
            // Only a map that is not in a sequence may have more keys.
            compare(&format!("{path}[{index}]"), Some(wanted), Some(found), true, places);
        }
    } else if expected != actual {
        let (expected, actual) = (side(expected), side(actual));
        // Otherwise the same would be printed twice.
        let is_hidden = expected.chars().chain(actual.chars()).any(is_hard_to_see);
        let show = |side: String| if is_hidden { escaped(&side) } else { side };
        places.push(Place { path: path.to_owned(), expected: show(expected), actual: show(actual) });
    }
}

/// Whether a character cannot be told from others, or not be seen: combining marks, spaces that are none in ASCII, and what
/// has no width.
fn is_hard_to_see(c: char) -> bool {
    !c.is_ascii()
        && (c.is_whitespace()
            || matches!(c, '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'))
}

fn escaped(text: &str) -> String {
    let one = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
    text.chars().map(one).collect()
}

fn side(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), outline)
}

/// A short form of a value: a large map is reduced to its keys, because a whole network does not help in a message.
pub(crate) fn outline(value: &Value) -> String {
    let whole = value.to_string();
    let Value::Map(map) = value else { return whole };
    if whole.len() <= MAX_WHOLE_BYTES {
        return whole;
    }
    let keys: Vec<_> = map.keys().take(MAX_SHOWN).map(String::as_str).collect();
    let more = map.len().saturating_sub(MAX_SHOWN);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("a dict of {}{rest}", keys.join(", "))
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn shown(places: Vec<Place>) -> Option<(String, String)> {
    let more = places.len().saturating_sub(MAX_SHOWN);
    let rest = if more == 0 { String::new() } else { format!("; and {more} more places") };
    let text = |side: fn(&Place) -> &str| {
        let at = |place: &Place| {
            if place.path.is_empty() {
                side(place).to_owned()
            } else {
                format!("{} = {}", place.path, side(place))
            }
        };
        places.iter().take(MAX_SHOWN).map(at).collect::<Vec<_>>().join("; ") + &rest
    };
    (!places.is_empty()).then(|| (text(|place| &place.expected), text(|place| &place.actual)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::combining_mark("a\u{308}", "\u{e4}", "'a\\u{308}'", "'\\u{e4}'")]
    #[case::narrow_space("1\u{202f}0", "1 0", "'1\\u{202f}0'", "'1 0'")]
    #[case::plain("\u{e4}", "\u{f6}", "'\u{e4}'", "'\u{f6}'")]
    fn texts_that_look_alike_are_escaped(
        #[case] wanted: &str,
        #[case] found: &str,
        #[case] expected: &str,
        #[case] actual: &str,
    ) {
        let shown = differences(&Value::from(wanted), &Value::from(found)).unwrap();
        assert_eq!(shown, (expected.to_owned(), actual.to_owned()));
    }

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[rstest]
    #[case::same(r#"{"a": 1, "b": {"c": null}}"#, r#"{"b": {"c": null}, "a": 1}"#, None)]
    #[case::nested(r#"{"b": {"c": 1}}"#, r#"{"b": {"c": 1.0}}"#, Some(("b.c = 1", "b.c = 1.0")))]
    #[case::missing(r#"{"a": 1}"#, "{}", Some(("a = 1", "a = absent")))]
    #[case::extra("{}", r#"{"a": 1}"#, Some(("a = absent", "a = 1")))]
    #[case::whole("1", "2", Some(("1", "2")))]
    #[case::of_an_item(r#"{"a": [1, {"b": 2}]}"#, r#"{"a": [1, {"b": 3}]}"#, Some(("a[1].b = 2", "a[1].b = 3")))]
    #[case::of_the_whole_list("[[1, 2]]", "[[1]]", Some(("[0] = [1, 2]", "[0] = [1]")))]
    fn a_difference_names_its_place(
        #[case] expected: &str,
        #[case] actual: &str,
        #[case] says: Option<(&str, &str)>,
    ) {
        let found = differences(&value(expected), &value(actual));
        assert_eq!(found, says.map(|(expected, actual)| (expected.to_owned(), actual.to_owned())));
    }

    #[test]
    fn a_tuple_is_compared_item_by_item() {
        let tuple = |last| Value::Tuple(vec![Value::Int(1), Value::Int(last)]);
        let found = differences(&tuple(2), &tuple(3));
        assert_eq!(found, Some(("[1] = 2".to_owned(), "[1] = 3".to_owned())));
    }

    #[test]
    fn extra_entries_are_allowed_only_in_the_whole() {
        assert_eq!(missing_entries(&value(r#"{"a": 1}"#), &value(r#"{"a": 1, "b": 2}"#)), None);
        assert!(missing_entries(&value(r#"{"a": 1, "b": 2}"#), &value(r#"{"a": 1}"#)).is_some());
        assert!(missing_entries(&value(r#"{"a": 1}"#), &value(r#"{"a": 2}"#)).is_some());
        assert!(missing_entries(&value(r#"[{"a": 1}]"#), &value(r#"[{"a": 1, "b": 2}]"#)).is_some());
    }

    #[test]
    fn many_places_are_counted() {
        let many = value(r#"{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1}"#);
        let (expected, _) = differences(&many, &value("{}")).unwrap();
        assert!(expected.ends_with("d = 1; and 2 more places"), "{expected}");
        let further = |actual: &str| further_places(&many, &value(actual), true).collect::<Vec<_>>();
        assert_eq!(further("{}"), ["e: expected 1, found absent", "f: expected 1, found absent"]);
        assert_eq!(further(r#"{"e": 1, "f": 1}"#), [""; 0]);
    }
}
