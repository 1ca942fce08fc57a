//! Writes plain values as pickles, in the two protocols that bundles contain.

use crate::torch_files::pickle::opcode::*;
use crate::{
    torch_files::{FormatError, FormatErrorKind, error::excerpt},
    value::Value,
};

/// The largest number of items that Python sets with one opcode.
const BATCH: usize = 1000;

/// The pickle protocols of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Written by `torch.save` and accepted by `torch.load(weights_only=True)`, which refuses integers of more than 255
    /// bytes in every form.
    Two,
    /// Written by `dill.dump`: one frame, and every object that could be shared is memoized.
    Four,
}

/// Pickles a value. The same value gives the same bytes (BUN-015). Floats keep their bits.
///
/// # Errors
/// `unsupported` for a value that only its repr describes: its class has no pickle here.
pub fn write_value(value: &Value, protocol: Protocol) -> Result<Vec<u8>, FormatError> {
    let mut writer = Writer::new(protocol);
    writer.value(value);
    writer.finish()
}

/// Appends opcodes to a pickle.
pub(crate) struct Writer {
    protocol: Protocol,
    body: Vec<u8>,
    /// The first value that cannot be written.
    refused: Option<FormatErrorKind>,
}

impl Writer {
    pub(crate) fn new(protocol: Protocol) -> Self {
        Self { protocol, body: Vec::new(), refused: None }
    }

    /// The whole pickle, unless a value in it could not be written.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, FormatError> {
        if let Some(refused) = self.refused {
            return Err(refused.into());
        }
        self.body.push(STOP);
        let mut pickle = match self.protocol {
            Protocol::Two => vec![PROTO, 2],
            Protocol::Four => vec![PROTO, 4, FRAME],
        };
        if self.protocol == Protocol::Four {
            pickle.extend((self.body.len() as u64).to_le_bytes());
        }
        pickle.append(&mut self.body);
        Ok(pickle)
    }

    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::None => self.body.push(NONE),
            Value::Bool(value) => self.bool(*value),
            Value::Int(value) => self.int(*value),
            Value::BigInt(value) => self.long(&value.to_signed_bytes_le()),
            Value::Float(value) => {
                self.body.push(BINFLOAT);
                self.body.extend(value.to_be_bytes());
            }
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::Text(text) => self.text(text),
            Value::Path(path) => self.path(path),
            Value::List(items) => {
                self.body.push(EMPTY_LIST);
                self.memoize();
                self.batches(items.iter(), [APPEND, APPENDS], Self::value);
            }
            Value::Tuple(items) => self.tuple_of(items),
            Value::Set(items) => self.set(items),
            Value::Map(map) => {
                self.dict();
                self.items(map.iter().map(|(key, value)| (key.as_str(), value)), Self::value);
            }
            Value::Python(repr) => {
                let what = format!("writing the object {}; save it as text or numbers", excerpt(repr));
                self.refused.get_or_insert(FormatErrorKind::Unsupported(what));
            }
        }
    }

    /// Sets items of the dict on top of the stack.
    pub(crate) fn items<'v, V>(
        &mut self,
        items: impl ExactSizeIterator<Item = (&'v str, V)>,
        mut write: impl FnMut(&mut Self, V),
    ) {
        self.batches(items, [SETITEM, SETITEMS], |writer, (key, value)| {
            writer.text(key);
            write(writer, value);
        });
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.body.push(if value { NEWTRUE } else { NEWFALSE });
    }

    pub(crate) fn int(&mut self, value: i64) {
        if let Ok(value) = u8::try_from(value) {
            self.body.extend([BININT1, value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.body.push(BININT2);
            self.body.extend(value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.body.push(BININT);
            self.body.extend(value.to_le_bytes());
        } else {
            // The fewest bytes that hold the sign, as Python writes.
            let bits =
                if value.is_negative() { 65 - value.leading_ones() } else { 65 - value.leading_zeros() };
            let bytes = value.to_le_bytes();
            self.long(bytes.get(..bits.div_ceil(8) as usize).unwrap_or(&bytes));
        }
    }

    fn long(&mut self, bytes: &[u8]) {
        match u8::try_from(bytes.len()) {
            Ok(length) => self.body.extend([LONG1, length]),
            Err(_) => {
                self.body.push(LONG4);
                self.body.extend((bytes.len() as u32).to_le_bytes());
            }
        }
        self.body.extend(bytes);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match (self.protocol, u8::try_from(bytes.len()), u32::try_from(bytes.len())) {
            // Protocol 2 has no opcode for bytes: Python encodes them from a text with one character for each byte. For empty
            // bytes it writes a call of `bytes`, which `torch.load(weights_only=True)` refuses, so that is not done here.
            (Protocol::Two, ..) => {
                self.global("_codecs", "encode");
                self.text(&bytes.iter().map(|byte| char::from(*byte)).collect::<String>());
                self.text("latin1");
                self.body.push(TUPLE2);
                self.reduce();
                return;
            }
            (Protocol::Four, Ok(length), _) => self.body.extend([SHORT_BINBYTES, length]),
            (Protocol::Four, _, Ok(length)) => {
                self.body.push(BINBYTES);
                self.body.extend(length.to_le_bytes());
            }
            (Protocol::Four, _, Err(_)) => {
                self.body.push(BINBYTES8);
                self.body.extend((bytes.len() as u64).to_le_bytes());
            }
        }
        self.body.extend(bytes);
        self.memoize();
    }

    fn tuple_of(&mut self, items: &[Value]) {
        let short = match items.len() {
            0 => return self.body.push(EMPTY_TUPLE),
            1 => Some(TUPLE1),
            2 => Some(TUPLE2),
            3 => Some(TUPLE3),
            _ => None,
        };
        if short.is_none() {
            self.body.push(MARK);
        }
        items.iter().for_each(|item| self.value(item));
        self.body.push(short.unwrap_or(TUPLE));
        self.memoize();
    }

    /// The path of this text. It is of the kind that every system can read.
    fn path(&mut self, path: &str) {
        self.global("pathlib", "PurePosixPath");
        self.tuple_of(&[Value::from(path)]);
        self.reduce();
    }

    fn set(&mut self, items: &[Value]) {
        match self.protocol {
            Protocol::Two => {
                self.global("__builtin__", "set");
                self.body.push(EMPTY_LIST);
                self.batches(items.iter(), [APPEND, APPENDS], Self::value);
                self.body.push(TUPLE1);
                self.reduce();
            }
            Protocol::Four => {
                self.body.push(EMPTY_SET);
                self.memoize();
                for batch in items.chunks(BATCH) {
                    self.body.push(MARK);
                    batch.iter().for_each(|item| self.value(item));
                    self.body.push(ADDITEMS);
                }
            }
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        match (self.protocol, u8::try_from(text.len()), u32::try_from(text.len())) {
            (Protocol::Four, Ok(length), _) => self.body.extend([SHORT_BINUNICODE, length]),
            (_, _, Ok(length)) => {
                self.body.push(BINUNICODE);
                self.body.extend(length.to_le_bytes());
            }
            // An opcode of protocol 4, which every current Python reads in any protocol.
            (_, _, Err(_)) => {
                self.body.push(BINUNICODE8);
                self.body.extend((text.len() as u64).to_le_bytes());
            }
        }
        self.body.extend(text.as_bytes());
        self.memoize();
    }

    /// A tuple of the objects that `write` pushes.
    pub(crate) fn tuple(&mut self, write: impl FnOnce(&mut Self)) {
        self.body.push(MARK);
        write(self);
        self.body.push(TUPLE);
    }

    pub(crate) fn global(&mut self, module: &str, name: &str) {
        self.body.push(GLOBAL);
        self.body.extend([module, "\n", name, "\n"].concat().into_bytes());
    }

    /// Calls the global below the tuple on top of the stack.
    pub(crate) fn reduce(&mut self) {
        self.body.push(REDUCE);
    }

    /// Replaces the tuple on top of the stack by the object with that persistent id.
    pub(crate) fn persistent(&mut self) {
        self.body.push(BINPERSID);
    }

    /// A dict without items.
    pub(crate) fn dict(&mut self) {
        self.body.push(EMPTY_DICT);
        self.memoize();
    }

    /// An `OrderedDict` without items.
    pub(crate) fn ordered_dict(&mut self) {
        self.global("collections", "OrderedDict");
        self.body.push(EMPTY_TUPLE);
        self.reduce();
    }

    fn batches<T>(
        &mut self,
        mut items: impl ExactSizeIterator<Item = T>,
        [one, many]: [u8; 2],
        mut write: impl FnMut(&mut Self, T),
    ) {
        while items.len() > 0 {
            let single = items.len() == 1;
            if !single {
                self.body.push(MARK);
            }
            items.by_ref().take(BATCH).for_each(|item| write(self, item));
            self.body.push(if single { one } else { many });
        }
    }

    /// Protocol 4 numbers memo entries implicitly. Nothing is shared here, but dill memoizes every object.
    fn memoize(&mut self) {
        if self.protocol == Protocol::Four {
            self.body.push(MEMOIZE);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::torch_files::pickle::{Allow, read};
    use crate::value::Map;

    fn returns(value: &Value) {
        for protocol in [Protocol::Two, Protocol::Four] {
            let graph = read(&write_value(value, protocol).unwrap(), Allow::VALUES).unwrap();
            assert_eq!(graph.to_value(graph.root()).unwrap(), *value, "{protocol:?}");
        }
    }

    #[test]
    fn integers_of_every_width_survive_a_round_trip() {
        for bits in 0..64 {
            for offset in -1..=1 {
                returns(&Value::Int((1i64 << bits).wrapping_add(offset)));
                returns(&Value::Int((1i64 << bits).wrapping_neg().wrapping_add(offset)));
            }
        }
    }

    #[test]
    fn floats_keep_their_bits() {
        let payload = f64::from_bits(0x7ff8_0000_dead_beef);
        for value in
            [0.0, -0.0, 1e-308, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, payload, f64::MIN_POSITIVE / 4.0]
        {
            returns(&Value::Float(value));
        }
    }

    #[test]
    fn texts_and_batches_of_every_length_survive_a_round_trip() {
        for length in [0, 255, 256] {
            returns(&Value::from("é".repeat(length)));
        }
        for length in [0, 1, 2, 999, 1000, 1001, 2001] {
            returns(&Value::List(vec![Value::None; length]));
            returns(&Value::Map((0..length).map(|key| (key.to_string(), Value::Bool(true))).collect()));
        }
    }

    /// The bytes that Python writes in protocol 4, after the frame.
    #[rstest]
    #[case(Value::Int(255), b"K\xff.")]
    #[case(Value::Int(256), b"M\0\x01.")]
    #[case(Value::Int(65535), b"M\xff\xff.")]
    #[case(Value::Int(65536), b"J\0\0\x01\0.")]
    #[case(Value::Int(-1), b"J\xff\xff\xff\xff.")]
    #[case(Value::Int(i32::MIN.into()), b"J\0\0\0\x80.")]
    #[case(Value::Int(1 << 31), b"\x8a\x05\0\0\0\x80\0.")]
    #[case(Value::Int(-1 - (1 << 31)), b"\x8a\x05\xff\xff\xff\x7f\xff.")]
    #[case(Value::Int(i64::MAX), b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.")]
    #[case(Value::Int(i64::MIN), b"\x8a\x08\0\0\0\0\0\0\0\x80.")]
    #[case(Value::Tuple(vec![]), b").")]
    #[case(Value::Tuple(vec![Value::None]), b"N\x85\x94.")]
    #[case(Value::Tuple(vec![Value::None; 2]), b"NN\x86\x94.")]
    #[case(Value::Tuple(vec![Value::None; 3]), b"NNN\x87\x94.")]
    #[case(Value::Tuple(vec![Value::None; 4]), b"(NNNNt\x94.")]
    #[case(Value::List(vec![]), b"]\x94.")]
    #[case(Value::List(vec![Value::Bool(true)]), b"]\x94\x88a.")]
    #[case(Value::List(vec![Value::Bool(false); 2]), b"]\x94(\x89\x89e.")]
    #[case(Value::set(vec![]), b"\x8f\x94.")]
    #[case(Value::set(vec![Value::None]), b"\x8f\x94(N\x90.")]
    #[case(Value::Bytes(b"a".to_vec()), b"C\x01a\x94.")]
    #[case(Value::Path("a".to_owned()), b"cpathlib\nPurePosixPath\n\x8c\x01a\x94\x85\x94R.")]
    #[case(Value::from("\u{e9}"), b"\x8c\x02\xc3\xa9\x94.")]
    fn values_are_written_with_the_bytes_that_python_writes(#[case] value: Value, #[case] body: &[u8]) {
        let frame = [&b"\x80\x04\x95"[..], &(body.len() as u64).to_le_bytes()].concat();
        assert_eq!(write_value(&value, Protocol::Four).unwrap(), [&frame, body].concat());
        returns(&value);
    }

    #[test]
    fn bytes_in_protocol_2_use_the_one_call_that_torch_allows() {
        let pickles: [(&[u8], &[u8]); 2] = [(b"", b"X\0\0\0\0"), (b"\xff", b"X\x02\0\0\0\xc3\xbf")];
        for (bytes, text) in pickles {
            let value = Value::Bytes(bytes.to_vec());
            let expected = [b"\x80\x02c_codecs\nencode\n", text, b"X\x06\0\0\0latin1\x86R."].concat();
            assert_eq!(write_value(&value, Protocol::Two).unwrap(), expected);
            returns(&value);
        }
    }

    #[test]
    fn a_manifest_is_written_with_the_bytes_that_dill_writes() {
        let models = Value::List(vec![Value::from("autoencoder"), Value::from("d")]);
        let map = Map::from_iter([
            ("models".to_owned(), models),
            ("version".to_owned(), Value::from("2.0-pytorch")),
        ]);
        let expected = b"\x80\x04\x95\x3c\0\0\0\0\0\0\0}\x94(\x8c\x06models\x94]\x94(\x8c\x0bautoencoder\x94\
            \x8c\x01d\x94e\x8c\x07version\x94\x8c\x0b2.0-pytorch\x94u.";
        assert_eq!(write_value(&Value::from(map), Protocol::Four).unwrap(), expected);
    }

    #[test]
    fn an_object_that_only_its_repr_describes_is_not_written() {
        let object = Value::Python("range(0, 2)".to_owned());
        let inside =
            Value::from(Map::from_iter([("a".to_owned(), Value::List(vec![object.clone(), Value::None]))]));
        for value in [object, inside] {
            for protocol in [Protocol::Two, Protocol::Four] {
                let error = write_value(&value, protocol).unwrap_err();
                let expected = "unsupported: writing the object range(0, 2); save it as text or numbers";
                assert_eq!(error.to_string(), expected);
            }
        }
    }
}
