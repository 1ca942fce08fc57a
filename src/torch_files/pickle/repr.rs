//! Objects that are shown as Python's `repr` prints them, because the notation of values has no other form for them.
//!
//! Two things differ from Python, whose own result would not be the same each time or everywhere: the items of a set are in
//! the order of their printed forms, and a NumPy scalar is the plain number.

use std::collections::{HashMap, hash_map::Entry};

use super::{
    Class, Global, Id, Node,
    convert::{Result, Tree, no_value, unexpected},
    numpy::Number,
    surrogates,
};
use crate::{
    torch_files::error::excerpt,
    value::{Value, python_repr},
};

impl Tree<'_> {
    /// The value of an object by its repr.
    pub(super) fn python(&mut self, id: Id) -> Result<Value> {
        let mut text = String::new();
        self.printings += 1;
        let printed = self.repr(id, &mut text);
        self.printings -= 1;
        printed.map(|()| Value::Python(text))
    }

    /// Appends the repr of an object, whose length is counted before it is printed.
    pub(super) fn repr(&mut self, id: Id, out: &mut String) -> Result<()> {
        self.count()?;
        let graph = self.graph;
        let node = graph.node(id);
        match node {
            Node::None => out.push_str("None"),
            Node::Bool(value) => out.push_str(bool(*value)),
            Node::Int(value) => out.push_str(&value.to_string()),
            Node::BigInt(value) => {
                self.count_bytes(usize::try_from(value.bits().div_ceil(8)).unwrap_or(usize::MAX))?;
                out.push_str(&value.to_string());
            }
            Node::Float(value) => out.push_str(&python_repr::float(*value)),
            Node::Text(text) => {
                self.count_bytes(text.len())?;
                python_repr::push_text(out, text.chars().map(u32::from));
            }
            Node::Surrogates(code_points) => {
                self.count_bytes(4 * code_points.len())?;
                python_repr::push_text(out, code_points.iter().copied());
            }
            Node::Bytes(bytes) => {
                self.count_bytes(bytes.len())?;
                python_repr::push_bytes(out, bytes);
            }
            Node::ByteArray(bytes) => {
                self.count_bytes(bytes.len())?;
                python_repr::push_byte_array(out, bytes);
            }
            Node::List(items) => self.inside(id, |tree| tree.repr_items(out, ["[", "]"], items))?,
            Node::Tuple(items) => {
                let close = if items.len() == 1 { ",)" } else { ")" };
                self.inside(id, |tree| tree.repr_items(out, ["(", close], items))?;
            }
            Node::Set(items) if items.is_empty() => out.push_str("set()"),
            Node::Set(items) => self.inside(id, |tree| tree.repr_set(out, ["{", "}"], items))?,
            Node::FrozenSet(items) if items.is_empty() => out.push_str("frozenset()"),
            Node::FrozenSet(items) => {
                self.inside(id, |tree| tree.repr_set(out, ["frozenset({", "})"], items))?;
            }
            Node::Dict(pairs) if graph.is_ordered(id) => {
                self.inside(id, |tree| tree.repr_ordered_dict(out, pairs))?;
            }
            Node::Dict(pairs) => self.inside(id, |tree| tree.repr_dict(out, pairs))?,
            Node::Call { global: Global::Path(class), arguments, .. } => {
                let (path, _) = self.path(*class, arguments)?;
                let path = path.replace(class.separator, "/");
                out.push_str(class.name);
                out.push('(');
                python_repr::push_text(out, surrogates::without_stand_ins(&path));
                out.push(')');
            }
            Node::Call { global: Global::NumpyScalar, arguments, .. } => match self.scalar(arguments)? {
                Number::Bool(value) => out.push_str(bool(value)),
                Number::Int(value) => out.push_str(&value.to_string()),
                Number::Float(value) => out.push_str(&python_repr::float(value)),
                Number::Complex(real, imaginary) => out.push_str(&python_repr::complex(real, imaginary)),
            },
            Node::Call { global: Global::Class(class), arguments, .. } => {
                self.inside(id, |tree| tree.repr_call(*class, arguments, out))?;
            }
            Node::Global(Global::TorchDtype(name)) => {
                out.push_str("torch.");
                out.push_str(name);
            }
            Node::Global(_) | Node::Call { .. } | Node::Persistent(_) => return Err(no_value(node)),
        }
        Ok(())
    }

    fn repr_items(&mut self, out: &mut String, [open, close]: [&str; 2], items: &[Id]) -> Result<()> {
        out.push_str(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            self.repr(*item, out).map_err(|error| error.under(format_args!("[{index}]")))?;
        }
        out.push_str(close);
        Ok(())
    }

    fn repr_set(&mut self, out: &mut String, [open, close]: [&str; 2], items: &[Id]) -> Result<()> {
        self.printings += 1;
        let printed = |item: &Id| {
            let mut text = String::new();
            self.hashable(*item)?;
            self.repr(*item, &mut text)?;
            Ok(text)
        };
        let printed = items.iter().map(printed).collect::<Result<Vec<_>>>();
        self.printings -= 1;
        let mut items = printed?;
        items.sort_unstable();
        items.dedup();
        out.push_str(open);
        out.push_str(&items.join(", "));
        out.push_str(close);
        Ok(())
    }

    fn repr_dict(&mut self, out: &mut String, pairs: &[(Id, Id)]) -> Result<()> {
        out.push('{');
        for (index, (key, value)) in self.unique(pairs)?.into_iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            out.push_str(&key);
            out.push_str(": ");
            self.repr(value, out).map_err(|error| error.under(format_args!("[{}]", excerpt(&key))))?;
        }
        out.push('}');
        Ok(())
    }

    /// As Python before 3.12 prints it, which later ones read as well.
    fn repr_ordered_dict(&mut self, out: &mut String, pairs: &[(Id, Id)]) -> Result<()> {
        out.push_str("OrderedDict(");
        if !pairs.is_empty() {
            out.push('[');
            for (index, (key, value)) in self.unique(pairs)?.into_iter().enumerate() {
                out.push_str(if index > 0 { ", (" } else { "(" });
                out.push_str(&key);
                out.push_str(", ");
                self.repr(value, out).map_err(|error| error.under(format_args!("[{}]", excerpt(&key))))?;
                out.push(')');
            }
            out.push(']');
        }
        out.push(')');
        Ok(())
    }

    /// The printed keys of a dict, each with the last of its values, in the order in which Python keeps them.
    fn unique(&mut self, pairs: &[(Id, Id)]) -> Result<Vec<(String, Id)>> {
        let mut unique: Vec<(String, Id)> = Vec::with_capacity(pairs.len());
        let mut places = HashMap::new();
        for (key, value) in pairs {
            let mut printed = String::new();
            self.repr(*key, &mut printed)?;
            match places.entry(self.identity(*key)?) {
                Entry::Vacant(place) => {
                    place.insert(unique.len());
                    unique.push((printed, *value));
                }
                Entry::Occupied(place) => {
                    if let Some((_, last)) = unique.get_mut(*place.get()) {
                        *last = *value;
                    }
                }
            }
        }
        Ok(unique)
    }

    /// Refuses an item of a set that Python cannot hash.
    pub(super) fn hashable(&mut self, id: Id) -> Result<()> {
        let graph = self.graph;
        let node = graph.node(id);
        match node {
            Node::List(_)
            | Node::Set(_)
            | Node::Dict(_)
            | Node::ByteArray(_)
            | Node::Call { global: Global::Class(Class::Slice), .. } => {
                Err(unexpected("a hashable item of a set", node))
            }
            Node::Tuple(items) => self.inside(id, |tree| {
                items.iter().try_for_each(|item| {
                    tree.count()?;
                    tree.hashable(*item)
                })
            }),
            Node::None
            | Node::Bool(_)
            | Node::Int(_)
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::Surrogates(_)
            | Node::Bytes(_)
            | Node::FrozenSet(_)
            | Node::Global(_)
            | Node::Call { .. }
            | Node::Persistent(_) => Ok(()),
        }
    }

    /// The same text for keys that Python calls equal: `1`, `1.0` and `True` are one key.
    fn identity(&mut self, key: Id) -> Result<String> {
        let graph = self.graph;
        let node = graph.node(key);
        Ok(match node {
            Node::Bool(value) => u8::from(*value).to_string(),
            Node::Float(value) => identity_of(*value, key),
            Node::Tuple(items) => self.inside(key, |tree| {
                let items = items.iter().map(|item| tree.identity(*item)).collect::<Result<Vec<_>>>()?;
                Ok(format!("({})", items.join(", ")))
            })?,
            Node::Call { global: Global::NumpyScalar, arguments, .. } => match self.scalar(arguments)? {
                Number::Bool(value) => u8::from(value).to_string(),
                Number::Int(value) => value.to_string(),
                Number::Float(value) => identity_of(value, key),
                Number::Complex(real, imaginary) => python_repr::complex(real, imaginary),
            },
            Node::Call { global: Global::Class(Class::Enumeration(_)), arguments, .. } => {
                match arguments.first().map(|number| graph.node(*number)) {
                    Some(Node::Int(number)) => number.to_string(),
                    Some(_) | None => return Err(no_value(node)),
                }
            }
            Node::List(_)
            | Node::Set(_)
            | Node::Dict(_)
            | Node::ByteArray(_)
            | Node::Call { global: Global::Class(Class::Slice), .. } => {
                return Err(unexpected("a hashable key", node));
            }
            Node::None
            | Node::Int(_)
            | Node::BigInt(_)
            | Node::Text(_)
            | Node::Surrogates(_)
            | Node::Bytes(_)
            | Node::FrozenSet(_)
            | Node::Global(_)
            | Node::Call { .. }
            | Node::Persistent(_) => {
                let mut text = String::new();
                self.repr(key, &mut text)?;
                text
            }
        })
    }
}

/// The text that a float as a key is compared by.
fn identity_of(value: f64, key: Id) -> String {
    if value.is_nan() {
        // It is equal to no other object.
        format!("nan {key:?}")
    } else if value == 0.0 {
        "0".to_owned()
    } else if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        python_repr::float(value)
    }
}

fn bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::torch_files::{
        FormatErrorKind as Kind,
        pickle::{Allow, read},
    };

    fn value(pickle: &[u8]) -> Result<Value> {
        let graph = read(pickle, Allow::VALUES)?;
        graph.to_value(graph.root())
    }

    /// The repr of an object in a list, because the outermost dict has text keys.
    fn shown(pickle: &[u8]) -> String {
        let Value::List(items) = value(&[b"(", pickle, b"l."].concat()).unwrap() else { unreachable!() };
        let [Value::Python(text)] = items.as_slice() else { unreachable!("{items:?}") };
        text.clone()
    }

    /// What is wrong with such an object.
    fn refused(pickle: &[u8]) -> String {
        value(&[b"(", pickle, b"l."].concat()).unwrap_err().to_string()
    }

    #[rstest]
    #[case::list(b"\x8f(]\x90", "list")]
    #[case::dict(b"(}\x91", "dict")]
    #[case::set(b"\x8f(\x8f\x90", "set")]
    #[case::inside_a_tuple(b"(]\x85\x91", "list")]
    #[case::in_a_printed_set(b"}K\x01\x8f(]\x90s", "list")]
    #[case::bytearray(b"(cbuiltins\nbytearray\n)R\x91", "bytearray")]
    fn an_item_of_a_set_is_hashable(#[case] pickle: &[u8], #[case] found: &str) {
        let said = refused(pickle);
        assert!(said.contains(&format!("expected a hashable item of a set, found {found}")), "{said}");
    }

    #[rstest]
    #[case::integers(b"}(K\x40K\x02M\x80\0K\x04u", "{64: 2, 128: 4}")]
    #[case::protocol_0(b"(dI64\nI2\nsI128\nI4\ns", "{64: 2, 128: 4}")]
    #[case::mixed(b"}(\x8c\x01aNN\x88G\x3f\xe0\0\0\0\0\0\0K\x01u", "{'a': None, None: True, 0.5: 1}")]
    #[case::tuple(b"}K\x01\x8c\x01a\x86C\x01\xffs", "{(1, 'a'): b'\\xff'}")]
    #[case::inner(b"}K\x01}\x8c\x01a]K\x01\x85ass", "{1: {'a': [(1,)]}}")]
    #[case::key_that_is_not_utf_8(b"}\x8c\x03\xed\xb3\xbfNs", r"{'\udcff': None}")]
    #[case::equal_keys(b"}(K\x01K\x02\x88K\x03G\x3f\xf0\0\0\0\0\0\0K\x04u", "{1: 4}")]
    #[case::zeros(b"}(G\x80\0\0\0\0\0\0\0K\x02K\0K\x03u", "{-0.0: 3}")]
    #[case::big(b"}(\x8a\x09\0\0\0\0\0\0\0\0\x01NG\x43\xf0\0\0\0\0\0\0\x88u", "{18446744073709551616: True}")]
    #[case::ordered(
        b"ccollections\nOrderedDict\n)R(K\x01K\x02K\x03\x89u",
        "OrderedDict([(1, 2), (3, False)])"
    )]
    #[case::array_of_bytes(b"}K\x01cbuiltins\nbytearray\nC\x01a\x85Rs", "{1: bytearray(b'a')}")]
    #[case::path(b"}K\x01cpathlib\nPureWindowsPath\nVc:\\u005ca\n\x85Rs", "{1: PureWindowsPath('c:/a')}")]
    fn a_dict_with_other_keys_than_text_is_shown_by_its_repr(#[case] pickle: &[u8], #[case] repr: &str) {
        assert_eq!(shown(pickle), repr);
    }

    #[test]
    fn sets_are_sorted_by_their_printed_items() {
        assert_eq!(shown(b"}K\x01\x8f(K\x0aK\x02\x8c\x01a\x90s"), "{1: {'a', 10, 2}}");
        assert_eq!(shown(b"}K\x01(K\x02K\x01\x91s"), "{1: frozenset({1, 2})}");
        assert_eq!(shown(b"}(K\x01\x8fK\x02(\x91u"), "{1: set(), 2: frozenset()}");
    }

    #[test]
    fn a_dict_with_text_keys_around_such_an_object_stays_a_dict() {
        let value = value(b"}\x8c\x01a}K\x01Nss.").unwrap();
        assert_eq!(value.as_map().unwrap()["a"], Value::Python("{1: None}".to_owned()));
    }

    #[test]
    fn text_that_is_not_utf_8_is_shown_by_its_repr() {
        for pickle in [&b"X\x04\0\0\0a\xed\xb3\xbf"[..], b"\x8c\x04a\xed\xb3\xbf", b"Va\\udcff\n"] {
            assert_eq!(shown(pickle), r"'a\udcff'");
        }
        let path = b"cpathlib\nPosixPath\n(V/\nVa\nX\x03\0\0\0\xed\xa0\x80tR";
        assert_eq!(shown(path), r"PosixPath('/a/\ud800')");
        let both = b"cpathlib\nPosixPath\nX\x07\0\0\0\xed\xa0\x80\xf4\x8f\x80\x80\x85R";
        assert!(refused(both).contains("unsupported: a path with surrogates"));
    }

    #[test]
    fn a_key_that_python_cannot_hash_is_refused() {
        for (pickle, found) in
            [(&b"}]Ns"[..], "list"), (b"}}Ns", "dict"), (b"}\x8fNs", "set"), (b"}K\x01]\x86Ns", "list")]
        {
            assert_eq!(refused(pickle), format!("[0]: expected a hashable key, found {found}"));
        }
    }

    #[test]
    fn an_object_without_a_value_is_refused_with_its_place() {
        let error = value(b"}\x8c\x01a}K\x01cbuiltins\nset\nss.").unwrap_err();
        assert_eq!(error.to_string(), "['a'][1]: expected a plain value, found global");
    }

    #[test]
    fn a_dict_in_itself_is_refused() {
        let error = value(b"]}q\0K\x01h\0sa.").unwrap_err();
        assert_eq!(error.kind, Kind::ContainsItself("dict"));
    }

    #[test]
    fn shared_objects_are_not_printed_without_bound() {
        // Each dict holds the one below it twice.
        let doubled = |levels: u8| {
            let mut bomb = b"]}q\0".to_vec();
            for level in 0..levels {
                bomb.extend([b'0', b'}', b'(', b'K', 1, b'h', level, b'K', 2, b'h', level, b'u']);
                bomb.extend([b'q', level + 1]);
            }
            bomb.extend(b"a.");
            value(&bomb)
        };
        assert!(doubled(13).is_ok());
        for levels in [17, 60] {
            let kind = doubled(levels).unwrap_err().kind;
            assert!(matches!(kind, Kind::Limit { .. }), "{kind}");
        }
        // One text many times.
        let text = [&b"X\0\0\x10\0"[..], &[0x7f; 1 << 20], b"q\0"].concat();
        let bomb = |times| value(&[b"]}K\x01(", &text[..], &b"h\0".repeat(times), b"lsa."].concat());
        assert!(bomb(1).is_ok());
        let kind = bomb(2).unwrap_err().kind;
        assert!(matches!(kind, Kind::Limit { what: "bytes of printed objects", .. }), "{kind}");
    }

    #[test]
    fn levels_are_bounded_for_every_kind_of_object() {
        // slice(slice(slice(..., None, None), None, None), None, None)
        let depth = 100_000;
        let deep = [&b"cbuiltins\nslice\n(".repeat(depth)[..], b"N", &b"NNtR".repeat(depth), b"."].concat();
        let kind = value(&deep).unwrap_err().kind;
        assert!(matches!(kind, Kind::Limit { what: "levels of containers", .. }), "{kind}");
    }

    #[test]
    fn a_number_of_numpy_is_the_plain_number() {
        let scalar = |code: &str, bytes: &[u8]| {
            let dtype = format!("cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(V{code}\ntRC");
            [dtype.as_bytes(), &[bytes.len() as u8], bytes, b"tR"].concat()
        };
        let complex = [1f64.to_le_bytes(), (-2f64).to_le_bytes()].concat();
        assert_eq!(shown(&scalar("c16", &complex)), "(1-2j)");
        let key = [&b"}"[..], &scalar("i1", &[7]), &scalar("f4", &0.5f32.to_le_bytes()), b"s"].concat();
        assert_eq!(shown(&key), "{7: 0.5}");
    }
}
