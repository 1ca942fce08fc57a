//! Conversion of pickled objects to a tree of [`Value`]s.

use std::{borrow::Cow, fmt};

use super::{
    Global, Graph, Id, Node, PathClass,
    numpy::{Number, NumberType},
    path, surrogates,
};
use crate::{
    torch_files::{
        FormatError, FormatErrorKind as Kind,
        error::{excerpt, within},
        limits::{MAX_PICKLE_DEPTH, MAX_PRINTED_BYTES, MAX_VALUE_NODES, MAX_VALUE_TEXT_BYTES},
    },
    value::{Map, Value, python_repr},
};

pub(super) type Result<T> = std::result::Result<T, FormatError>;

impl Graph {
    /// The tree of values under an object. A shared object is copied to every place that refers to it.
    ///
    /// NumPy scalars become plain numbers, a byte array becomes bytes, and an ordered dict becomes a dict. Text that is not
    /// UTF-8, a dict with other keys than text and objects such as a `range` become what their repr prints.
    ///
    /// # Errors
    /// Errors name the place in Python's subscript notation. `malformed` for a container that contains itself, a key
    /// of the outermost dict that is not text and a type without a value; `unsafe` for a tree of more than [`MAX_VALUE_NODES`] objects,
    /// [`MAX_PICKLE_DEPTH`] levels or [`MAX_VALUE_TEXT_BYTES`] of text.
    pub fn to_value(&self, id: Id) -> Result<Value> {
        self.tree().value(id)
    }

    fn tree(&self) -> Tree<'_> {
        Tree { graph: self, open: Vec::new(), printings: 0, nodes: 0, text_bytes: 0, printed_bytes: 0 }
    }

    /// The values of these keys and values of a dict.
    ///
    /// # Errors
    /// As [`Graph::to_value`].
    pub(crate) fn to_map(&self, dict: Id, pairs: &[(Id, Id)]) -> Result<Map> {
        self.tree().inside(dict, |tree| tree.map(pairs))
    }
}

/// A Python object that a params snapshot should not contain: [`Graph::to_value`] does not keep what it is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertedObject {
    /// A path of `pathlib`: its class is lost.
    Path,
    /// A NumPy scalar, converted to a number or bool.
    NumpyScalar,
    /// A `bytearray`, converted to `bytes`.
    ByteArray,
}

impl fmt::Display for ConvertedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "a path",
            Self::NumpyScalar => "a NumPy scalar",
            Self::ByteArray => "a bytearray",
        })
    }
}

/// A value in which an object was converted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Its key in the outermost dict.
    pub key: String,
    /// The place of the object below it in Python's subscript notation; empty for the value itself.
    pub below: String,
    /// What the object is; the first one if there are several.
    pub object: ConvertedObject,
}

impl Graph {
    /// When the root is a dict that has values: those in which an object is converted.
    pub(crate) fn converted(&self) -> Vec<Converted> {
        let Node::Dict(pairs) = self.node(self.root()) else { return Vec::new() };
        let converted = |(key, value): &(Id, Id)| {
            let (below, object) = self.first_converted(*value)?;
            Some(Converted { key: self.text(*key)?.to_owned(), below, object })
        };
        pairs.iter().filter_map(converted).collect()
    }

    /// The first such object at or below this one, and its place. The tree that [`Graph::to_value`] has made bounds the depth
    /// and the time.
    fn first_converted(&self, id: Id) -> Option<(String, ConvertedObject)> {
        let below = |place: String, id: Id| {
            let (rest, object) = self.first_converted(id)?;
            Some((place + &rest, object))
        };
        let object = match self.node(id) {
            Node::Call { global: Global::Path(_), .. } => ConvertedObject::Path,
            Node::Call { global: Global::NumpyScalar, .. } => ConvertedObject::NumpyScalar,
            Node::ByteArray(_) => ConvertedObject::ByteArray,
            Node::List(items) | Node::Tuple(items) => {
                return items.iter().enumerate().find_map(|(index, item)| below(format!("[{index}]"), *item));
            }
            Node::Set(items) | Node::FrozenSet(items) => {
                return items.iter().find_map(|item| self.first_converted(*item));
            }
            Node::Dict(pairs) => {
                return pairs.iter().find_map(|(key, value)| {
                    let place = self.text(*key).map(subscript).unwrap_or_default();
                    self.first_converted(*key).or_else(|| below(place, *value))
                });
            }
            Node::None
            | Node::Bool(_)
            | Node::Int(_)
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::Bytes(_)
            | Node::Text(_)
            | Node::Surrogates(_)
            | Node::Global(_)
            | Node::Call { .. }
            | Node::Persistent(_) => return None,
        };
        Some((String::new(), object))
    }
}

pub(super) struct Tree<'g> {
    pub(super) graph: &'g Graph,
    /// The containers around the current object.
    open: Vec<Id>,
    /// How often the current object is printed: by each set around it, and by an object that only its repr describes.
    pub(super) printings: u64,
    nodes: u64,
    text_bytes: u64,
    /// An upper bound of the bytes that are printed.
    printed_bytes: u64,
}

/// The most bytes that one object prints, without its text, and that one byte of its text prints.
const PRINTED_OBJECT: u64 = 32;
const PRINTED_BYTE: u64 = 6;

impl Tree<'_> {
    fn value(&mut self, id: Id) -> Result<Value> {
        self.count()?;
        let node = self.graph.node(id);
        match node {
            Node::None => Ok(Value::None),
            Node::Bool(value) => Ok(Value::Bool(*value)),
            Node::Int(value) => Ok(Value::Int(*value)),
            Node::BigInt(value) => {
                self.count_bytes(usize::try_from(value.bits().div_ceil(8)).unwrap_or(usize::MAX))?;
                Ok(Value::BigInt(value.clone()))
            }
            Node::Float(value) => Ok(Value::Float(*value)),
            Node::Text(text) => self.text(text).map(Value::Text),
            Node::Bytes(bytes) | Node::ByteArray(bytes) => {
                self.count_bytes(bytes.len())?;
                Ok(Value::Bytes(bytes.clone()))
            }
            Node::Surrogates(_) => self.python(id),
            Node::List(items) => self.inside(id, |tree| tree.items(items)).map(Value::List),
            Node::Tuple(items) => self.inside(id, |tree| tree.items(items)).map(Value::Tuple),
            Node::Set(items) | Node::FrozenSet(items) => {
                self.printings += 1;
                let items = self.inside(id, |tree| {
                    items.iter().try_for_each(|item| tree.hashable(*item))?;
                    tree.items(items)
                });
                self.printings -= 1;
                items.map(Value::set)
            }
            // Every consumer looks the outermost keys up by their text (BUN-007).
            Node::Dict(pairs) if self.open.is_empty() || self.has_text_keys(pairs) => {
                self.inside(id, |tree| tree.map(pairs)).map(Value::Map)
            }
            Node::Dict(_) => self.python(id),
            Node::Call { global: Global::Path(class), arguments, .. } => {
                let (code_points, is_text) = self.path(*class, arguments)?;
                if is_text { Ok(Value::Path(code_points)) } else { self.python(id) }
            }
            Node::Call { global: Global::NumpyScalar, arguments, .. } => {
                Ok(match self.scalar(arguments)? {
                    Number::Bool(value) => Value::Bool(value),
                    Number::Int(value) => Value::integer(value.into()),
                    Number::Float(value) => Value::Float(value),
                    Number::Complex(real, imaginary) => Value::Python(python_repr::complex(real, imaginary)),
                })
            }
            Node::Call { global: Global::Class(_), .. } | Node::Global(Global::TorchDtype(_)) => {
                self.python(id)
            }
            Node::Global(_) | Node::Call { .. } | Node::Persistent(_) => Err(no_value(node)),
        }
    }

    fn has_text_keys(&self, pairs: &[(Id, Id)]) -> bool {
        pairs.iter().all(|(key, _)| self.graph.text(*key).is_some())
    }

    pub(super) fn count(&mut self) -> Result<()> {
        self.nodes += 1;
        within("objects in a value", self.nodes, MAX_VALUE_NODES)?;
        self.count_printed(PRINTED_OBJECT)
    }

    /// Counts printed bytes: a set sorts its items by their printed form, and so does every set around it.
    pub(super) fn count_printed(&mut self, bytes: u64) -> Result<()> {
        self.printed_bytes = self.printed_bytes.saturating_add(bytes.saturating_mul(self.printings));
        Ok(within("bytes of printed objects", self.printed_bytes, MAX_PRINTED_BYTES)?)
    }

    fn text(&mut self, text: &str) -> Result<String> {
        self.count_bytes(text.len())?;
        Ok(text.to_owned())
    }

    pub(super) fn count_bytes(&mut self, length: usize) -> Result<()> {
        self.text_bytes = self.text_bytes.saturating_add(length as u64);
        within("bytes of text in a value", self.text_bytes, MAX_VALUE_TEXT_BYTES)?;
        self.count_printed((length as u64).saturating_mul(PRINTED_BYTE))
    }

    pub(super) fn inside<T>(&mut self, id: Id, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.open.contains(&id) {
            return Err(Kind::ContainsItself(self.graph.node(id).type_name()).into());
        }
        self.open.push(id);
        within("levels of containers", self.open.len() as u64, MAX_PICKLE_DEPTH)?;
        let value = read(self);
        self.open.pop();
        value
    }

    fn items(&mut self, items: &[Id]) -> Result<Vec<Value>> {
        let item = |(index, id): (usize, &Id)| {
            self.value(*id).map_err(|error| error.under(format_args!("[{index}]")))
        };
        items.iter().enumerate().map(item).collect()
    }

    fn map(&mut self, pairs: &[(Id, Id)]) -> Result<Map> {
        let mut map = Map::new();
        for (key, value) in pairs {
            let Node::Text(key) = self.graph.node(*key) else {
                let found = match self.graph.node(*key) {
                    Node::Surrogates(_) => "text that is not UTF-8",
                    other => other.type_name(),
                };
                return Err(Kind::Unexpected { expected: "a text key", found: found.to_owned() }.into());
            };
            let value = self.value(*value).map_err(|error| error.under(subscript(key)))?;
            map.insert(self.text(key)?, value);
        }
        Ok(map)
    }

    /// The path of these segments, as Python's `str` prints it, and whether that is UTF-8. If it is not, surrogates have
    /// stand-ins.
    pub(super) fn path(&mut self, class: PathClass, segments: &[Id]) -> Result<(String, bool)> {
        let graph = self.graph;
        let (mut texts, mut is_text) = (Vec::new(), true);
        for segment in segments {
            self.count()?;
            texts.push(match graph.node(*segment) {
                Node::Text(text) => {
                    self.count_bytes(text.len())?;
                    Cow::Borrowed(text.as_str())
                }
                Node::Surrogates(code_points) => {
                    is_text = false;
                    self.count_bytes(4 * code_points.len())?;
                    let characters = "a path with surrogates and with characters of plane 16";
                    let unsupported = || Kind::Unsupported(characters.to_owned());
                    Cow::Owned(surrogates::with_stand_ins(code_points).ok_or_else(unsupported)?)
                }
                node => return Err(unexpected("the text of a path", node)),
            });
        }
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        Ok((path::text(class.separator, &texts), is_text))
    }

    /// The number of a NumPy scalar, from its dtype, which may carry a byte order, and its bytes.
    pub(super) fn scalar(&self, arguments: &[Id]) -> Result<Number> {
        let wrong = || Kind::Unexpected {
            expected: "a NumPy scalar of a type and bytes",
            found: "something else".into(),
        };
        let &[dtype, bytes] = arguments else { return Err(wrong().into()) };
        let Node::Call { global: Global::NumpyDtype, arguments, state } = self.graph.node(dtype) else {
            return Err(unexpected("a NumPy dtype", self.graph.node(dtype)));
        };
        let code = arguments.first().and_then(|code| self.graph.text(*code)).ok_or_else(wrong)?;
        let state = state.and_then(|state| self.graph.sequence(state));
        let order = state.and_then(|state| self.graph.text(*state.get(1)?));
        let kind = NumberType::parse(code, order)?;
        let Node::Bytes(bytes) = self.graph.node(bytes) else {
            return Err(unexpected("the bytes of a NumPy scalar", self.graph.node(bytes)));
        };
        Ok(kind.decode(bytes).ok_or_else(wrong)?)
    }
}

/// `['key']`, in Python's subscript notation.
pub(crate) fn subscript(key: &str) -> String {
    subscript_of(&excerpt(key))
}

/// The same for a key of any length. As in Python's repr, a text with single quotes and no others has double ones around.
pub(crate) fn subscript_of(key: &str) -> String {
    let quote = if key.contains('\'') && !key.contains('"') { '"' } else { '\'' };
    let escape = |one: char| {
        let is_other_quote = one != quote && ['\'', '"'].contains(&one);
        if is_other_quote { one.to_string() } else { one.escape_debug().to_string() }
    };
    format!("[{quote}{}{quote}]", key.chars().map(escape).collect::<String>())
}

/// The refusal of an object without a value.
pub(super) fn no_value(node: &Node) -> FormatError {
    // Functions of dill that were not called: what they would be called with is not known.
    if let Node::Global(Global::Dill(function)) = node {
        return function.refused().into();
    }
    unexpected("a plain value", node)
}

pub(super) fn unexpected(expected: &'static str, node: &Node) -> FormatError {
    Kind::Unexpected { expected, found: node.type_name().to_owned() }.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::torch_files::pickle::{Allow, read};

    fn value(bytes: &[u8]) -> Result<Value> {
        let graph = read(bytes, Allow::VALUES).unwrap();
        graph.to_value(graph.root())
    }

    fn list(items: Vec<Value>) -> Value {
        Value::List(items)
    }

    #[test]
    fn a_change_of_a_shared_list_shows_through_each_alias() {
        // x = []; [x, x] with 1 appended to x through the second alias.
        let one = || list(vec![Value::Int(1)]);
        assert_eq!(value(b"(]q\0h\0K\x01al.").unwrap(), list(vec![one(), one()]));
    }

    #[test]
    fn a_dict_under_two_keys_is_complete_under_both() {
        let inner = Value::from(Map::from_iter([("k".to_owned(), Value::None)]));
        let outer = Map::from_iter([("a".to_owned(), inner.clone()), ("b".to_owned(), inner)]);
        assert_eq!(value(b"}(\x8c\x01a}\x94\x8c\x01kNs\x8c\x01bh\0u.").unwrap(), Value::from(outer));
    }

    #[test]
    fn a_repeated_key_keeps_its_first_position_and_its_last_value() {
        let value = value(b"}(\x8c\x01aK\x01\x8c\x01bK\x02\x8c\x01aK\x03u.").unwrap();
        assert_eq!(value.to_string(), "{'a': 3, 'b': 2}");
    }

    #[test]
    fn a_list_that_contains_itself_is_refused() {
        let error = value(b"]q\0h\0a.").unwrap_err();
        assert_eq!(
            (error.place.subscript.as_deref(), error.kind),
            (Some("[0]"), Kind::ContainsItself("list"))
        );
    }

    #[test]
    fn levels_are_bounded_without_deep_recursion() {
        let deep = [vec![b']'; 200_000], vec![b'a'; 199_999], vec![b'.']].concat();
        assert!(matches!(value(&deep).unwrap_err().kind, Kind::Limit { what: "levels of containers", .. }));
    }

    #[test]
    fn sharing_does_not_expand_without_bound() {
        // Each level holds the one below it twice.
        let doubled = |levels: u8| {
            let mut bomb = b"]q\0".to_vec();
            for level in 0..levels {
                bomb.extend([b'0', b'(', b'h', level, b'h', level, b'l', b'q', level + 1]);
            }
            bomb.push(b'.');
            value(&bomb)
        };
        assert!(doubled(16).is_ok(), "2^17 - 1 lists");
        for levels in [17, 60] {
            let kind = doubled(levels).unwrap_err().kind;
            assert!(matches!(kind, Kind::Limit { what: "objects in a value", .. }), "{kind}");
        }
    }

    #[test]
    fn a_shared_text_does_not_expand_without_bound() {
        let text = [&b"X\0\0\x10\0"[..], &[b'x'; 1 << 20], b"q\0"].concat();
        let bomb = |times| value(&[b"(", &text[..], &b"h\0".repeat(times), b"l."].concat());
        assert!(bomb(15).is_ok());
        assert!(matches!(bomb(16).unwrap_err().kind, Kind::Limit { what: "bytes of text in a value", .. }));
    }

    #[test]
    fn a_shared_integer_does_not_expand_without_bound() {
        // Python's `int` has no fixed size, so it counts like text.
        let integer = [&b"\x8b\0\x04\0\0"[..], &[0x7f; 1 << 10], b"q\0"].concat();
        let bomb = |times| value(&[b"(", &integer[..], &b"h\0".repeat(times), b"l."].concat());
        assert!(bomb((1 << 14) - 1).is_ok());
        assert!(matches!(
            bomb(1 << 14).unwrap_err().kind,
            Kind::Limit { what: "bytes of text in a value", .. }
        ));
    }

    #[test]
    fn sets_do_not_print_their_items_without_bound() {
        // Every set prints its whole content, with up to six bytes for a byte of text, and so do the sets around it.
        let text = [&b"X\0\0\x10\0"[..], &[0x7f; 1 << 20], b"q\0"].concat();
        let sets = |depth| value(&[&b"(".repeat(depth), &text[..], &b"\x91".repeat(depth), b"."].concat());
        assert!(sets(2).is_ok());
        let kind = sets(3).unwrap_err().kind;
        assert!(matches!(kind, Kind::Limit { what: "bytes of printed objects", .. }), "{kind}");
        let printed = |value: Value| value.to_string().len() as u64;
        assert!(printed(Value::Float(-f64::MIN_POSITIVE * 1.1)) + 2 <= PRINTED_OBJECT);
        assert_eq!(printed(Value::from("\x7f")) - 2, PRINTED_BYTE);
    }

    #[test]
    fn text_outside_of_a_set_is_not_counted_as_printed() {
        let text = [&b"X\0\0\x30\0"[..], &[0x7f; 3 << 20]].concat();
        assert!(value(&[b"(\x8f", &text[..], b"l."].concat()).is_ok());
        assert!(value(&[b"((", &text[..], b"\x91l."].concat()).is_err());
    }

    #[test]
    fn a_key_of_the_outermost_dict_that_is_not_text_is_refused() {
        let refused = |pickle: &[u8]| value(pickle).unwrap_err().to_string();
        assert_eq!(refused(b"}K\x01Ns."), "expected a text key, found int");
        assert_eq!(refused(b"}\x8c\x03\xed\xb3\xbfNs."), "expected a text key, found text that is not UTF-8");
    }

    #[test]
    fn a_type_without_a_value_is_refused() {
        let error = value(b"cnumpy\ndtype\n.").unwrap_err();
        assert!(matches!(error.kind, Kind::Unexpected { expected: "a plain value", .. }), "{error}");
    }

    #[test]
    fn the_first_converted_object_of_each_value_is_listed() {
        let converted = |bytes: &[u8]| {
            let found = read(bytes, Allow::VALUES).unwrap().converted();
            found.into_iter().map(|own| (own.key + &own.below, own.object)).collect::<Vec<_>>()
        };
        let path = "cpathlib\nPosixPath\n(Va\ntR";
        let scalar = "cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(Vi1\ntRC\u{1}\u{1}tR";
        let dict = format!(
            "}}(Vat\n{path}Vn\n{scalar}Vx\nI1\nVin\n(I1\n}}(Vi\nNVj\n({path}luVk\ntVkey\n}}{scalar}NsVset\n({path}\u{91}u."
        );
        let bytes: Vec<u8> = dict.chars().map(|one| one as u8).collect();
        let expected = [
            ("at", ConvertedObject::Path),
            ("n", ConvertedObject::NumpyScalar),
            ("in[1]['j'][0]", ConvertedObject::Path),
            ("key", ConvertedObject::NumpyScalar),
            ("set", ConvertedObject::Path),
        ];
        assert_eq!(converted(&bytes), expected.map(|(place, object)| (place.to_owned(), object)));
        assert!(converted(format!("{path}.").as_bytes()).is_empty());
    }

    #[test]
    fn paths_keep_their_text() {
        let path =
            |class: &str, parts: &str| value(format!("cpathlib\n{class}\n({parts}tR.").as_bytes()).unwrap();
        let is = |text: &str| Value::Path(text.to_owned());
        assert_eq!(path("PosixPath", "V/\nVa\nVb\n"), is("/a/b"));
        assert_eq!(path("PosixPath", ""), is("."));
        assert_eq!(path("PureWindowsPath", "VC:\\u005c\nVa\nVb\n"), is(r"C:\a\b"));
        // Python 3.13 defines them in a module of their own, and keeps the segments as they were given.
        assert_eq!(value(b"cpathlib._local\nPosixPath\n(Vruns//./gs1/\ntR.").unwrap(), is("runs/gs1"));
    }

    #[test]
    fn numpy_scalars_are_decoded_in_the_byte_order_of_their_dtype() {
        let scalar = |code: &str, order: &str, bytes: &[u8]| {
            let dtype = format!("cnumpy\ndtype\n(V{code}\nI00\nI01\ntR(K\x03V{order}\nNtb");
            value(
                &[
                    b"cnumpy._core.multiarray\nscalar\n(",
                    dtype.as_bytes(),
                    b"C",
                    &[bytes.len() as u8],
                    bytes,
                    b"tR.",
                ]
                .concat(),
            )
        };
        assert_eq!(scalar("f8", "<", &2.5f64.to_le_bytes()).unwrap(), Value::Float(2.5));
        assert_eq!(scalar("f8", ">", &2.5f64.to_be_bytes()).unwrap(), Value::Float(2.5));
        assert_eq!(scalar("b1", "|", &[1]).unwrap(), Value::Bool(true));
        assert_eq!(scalar("i4", "<", &[0xfe, 0xff, 0xff, 0xff]).unwrap(), Value::Int(-2));
        assert_eq!(scalar("u8", "<", &[0xff; 8]).unwrap(), Value::integer(u64::MAX.into()));
        assert!(scalar("f8", "<", &[0; 7]).is_err());
    }
}
