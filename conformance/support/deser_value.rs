//! A pickle as `deser-pickle` reads it, as a [`Value`].
//!
//! It uses the crate's generic representation: the class of an object is dropped, a class by itself
//! is its path, and values that are not trees are None.

use bundleproof::value::{Map, Value};
use deser_core::{
    Atom, Error, ErrorKind, State,
    de::{Deserialize, Sink, SinkHandle, default_atom},
    ext::BigInt,
};
use deser_pickle::{Kind, take_kind};

/// The value that `deser-pickle` reads from a pickle, or its error as text.
pub(crate) fn read(pickle: &[u8]) -> Result<Value, String> {
    match deser_pickle::from_slice(pickle) {
        Ok(Foreign(value)) => Ok(value),
        Err(refusal) => Err(refusal.to_string()),
    }
}

struct Foreign(Value);

impl<'de> Deserialize<'de> for Foreign {
    fn deserialize_into<'out>(out: &'out mut Option<Self>, state: &mut State) -> SinkHandle<'out, 'de> {
        SinkHandle::arena(Receiver { out, open: None, key: None, value: None }, state)
    }
}

/// A container that is being filled.
enum Open {
    Sequence(Option<Kind>, Vec<Value>),
    Map(Map),
}

struct Receiver<'out> {
    out: &'out mut Option<Foreign>,
    open: Option<Open>,
    key: Option<Foreign>,
    value: Option<Foreign>,
}

impl Receiver<'_> {
    /// Stores the item that arrived last.
    fn keep(&mut self) -> Result<(), Error> {
        let Some(Foreign(value)) = self.value.take() else { return Ok(()) };
        match (&mut self.open, self.key.take()) {
            (Some(Open::Sequence(_, items)), None) => items.push(value),
            (Some(Open::Map(map)), Some(Foreign(Value::Text(key)))) => drop(map.insert(key, value)),
            (_, key) => {
                let key = key.map(|Foreign(key)| key.type_name());
                return Err(Error::new(ErrorKind::InvalidType, format!("{key:?} is no key of a value")));
            }
        }
        Ok(())
    }
}

impl<'de> Sink<'de> for Receiver<'_> {
    fn atom(&mut self, atom: Atom, state: &mut State) -> Result<(), Error> {
        let value = match &atom {
            Atom::Null => Value::None,
            Atom::Bool(value) => Value::Bool(*value),
            Atom::U64(value) => Value::integer((*value).into()),
            Atom::I64(value) => Value::Int(*value),
            Atom::F64(value) => Value::Float(*value),
            Atom::Str(text) => Value::from(text.as_str()),
            Atom::Bytes(bytes) => Value::Bytes(bytes.data().to_vec()),
            Atom::Ext(other) => {
                let decimal = match other.downcast_ref::<BigInt>() {
                    Some(value) => Some(value.to_string()),
                    None => other.downcast_ref::<u128>().map(u128::to_string),
                };
                let decimal = decimal.or_else(|| other.downcast_ref::<i128>().map(i128::to_string));
                match decimal.and_then(|decimal| decimal.parse().ok()) {
                    Some(value) => Value::integer(value),
                    None => return default_atom(self, atom, state),
                }
            }
            _ => return default_atom(self, atom, state),
        };
        *self.out = Some(Foreign(value));
        Ok(())
    }

    fn seq(&mut self, state: &mut State) -> Result<(), Error> {
        self.open = Some(Open::Sequence(take_kind(state), Vec::new()));
        Ok(())
    }

    fn map(&mut self, _state: &mut State) -> Result<(), Error> {
        self.open = Some(Open::Map(Map::new()));
        Ok(())
    }

    fn next_key(&mut self, state: &mut State) -> Result<SinkHandle<'_, 'de>, Error> {
        self.keep()?;
        Ok(Foreign::deserialize_into(&mut self.key, state))
    }

    fn next_value(&mut self, state: &mut State) -> Result<SinkHandle<'_, 'de>, Error> {
        if matches!(self.open, Some(Open::Sequence(..))) {
            self.keep()?;
        }
        Ok(Foreign::deserialize_into(&mut self.value, state))
    }

    fn finish(&mut self, _state: &mut State) -> Result<(), Error> {
        self.keep()?;
        let value = match self.open.take() {
            Some(Open::Sequence(Some(Kind::Tuple), items)) => Value::Tuple(items),
            Some(Open::Sequence(Some(Kind::Set | Kind::FrozenSet), items)) => Value::set(items),
            Some(Open::Sequence(_, items)) => Value::List(items),
            Some(Open::Map(map)) => Value::Map(map),
            None => return Ok(()),
        };
        *self.out = Some(Foreign(value));
        Ok(())
    }
}
