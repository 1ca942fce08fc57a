//! The places of a value that a fault can change.

use crate::{
    harness::fault::{Change, Place, Segment, altered, retyped},
    value::{Map, Value},
};

/// One change of a value at a place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) at: Place,
    pub(super) change: Change,
}

/// Every leaf of these fields changed, retyped and dropped; every list and dict with one more, emptied and dropped; every
/// list reversed.
///
/// A dict below the fields with several values, all of them dicts, is a table whose keys are data, such as the tensors of a
/// model: its first and last entry stand for all. So do the first and last item of a list.
pub(super) fn points(fields: &Map) -> Vec<Point> {
    let mut points = Vec::new();
    for (key, value) in fields {
        collect(value, &Place::key(key), &mut points);
    }
    points
}

fn collect(value: &Value, at: &Place, points: &mut Vec<Point>) {
    let mut push = |change: Change| points.push(Point { at: at.clone(), change });
    push(Change::Drop);
    if altered(value).is_some() {
        push(Change::Alter);
    }
    if retyped(value).is_some() {
        push(Change::Retype);
    }
    match value {
        Value::Map(map) => {
            push(Change::Add);
            if !map.is_empty() {
                push(Change::Empty);
            }
            if is_table(map) {
                if map.first().map(|(_, first)| first) != map.last().map(|(_, last)| last) {
                    let change = Change::Swap(at.then(Segment::Index(-1)));
                    points.push(Point { at: at.then(Segment::Index(0)), change });
                }
                for (index, entry) in [(0, map.first()), (-1, map.last())] {
                    if let Some((_, inner)) = entry {
                        collect(inner, &at.then(Segment::Index(index)), points);
                    }
                }
            } else {
                for (key, inner) in map {
                    collect(inner, &at.then(Segment::Key(key.clone())), points);
                }
            }
        }
        Value::List(items) | Value::Tuple(items) => {
            push(Change::Add);
            if !items.is_empty() {
                push(Change::Empty);
            }
            if items.iter().rev().ne(items.iter()) {
                push(Change::Reverse);
            }
            if let Some(first) = items.first() {
                collect(first, &at.then(Segment::Index(0)), points);
            }
            if let Some(last) = items.last().filter(|_| items.len() > 1) {
                collect(last, &at.then(Segment::Index(-1)), points);
            }
        }
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Text(_)
        | Value::Path(_)
        | Value::Set(_)
        | Value::Python(_) => {}
    }
}

/// Whether the keys of a dict are data.
fn is_table(map: &Map) -> bool {
    map.len() > 1 && map.values().all(|value| matches!(value, Value::Map(_)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::value::json_value;

    fn shown(json: &str) -> Vec<String> {
        let fields = json_value::map(&mut serde_json::Deserializer::from_str(json)).unwrap();
        points(&fields).iter().map(|point| format!("{} {}", point.at, point.change)).collect()
    }

    #[test]
    fn each_leaf_is_changed_retyped_and_dropped() {
        assert_eq!(shown(r#"{"a": 1}"#), ["a dropped", "a changed", "a retyped"]);
        assert_eq!(
            shown(r#"{"a": {"b": null}}"#),
            ["a dropped", "a with one more", "a emptied", "a/b dropped", "a/b retyped"]
        );
    }

    #[test]
    fn the_first_and_last_item_stand_for_a_list() {
        let all = shown(r#"{"a": [1, 2, 3]}"#);
        assert!(
            all.contains(&"a reversed".to_owned()) && all.contains(&"a/-1 changed".to_owned()),
            "{all:?}"
        );
        assert!(!all.iter().any(|point| point.starts_with("a/1 ")));
        assert!(!shown(r#"{"a": [1, 1]}"#).contains(&"a reversed".to_owned()));
    }

    #[test]
    fn the_first_and_last_entry_stand_for_a_table() {
        let all = shown(r#"{"a": {"x": {"n": 1}, "y": {"n": 2}, "z": {"n": 3}}}"#);
        assert!(all.contains(&"a/0/n changed".to_owned()) && all.contains(&"a/-1/n changed".to_owned()));
        assert!(all.contains(&"a/0 exchanged with a/-1".to_owned()));
        assert!(!all.iter().any(|point| point.contains("/y")), "{all:?}");
        let fields = shown(r#"{"a": {"x": {"n": 1}, "y": 2}}"#);
        assert!(fields.contains(&"a/x/n changed".to_owned()), "{fields:?}");
    }
}
