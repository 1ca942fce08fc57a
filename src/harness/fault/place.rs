//! Places in a value.

use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::value::{Map, Value};

/// Where something is in a value: a key, or the list of keys and indexes that lead to it. `*` is every key or item. An
/// index counts the items of a list or the entries of a dict, a negative one from the end: `"train_loss"`,
/// `["models", "*", "tensors"]`, `["train_loss", -1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(pub Vec<Segment>);

/// One step of a place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// The value of this key of a dict.
    Key(String),
    /// This item of a list or tuple, or this entry of a dict.
    Index(i64),
    /// Each value of a dict, or each item.
    Each,
}

impl Place {
    /// The value of a key.
    pub fn key(key: &str) -> Self {
        Self(vec![Segment::Key(key.to_owned())])
    }

    /// This place within the value of a key.
    pub fn under(&self, segment: Segment) -> Self {
        Self(std::iter::once(segment).chain(self.0.iter().cloned()).collect())
    }

    /// A place one step further in.
    pub fn then(&self, segment: Segment) -> Self {
        Self(self.0.iter().cloned().chain(std::iter::once(segment)).collect())
    }

    /// Whether it is the value itself.
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at the place; the first one where the place has several.
    pub fn find<'v>(&self, fields: &'v Map) -> Option<&'v Value> {
        let (first, rest) = self.0.split_first()?;
        entries(fields, first).find_map(|value| find(value, rest))
    }
}

fn find<'v>(value: &'v Value, rest: &[Segment]) -> Option<&'v Value> {
    let Some((first, rest)) = rest.split_first() else { return Some(value) };
    match value {
        Value::Map(map) => entries(map, first).find_map(|inner| find(inner, rest)),
        Value::List(items) | Value::Tuple(items) => match first {
            Segment::Key(_) => None,
            Segment::Index(at) => items.get(index(*at, items.len())?).and_then(|inner| find(inner, rest)),
            Segment::Each => items.iter().find_map(|inner| find(inner, rest)),
        },
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::BigInt(_)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Text(_)
        | Value::Path(_)
        | Value::Set(_)
        | Value::Python(_) => None,
    }
}

/// The values of a dict that a segment means.
fn entries<'v>(map: &'v Map, segment: &Segment) -> Box<dyn Iterator<Item = &'v Value> + 'v> {
    match segment {
        Segment::Key(key) => Box::new(map.get(key).into_iter()),
        Segment::Index(at) => {
            let found = index(*at, map.len()).and_then(|at| map.get_index(at));
            Box::new(found.into_iter().map(|(_, value)| value))
        }
        Segment::Each => Box::new(map.values()),
    }
}

/// The index of an item; negative ones count from the end.
pub(super) fn index(at: i64, length: usize) -> Option<usize> {
    let from_end = || length.checked_sub(usize::try_from(at.unsigned_abs()).ok()?);
    let index = if at < 0 { from_end()? } else { usize::try_from(at).ok()? };
    (index < length).then_some(index)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("/")?;
            }
            match segment {
                Segment::Key(key) => f.write_str(key)?,
                Segment::Index(at) => write!(f, "{at}")?,
                Segment::Each => f.write_str("*")?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a key, or a list of keys and indexes")]
        enum Spelled {
            One(String),
            More(Vec<Step>),
        }
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a key or an index")]
        enum Step {
            Key(String),
            Index(i64),
        }
        let segment = |step| match step {
            Step::Key(key) if key == "*" => Segment::Each,
            Step::Key(key) => Segment::Key(key),
            Step::Index(at) => Segment::Index(at),
        };
        Ok(match Spelled::deserialize(deserializer)? {
            Spelled::One(key) => Self(vec![segment(Step::Key(key))]),
            Spelled::More(steps) => Self(steps.into_iter().map(segment).collect()),
        })
    }
}
