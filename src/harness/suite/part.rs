//! Parts of a value or of a table in a case file, by their path.

use std::fmt;

use crate::{
    harness::fault::{self, Place},
    value::Value,
};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    /// A key of a table or a map.
    Key(String),
    /// An index of an array, from 0.
    Index(usize),
}

/// The path to a part: `equal[1].gridsize`. Empty for the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartPath(Vec<Segment>);

impl PartPath {
    /// The path of a key.
    pub(super) fn key(name: &str) -> Self {
        Self(vec![Segment::Key(name.to_owned())])
    }

    /// This path, and then the other one.
    pub(super) fn then(&self, rest: &Self) -> Self {
        Self(self.0.iter().chain(&rest.0).cloned().collect())
    }

    /// This path, and then an index.
    pub(super) fn index(&self, index: usize) -> Self {
        Self(self.0.iter().cloned().chain([Segment::Index(index)]).collect())
    }

    /// This path, and then a key.
    pub(super) fn field(&self, name: &str) -> Self {
        self.then(&Self::key(name))
    }

    /// Its steps.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The same place of the table as a value.
    pub fn place(&self) -> Place {
        let segment = |own: &Segment| match own {
            Segment::Key(key) => fault::Segment::Key(key.clone()),
            Segment::Index(index) => fault::Segment::Index(i64::try_from(*index).unwrap_or(i64::MAX)),
        };
        Place(self.0.iter().map(segment).collect())
    }

    /// Removes the part from a value, if it is there. An item of a list becomes None, so that the others keep their
    /// places.
    pub(super) fn remove_from(&self, value: &mut Value) {
        remove(value, &self.0);
    }
}

impl fmt::Display for PartPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) if is_plain(key) && position == 0 => f.write_str(key)?,
                Segment::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Segment::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn remove(value: &mut Value, path: &[Segment]) {
    match (value, path) {
        (Value::Map(map), [Segment::Key(key)]) => {
            map.shift_remove(key);
        }
        (Value::Map(map), [Segment::Key(key), rest @ ..]) => {
            if let Some(inner) = map.get_mut(key) {
                remove(inner, rest);
            }
        }
        (Value::List(items) | Value::Tuple(items), [Segment::Index(index), rest @ ..]) => {
            match items.get_mut(*index) {
                Some(item) if rest.is_empty() => *item = Value::None,
                Some(item) => remove(item, rest),
                None => {}
            }
        }
        // The value has no such part.
        _ => {}
    }
}

/// The smallest parts of a map or a list: its leaves. A value that is neither has none.
pub(super) fn leaves(value: &Value) -> Vec<PartPath> {
    let mut found = Vec::new();
    collect(value, &PartPath::default(), &mut found);
    found.retain(|path| !path.0.is_empty());
    found
}

fn collect(value: &Value, at: &PartPath, found: &mut Vec<PartPath>) {
    match value {
        Value::Map(map) if !map.is_empty() => {
            map.iter().for_each(|(key, value)| collect(value, &at.field(key), found));
        }
        Value::List(items) | Value::Tuple(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(index, item)| collect(item, &at.index(index), found));
        }
        Value::Map(_)
        | Value::List(_)
        | Value::Tuple(_)
        | Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Text(_)
        | Value::Path(_)
        | Value::Set(_)
        | Value::Python(_) => found.push(at.clone()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_smallest_parts_of_a_value_are_named_by_their_path() {
        let all = leaves(&value(r#"{"N": 64, "a": {"b.c": [1, {"d": null}], "e": {}}}"#));
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["N", r#"a["b.c"][0]"#, r#"a["b.c"][1].d"#, "a.e"]);
        assert!(leaves(&value("64")).is_empty());
    }

    #[test]
    fn a_part_is_removed_and_the_others_keep_their_places() {
        let whole = r#"{"N": 64, "a": {"b": [1, 2]}}"#;
        let removed: Vec<Value> = leaves(&value(whole))
            .iter()
            .map(|path| {
                let mut rest = value(whole);
                path.remove_from(&mut rest);
                rest
            })
            .collect();
        let expected = [
            r#"{"a": {"b": [1, 2]}}"#,
            r#"{"N": 64, "a": {"b": [null, 2]}}"#,
            r#"{"N": 64, "a": {"b": [1, null]}}"#,
        ];
        assert_eq!(removed, expected.map(value));
        let mut other = value(r#"{"a": 1}"#);
        leaves(&value(whole)).iter().for_each(|path| path.remove_from(&mut other));
        assert_eq!(other, value(r#"{"a": 1}"#));
    }
}
