//! One change of a value at a place.

use std::fmt;

use serde::Deserialize;

use super::{
    Place, Segment,
    other_value::{added, altered, emptied, retyped},
    place::index,
};
use crate::value::{Map, Value, json_value};

/// What becomes of a value: `change = "drop"`, `change = { set = 5 }`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// It becomes this value; a missing key is added.
    Set(#[serde(deserialize_with = "json_value::value")] Value),
    /// It is removed.
    Drop,
    /// It becomes the nearest other value of its type: 1 becomes 2, `True` becomes `False`, a float the next one.
    Alter,
    /// It becomes the nearest value of another type: 1 becomes 1.0, text a path, a list a tuple.
    Retype,
    /// It has one key or item more.
    Add,
    /// It becomes an empty text, list or dict.
    Empty,
    /// Its items or keys are in the reverse order.
    Reverse,
    /// Its key becomes this one.
    Rename(String),
    /// It and the value at this place, counted from the outside, change places.
    Swap(Place),
    /// It becomes what it was earlier; removed if there was none. See the acts for what is earlier.
    Earlier,
}

impl Change {
    /// Changes the fields, and returns whether they are different now. `earlier` are the earlier fields, if there are any.
    pub fn apply(&self, fields: &mut Map, at: &Place, earlier: Option<&Map>) -> bool {
        let before = fields.clone();
        match self {
            Self::Swap(other) => swap(fields, at, other),
            Self::Earlier => {
                let Some(earlier) = earlier else { return false };
                if at.is_whole() {
                    fields.clone_from(earlier);
                } else {
                    match at.find(earlier) {
                        Some(value) => Self::Set(value.clone()).apply_below(fields, &at.0),
                        None => Self::Drop.apply_below(fields, &at.0),
                    }
                }
            }
            Self::Set(_)
            | Self::Drop
            | Self::Alter
            | Self::Retype
            | Self::Add
            | Self::Empty
            | Self::Reverse
            | Self::Rename(_) => self.apply_below(fields, &at.0),
        }
        // The order of keys is a difference here, although it is none between values.
        before != *fields || order_differs(&before, fields)
    }

    fn apply_below(&self, fields: &mut Map, at: &[Segment]) {
        let mut value = Value::Map(std::mem::take(fields));
        self.apply_in(&mut value, at);
        if let Value::Map(changed) = value {
            *fields = changed;
        }
    }

    fn apply_in(&self, value: &mut Value, at: &[Segment]) {
        match at {
            [] => self.replace(value),
            [last] => self.apply_to_child(value, last),
            [first, rest @ ..] => children(value, first).for_each(|child| self.apply_in(child, rest)),
        }
    }

    fn apply_to_child(&self, parent: &mut Value, last: &Segment) {
        match (self, parent, last) {
            (Self::Drop, Value::Map(map), Segment::Key(key)) => drop(map.shift_remove(key)),
            (Self::Drop, Value::Map(map), Segment::Index(at)) => {
                let at = index(*at, map.len());
                at.map(|at| map.shift_remove_index(at));
            }
            (Self::Drop, Value::Map(map), Segment::Each) => map.clear(),
            (Self::Drop, Value::List(items) | Value::Tuple(items), Segment::Index(at)) => {
                if let Some(at) = index(*at, items.len()) {
                    items.remove(at);
                }
            }
            (Self::Drop, Value::List(items) | Value::Tuple(items), Segment::Each) => items.clear(),
            (Self::Set(value), Value::Map(map), Segment::Key(key)) => {
                map.insert(key.clone(), value.clone());
            }
            (Self::Rename(name), Value::Map(map), Segment::Key(key)) => {
                if let Some((at, _, value)) = map.shift_remove_full(key) {
                    let at = at.min(map.len());
                    map.shift_insert(at, name.clone(), value);
                }
            }
            (_, parent, last) => children(parent, last).for_each(|child| self.replace(child)),
        }
    }

    /// The change of a value itself; those that need its key or another value change nothing.
    fn replace(&self, value: &mut Value) {
        let changed = match self {
            Self::Set(value) => Some(value.clone()),
            Self::Alter => altered(value),
            Self::Retype => retyped(value),
            Self::Add => added(value),
            Self::Empty => emptied(value),
            Self::Reverse => reversed(value),
            Self::Drop | Self::Rename(_) | Self::Swap(_) | Self::Earlier => None,
        };
        if let Some(changed) = changed {
            *value = changed;
        }
    }
}

fn reversed(value: &Value) -> Option<Value> {
    match value {
        Value::List(items) => Some(Value::List(items.iter().rev().cloned().collect())),
        Value::Tuple(items) => Some(Value::Tuple(items.iter().rev().cloned().collect())),
        Value::Map(map) => Some(Value::Map(map.clone().into_iter().rev().collect())),
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

fn swap(fields: &mut Map, a: &Place, b: &Place) {
    let found = |place: &Place| place.find(fields).cloned();
    if let (Some(first), Some(second)) = (found(a), found(b)) {
        Change::Set(second).apply_below(fields, &a.0);
        Change::Set(first).apply_below(fields, &b.0);
    }
}

fn children<'v>(value: &'v mut Value, segment: &Segment) -> Box<dyn Iterator<Item = &'v mut Value> + 'v> {
    match (segment, value) {
        (Segment::Key(key), Value::Map(map)) => Box::new(map.get_mut(key).into_iter()),
        (Segment::Index(at), Value::Map(map)) => {
            let found = index(*at, map.len()).and_then(|at| map.get_index_mut(at));
            Box::new(found.into_iter().map(|(_, value)| value))
        }
        (Segment::Each, Value::Map(map)) => Box::new(map.values_mut()),
        (Segment::Index(at), Value::List(items) | Value::Tuple(items)) => {
            Box::new(index(*at, items.len()).and_then(|at| items.get_mut(at)).into_iter())
        }
        (Segment::Each, Value::List(items) | Value::Tuple(items)) => Box::new(items.iter_mut()),
        (Segment::Key(_) | Segment::Index(_) | Segment::Each, _) => Box::new(std::iter::empty()),
    }
}

/// Whether dicts that are equal have their keys in another order somewhere.
fn order_differs(a: &Map, b: &Map) -> bool {
    !a.keys().eq(b.keys())
        || a.iter().any(|(key, value)| {
            let maps = value.as_map().zip(b.get(key).and_then(Value::as_map));
            maps.is_some_and(|(a, b)| order_differs(a, b))
        })
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(value) => write!(f, "set to {value}"),
            Self::Drop => f.write_str("dropped"),
            Self::Alter => f.write_str("changed"),
            Self::Retype => f.write_str("retyped"),
            Self::Add => f.write_str("with one more"),
            Self::Empty => f.write_str("emptied"),
            Self::Reverse => f.write_str("reversed"),
            Self::Rename(name) => write!(f, "renamed to {name}"),
            Self::Swap(other) => write!(f, "exchanged with {other}"),
            Self::Earlier => f.write_str("as earlier"),
        }
    }
}
