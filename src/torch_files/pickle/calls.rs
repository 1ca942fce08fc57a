//! What calls make of their arguments, as Python does. No call is made: those of containers and bytes are replaced by what
//! they return, and all others are recorded.

use super::{
    Class, Global, Id, Node,
    allow::{DillFunction, is_scheme, loaded_type},
    input::{Result, decimal},
    stack::{Machine, integer, unexpected},
};
use crate::torch_files::{
    FormatErrorKind as Kind,
    error::{excerpt, within},
    limits::MAX_PICKLE_BYTES,
};

/// What `__new__` of a class does with arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewTakes {
    /// What a call of the class does.
    AsACall,
    /// Nothing: only `__init__`, which is not called, would look at them.
    Nothing,
    /// Something that is not described.
    Unknown,
}

impl Machine<'_> {
    /// The arguments of a call. torch takes any object that has items, and pickle a tuple alone.
    pub(super) fn arguments(&self, given: Id) -> Result<Vec<Id>> {
        match self.graph.node(given) {
            Node::Tuple(arguments) => Ok(arguments.clone()),
            Node::List(arguments) if self.allow.foreign => Ok(arguments.clone()),
            Node::Dict(_) | Node::Text(_) | Node::Set(_) | Node::Call { .. } if self.allow.foreign => {
                Err(self.unsupported("a call with arguments", given))
            }
            Node::None
            | Node::Bool(_)
            | Node::Int(_)
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::Bytes(_)
            | Node::ByteArray(_)
            | Node::Text(_)
            | Node::Surrogates(_)
            | Node::List(_)
            | Node::Set(_)
            | Node::FrozenSet(_)
            | Node::Dict(_)
            | Node::Global(_)
            | Node::Call { .. }
            | Node::Persistent(_) => Err(self.wrong("a tuple of arguments", given)),
        }
    }

    /// What `__new__` of a class does with arguments.
    pub(super) fn new_takes(&self, class: Id) -> NewTakes {
        let Node::Global(global) = self.graph.node(class) else { return NewTakes::Unknown };
        match global {
            Global::Foreign(_) => NewTakes::AsACall,
            Global::OrderedDict | Global::Set | Global::ByteArray if self.allow.foreign => NewTakes::Nothing,
            Global::Class(Class::TorchSize | Class::TorchDevice | Class::Complex) | Global::ParameterType
                if self.allow.foreign =>
            {
                NewTakes::AsACall
            }
            // No supported pickle passes any.
            Global::OrderedDict
            | Global::Set
            | Global::FrozenSet
            | Global::ByteArray
            | Global::Bytes
            | Global::Encode
            | Global::RebuildTensor
            | Global::RebuildOldTensor
            | Global::RebuildTypedTensor
            | Global::Wrapper(_)
            | Global::RebuildFromType
            | Global::TensorType
            | Global::ParameterType
            | Global::Storage(_)
            | Global::UntypedStorage
            | Global::Path(_)
            | Global::NumpyDtype
            | Global::NumpyScalar
            | Global::Dill(_)
            | Global::Class(_)
            | Global::TorchDtype(_) => NewTakes::Unknown,
        }
    }

    pub(super) fn call(&mut self, callee: Id, arguments: Vec<Id>) -> Result<()> {
        if let Node::Global(global) = *self.graph.node(callee) {
            return self.call_global(global, arguments);
        }
        // What the call of a foreign global returned is called, as in `getattr(os, "system")("id")`.
        let Node::Call { global: global @ Global::Foreign(_), .. } = *self.graph.node(callee) else {
            return Err(self.wrong("a global to call", callee));
        };
        self.call_global(global, [vec![callee], arguments].concat())
    }

    pub(super) fn call_global(&mut self, global: Global, arguments: Vec<Id>) -> Result<()> {
        let node = match (global, arguments.as_slice()) {
            (Global::OrderedDict, []) => Node::Dict(Vec::new()),
            // Python 2 passes the items as a list of pairs.
            (Global::OrderedDict, &[items]) => Node::Dict(self.items_as_pairs(items)?),
            (Global::Set, []) => Node::Set(Vec::new()),
            (Global::Set, &[items]) => Node::Set(self.items_of_set(items)?),
            (Global::FrozenSet, []) => Node::FrozenSet(Vec::new()),
            (Global::FrozenSet, &[items]) => Node::FrozenSet(self.items_of_set(items)?),
            (Global::Bytes, []) => Node::Bytes(Vec::new()),
            (Global::Encode, &[text]) => Node::Bytes(self.encoded(text, None)?),
            (Global::Encode, &[text, codec]) => Node::Bytes(self.encoded(text, Some(codec))?),
            (Global::ByteArray, []) => Node::ByteArray(Vec::new()),
            (Global::ByteArray, &[bytes]) => Node::ByteArray(self.bytes_of(bytes)?),
            // Python before 3.2 passes text and its encoding in the place of bytes.
            (Global::ByteArray, &[text, codec]) => Node::ByteArray(self.encoded(text, Some(codec))?),
            (Global::Dill(DillFunction::LoadType), &[name]) => Node::Global(self.loaded_type(name)?),
            (Global::Dill(DillFunction::EvalRepr), &[repr]) => self.evaluated_range(repr)?,
            // An array: the function of NumPy would have been refused first.
            (Global::Dill(function @ DillFunction::CreateArray), _) => return Err(function.refused()),
            (Global::Encode | Global::ByteArray, &[text, _, _]) if self.allow.foreign => {
                return Err(self.unsupported("bytes, with a way to handle errors,", text));
            }
            (Global::Foreign(index), &[_, _, ..]) if self.is_counter(index) => {
                return Err(unexpected("at most 1 argument", &format!("{} arguments", arguments.len())));
            }
            (
                Global::OrderedDict
                | Global::Set
                | Global::FrozenSet
                | Global::Bytes
                | Global::ByteArray
                | Global::Encode
                | Global::Dill(_),
                more,
            ) => {
                return Err(unexpected("supported arguments", &format!("{} arguments", more.len())));
            }
            (Global::Storage(_) | Global::TorchDtype(_), _) => {
                return Err(unexpected("a function or class to call", "a type of elements"));
            }
            (Global::Foreign(index), _) if self.is_scheme(index) => {
                return Err(unexpected("a function or class to call", "a quantization scheme"));
            }
            (
                Global::RebuildTensor
                | Global::RebuildOldTensor
                | Global::RebuildTypedTensor
                | Global::RebuildFromType
                | Global::Wrapper(_)
                | Global::TensorType
                | Global::ParameterType
                | Global::UntypedStorage
                | Global::Path(_)
                | Global::NumpyDtype
                | Global::NumpyScalar
                | Global::Class(_)
                | Global::Foreign(_),
                _,
            ) => Node::Call { global, arguments, state: None },
        };
        self.add(node)?;
        if global == Global::OrderedDict {
            self.graph.set_ordered(self.top()?);
        }
        Ok(())
    }

    /// Whether a global is the class of dicts that count.
    fn is_counter(&self, index: usize) -> bool {
        let counter = |(module, name): &(String, String)| module == "collections" && name == "Counter";
        self.named.get_index(index).is_some_and(counter)
    }

    /// Whether a global is a way to quantize values, which nothing can call.
    fn is_scheme(&self, index: usize) -> bool {
        self.named.get_index(index).is_some_and(|(module, name)| is_scheme(module, name))
    }

    /// The objects that Python finds in one that a set is made of.
    fn items_of_set(&mut self, items: Id) -> Result<Vec<Id>> {
        match self.graph.node(items) {
            Node::List(found) | Node::Tuple(found) | Node::Set(found) | Node::FrozenSet(found) => {
                let found = found.clone();
                self.count(found.len())?;
                Ok(found)
            }
            Node::Dict(pairs) => {
                let found: Vec<Id> = pairs.iter().map(|(key, _)| *key).collect();
                self.count(found.len())?;
                Ok(found)
            }
            Node::Text(text) => {
                let characters = text.chars().map(|one| Node::Text(one.into())).collect();
                self.add_all(characters)
            }
            Node::Bytes(bytes) | Node::ByteArray(bytes) => {
                let numbers = bytes.iter().map(|byte| Node::Int((*byte).into())).collect();
                self.add_all(numbers)
            }
            Node::Surrogates(_) | Node::Call { .. } | Node::Persistent(_) => {
                Err(self.unsupported("a set", items))
            }
            Node::None
            | Node::Bool(_)
            | Node::Int(_)
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::Global(_) => Err(self.wrong("a list of items", items)),
        }
    }

    /// Adds objects that are not on the stack.
    fn add_all(&mut self, nodes: Vec<Node>) -> Result<Vec<Id>> {
        self.count(nodes.len())?;
        let mut ids = Vec::with_capacity(nodes.len());
        for node in nodes {
            ids.push(self.graph.add(node).ok_or_else(|| self.too_many())?);
        }
        Ok(ids)
    }

    /// Something that Python makes of an object and that is not described.
    fn unsupported(&self, what: &str, of: Id) -> Kind {
        Kind::Unsupported(format!(
            "{what} that is made of an object of type {}",
            self.graph.node(of).type_name()
        ))
    }

    /// The class that dill names. Any other one is refused as if it were named without dill.
    fn loaded_type(&self, name: Id) -> Result<Global> {
        let text = self.graph.text(name).ok_or_else(|| self.wrong("the name of a class", name))?;
        loaded_type(text).ok_or_else(|| DillFunction::LoadType.refused_with(text))
    }

    /// What Python evaluates the text of a call of dill's `_eval_repr` to, if it is the repr of a `range` and nothing else:
    /// that is data, although any other text would be code.
    fn evaluated_range(&mut self, repr: Id) -> Result<Node> {
        let text = self.graph.text(repr).ok_or_else(|| self.wrong("the repr of a range", repr))?;
        let refused = || DillFunction::EvalRepr.refused_with(text);
        let numbers =
            text.strip_prefix("range(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(refused)?;
        let mut numbers = numbers.split(", ").map(|number| decimal(number).ok());
        let (start, stop, step) = (numbers.next(), numbers.next(), numbers.next().unwrap_or(Some(1.into())));
        let (Some(Some(start)), Some(Some(stop)), Some(step), None) = (start, stop, step, numbers.next())
        else {
            return Err(refused());
        };
        let numbers = [start, stop, step].map(integer);
        let mut arguments = Vec::new();
        for number in numbers {
            self.count(1)?;
            arguments.push(self.graph.add(number).ok_or_else(|| self.too_many())?);
        }
        Ok(Node::Call { global: Global::Class(Class::Range), arguments, state: None })
    }

    /// The bytes of which a `bytearray` is made: other bytes, numbers, or so many zeros.
    fn bytes_of(&mut self, given: Id) -> Result<Vec<u8>> {
        let number = |id: &Id| {
            let node = self.graph.node(*id);
            if let Node::Bool(value) = node {
                return Ok(u8::from(*value));
            }
            let byte = if let Node::Int(value) = node { u8::try_from(*value).ok() } else { None };
            byte.ok_or_else(|| self.wrong("a number below 256", *id))
        };
        let bytes = match self.graph.node(given) {
            Node::Bytes(bytes) | Node::ByteArray(bytes) => bytes.clone(),
            Node::List(items) | Node::Tuple(items) => {
                items.iter().map(number).collect::<Result<Vec<u8>>>()?
            }
            Node::Dict(pairs) if pairs.is_empty() => Vec::new(),
            Node::Set(items) | Node::FrozenSet(items) if items.is_empty() => Vec::new(),
            Node::Int(length @ 0..) => {
                let length = *length as u64;
                within("bytes encoded in a pickle", length, MAX_PICKLE_BYTES)?;
                vec![0; usize::try_from(length).unwrap_or(0)]
            }
            Node::Bool(value) => vec![0; usize::from(*value)],
            Node::Dict(_) | Node::Set(_) | Node::FrozenSet(_) | Node::Call { .. } | Node::Persistent(_) => {
                return Err(self.unsupported("a bytearray", given));
            }
            Node::None
            | Node::Int(_)
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::Surrogates(_)
            | Node::Global(_) => return Err(self.wrong("bytes", given)),
        };
        self.count_copied(bytes.len())?;
        Ok(bytes)
    }

    fn count_copied(&mut self, bytes: usize) -> Result<()> {
        self.copied = self.copied.saturating_add(bytes as u64);
        within("bytes encoded in a pickle", self.copied, MAX_PICKLE_BYTES)
    }

    /// Encodes a text, in UTF-8 without a codec. Every call makes a copy, so the bytes are counted.
    fn encoded(&mut self, text: Id, codec: Option<Id>) -> Result<Vec<u8>> {
        let codec = codec.map_or(Ok("utf-8"), |codec| {
            self.graph.text(codec).ok_or_else(|| self.wrong("the name of a codec", codec))
        })?;
        let largest = match codec {
            "latin1" | "latin-1" | "iso-8859-1" => 0xff,
            "ascii" => 0x7f,
            "utf8" | "utf-8" => u32::from(char::MAX),
            other => return Err(Kind::Unsupported(format!("the codec {:?}", excerpt(other)))),
        };
        let characters = self.graph.text(text).ok_or_else(|| self.wrong("a text to encode", text))?;
        if characters.chars().any(|one| u32::from(one) > largest) {
            return Err(Kind::BadArgument(excerpt(characters)));
        }
        let bytes: Vec<u8> = if largest == 0xff {
            characters.chars().filter_map(|one| u8::try_from(u32::from(one)).ok()).collect()
        } else {
            characters.as_bytes().to_vec()
        };
        self.count_copied(bytes.len())?;
        Ok(bytes)
    }

    /// The keys and values of which Python makes a dict.
    pub(super) fn items_as_pairs(&mut self, items: Id) -> Result<Vec<(Id, Id)>> {
        match self.graph.node(items) {
            Node::Dict(pairs) => {
                let pairs = pairs.clone();
                self.count(pairs.len())?;
                Ok(pairs)
            }
            Node::List(found) | Node::Tuple(found) => {
                let found = found.clone();
                self.count(found.len())?;
                found.into_iter().map(|item| self.pair(item)).collect()
            }
            node if node.is_empty() => Ok(Vec::new()),
            Node::Set(_) | Node::FrozenSet(_) | Node::Call { .. } | Node::Persistent(_) => {
                Err(self.unsupported("a dict", items))
            }
            Node::None
            | Node::Bool(_)
            | Node::Int(_)
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::Bytes(_)
            | Node::ByteArray(_)
            | Node::Text(_)
            | Node::Surrogates(_)
            | Node::Global(_) => Err(self.wrong("a list of pairs", items)),
        }
    }

    /// A key and a value; a text of two characters is both.
    fn pair(&mut self, item: Id) -> Result<(Id, Id)> {
        if let Some(&[key, value]) = self.graph.sequence(item) {
            return Ok((key, value));
        }
        match self.graph.node(item) {
            Node::Text(text) if text.chars().nth(1).is_some() && text.chars().nth(2).is_none() => {
                let characters = text.chars().map(|one| Node::Text(one.into())).collect();
                let &[key, value] = self.add_all(characters)?.as_slice() else {
                    return Err(self.wrong("a pair", item));
                };
                Ok((key, value))
            }
            Node::Set(_) | Node::FrozenSet(_) | Node::Dict(_) | Node::Bytes(_) | Node::Call { .. } => {
                Err(self.unsupported("a dict", item))
            }
            Node::None
            | Node::Bool(_)
            | Node::Int(_)
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::ByteArray(_)
            | Node::Text(_)
            | Node::Surrogates(_)
            | Node::List(_)
            | Node::Tuple(_)
            | Node::Global(_)
            | Node::Persistent(_) => Err(self.wrong("a pair", item)),
        }
    }

    /// Refuses a state with which Python cannot update the attributes of an `OrderedDict`. torch and pickle do it in ways of
    /// their own.
    pub(super) fn update_attributes(&mut self, state: Id) -> Result<()> {
        if self.allow.persistent_ids {
            return self.items_as_pairs(state).map(drop);
        }
        let is_dict = |id: Id| matches!(self.graph.node(id), Node::None | Node::Dict(_));
        let has_slots = |id: Id| matches!(self.graph.node(id), Node::Tuple(parts) if parts.len() == 2 && parts.iter().all(|part| is_dict(*part)));
        if is_dict(state) || has_slots(state) {
            Ok(())
        } else {
            Err(self.wrong("a dict of attributes", state))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::torch_files::{
        FormatError,
        pickle::{Allow, Graph, read},
    };

    /// What a call of a global makes of arguments as opcodes, in params and in files of torch.
    fn made(global: &str, arguments: &str) -> [std::result::Result<Graph, FormatError>; 2] {
        let pickle = format!("c{}\n({arguments}tR.", global.replace(' ', "\n"));
        [Allow::VALUES, Allow::ANYTHING].map(|allow| read(pickle.as_bytes(), allow))
    }

    fn shown(global: &str, arguments: &str) -> String {
        let shown = made(global, arguments)
            .map(|graph| graph.and_then(|graph| graph.to_value(graph.root())).unwrap().to_string());
        assert_eq!(shown[0], shown[1]);
        let [shown, _] = shown;
        shown
    }

    #[rstest]
    #[case::dict("collections OrderedDict", "}Va\nI1\ns", "{'a': 1}")]
    #[case::pairs("collections OrderedDict", "((Va\nI1\ntt", "{'a': 1}")]
    #[case::letters("collections OrderedDict", "(Vab\nl", "{'a': 'b'}")]
    #[case::nothing("collections OrderedDict", "V\n", "{}")]
    #[case::keys("builtins set", "}Va\nI1\ns", "{'a'}")]
    #[case::characters("builtins set", "Va\n", "{'a'}")]
    #[case::zeros("builtins bytearray", "I2\n", r"b'\x00\x00'")]
    #[case::numbers("builtins bytearray", "(I1\nI255\nl", r"b'\x01\xff'")]
    #[case::copy("builtins bytearray", "c_codecs\nencode\n(Vab\ntR", "b'ab'")]
    #[case::text("builtins bytearray", "Vab\nVascii\n", "b'ab'")]
    #[case::utf_8("_codecs encode", "V\\u00e9\n", r"b'\xc3\xa9'")]
    #[case::latin_1("_codecs encode", "V\\u00e9\nVlatin1\n", r"b'\xe9'")]
    fn containers_and_bytes_are_made_as_python_makes_them(
        #[case] global: &str,
        #[case] arguments: &str,
        #[case] expected: &str,
    ) {
        let shown = shown(global, arguments);
        assert!(shown.contains(expected), "{shown}");
    }

    #[rstest]
    #[case::no_pair("collections OrderedDict", "(Vabc\nl")]
    #[case::no_items("collections OrderedDict", "N")]
    #[case::number("builtins set", "I1\n")]
    #[case::negative("builtins bytearray", "I-1\n")]
    #[case::large("builtins bytearray", "(I256\nl")]
    #[case::without_codec("builtins bytearray", "Va\n")]
    #[case::beyond_ascii("_codecs encode", "V\\u00e9\nVascii\n")]
    fn what_python_refuses_is_refused(#[case] global: &str, #[case] arguments: &str) {
        for refused in made(global, arguments) {
            assert!(!matches!(refused.unwrap_err().kind, Kind::Unsupported(_)));
        }
    }

    #[test]
    fn a_codec_of_python_that_is_not_known_here_is_unsupported() {
        for refused in made("_codecs encode", "Va\nVrot13\n") {
            assert!(matches!(refused.unwrap_err().kind, Kind::Unsupported(_)));
        }
    }

    #[test]
    fn new_looks_at_no_arguments_of_a_container() {
        let graph = read(b"cbuiltins\nset\n((I1\nlt\x81.", Allow::ANYTHING).unwrap();
        assert_eq!(graph.node(graph.root()), &Node::Set(Vec::new()));
        assert!(read(b"cbuiltins\nset\n((I1\nlt\x81.", Allow::VALUES).is_err());
    }

    #[test]
    fn items_are_appended_to_lists_and_added_to_sets() {
        assert!(read(b"](I1\ne.", Allow::VALUES).is_ok() && read(b"\x8f(I1\n\x90.", Allow::VALUES).is_ok());
        for wrong in [&b"\x8f(I1\ne."[..], b"\x8fI1\na.", b"](I1\n\x90."] {
            assert!(read(wrong, Allow::VALUES).is_err());
        }
    }

    #[rstest]
    #[case::torch_takes_pairs("((Va\nNtl", true, false)]
    #[case::pickle_takes_nothing("N", false, true)]
    #[case::both_take_a_dict("}", true, true)]
    #[case::neither_takes_a_number("I1\n", false, false)]
    fn the_state_of_an_ordered_dict_is_what_updates_its_attributes(
        #[case] state: &str,
        #[case] in_torch: bool,
        #[case] in_params: bool,
    ) {
        let pickle = format!("ccollections\nOrderedDict\n)R{state}b.");
        let is_read = |allow| read(pickle.as_bytes(), allow).is_ok();
        assert_eq!([Allow::STATE_DICT, Allow::ANYTHING].map(is_read), [in_torch; 2]);
        assert_eq!(is_read(Allow::VALUES), in_params);
    }

    #[test]
    fn a_way_to_quantize_is_not_called() {
        assert!(read(b"ctorch\nper_tensor_affine\n.", Allow::ANYTHING).is_ok());
        assert!(read(b"ctorch\nper_tensor_affine\n)R.", Allow::ANYTHING).is_err());
    }
}
