//! What functions of torch take as arguments, as far as the type of an object tells. What a dense tensor is made of is
//! compared with its storage by the parser.

use crate::torch_files::{
    FormatErrorKind as Kind,
    pickle::{Class, Global, Graph, Id, Node, torch_device},
};

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Anything,
    Tensor,
    TensorOrNone,
    Array,
    Storage,
    Integer,
    Number,
    NumberOrText,
    Integers,
    Sizes,
    Truth,
    TruthOrNone,
    NoGradient,
    ElementType,
    Attributes,
    Quantizer,
    Layout,
    LayoutName,
    SparseParts,
    Countable,
    Device,
    DeviceKind,
    DeviceIndex,
    Function,
    Type,
    Tuple,
}

use Takes::*;

/// What functions that only their names describe take.
const FOREIGN: &[(&str, &[Takes])] = &[
    ("_rebuild_sparse_tensor", &[Layout, SparseParts]),
    ("_rebuild_qtensor", &[Storage, Integer, Sizes, Sizes, Quantizer, NoGradient, Anything]),
    ("_rebuild_nested_tensor", &[Tensor, Tensor, Tensor, Tensor]),
    ("_rebuild_meta_tensor_no_storage", &[ElementType, Sizes, Sizes, TruthOrNone]),
    ("_rebuild_device_tensor_from_numpy", &[Array, ElementType, Anything, Truth]),
    ("_get_layout", &[LayoutName]),
    ("Counter", &[Countable]),
];

/// The layouts of torch.
const LAYOUTS: [&str; 8] = [
    "torch.strided",
    "torch.sparse_coo",
    "torch.sparse_csr",
    "torch.sparse_csc",
    "torch.sparse_bsr",
    "torch.sparse_bsc",
    "torch._mkldnn",
    "torch.jagged",
];

/// Why torch fails on the arguments of a call, if they have the right number. `name` is that of the function.
pub(super) fn unfit(graph: &Graph, (global, name): (Global, &str), arguments: &[Id]) -> Option<Kind> {
    let arguments_of = Arguments { graph };
    let takes = arguments_of.takes(global, name, arguments);
    let mut pairs = arguments.iter().zip(takes).enumerate();
    let (index, (id, takes)) = pairs.find(|(_, (id, takes))| !arguments_of.fits(**takes, **id))?;
    let (number, found) = (index + 1, graph.node(*id).type_name());
    Some(Kind::TorchFails(format!(
        "argument {number} of {name} must be {}, and is not (its type is {found})",
        takes.noun()
    )))
}

impl Takes {
    fn noun(self) -> &'static str {
        match self {
            Anything => "an object",
            Tensor => "a tensor",
            TensorOrNone => "a tensor or None",
            Array => "an array of NumPy",
            Storage => "a storage",
            Integer => "an integer of 64 bits",
            Number => "a number",
            NumberOrText => "a number or text",
            Integers => "integers",
            Sizes => "a tuple of sizes",
            Truth => "True or False",
            TruthOrNone => "True, False or None",
            NoGradient => "False",
            ElementType => "an element type of torch or None",
            Attributes => "a dict of attributes",
            Quantizer => "how values are quantized",
            Layout => "a layout of torch",
            LayoutName => "the name of a layout of torch",
            SparseParts => "the parts of a sparse tensor",
            Countable => "what can be counted",
            Device => "the name of a device, or an index",
            DeviceKind => "a kind of device",
            DeviceIndex => "the index of a device or None",
            Function => "a function",
            Type => "a class",
            Tuple => "a tuple of arguments",
        }
    }
}

struct Arguments<'g> {
    graph: &'g Graph,
}

impl Arguments<'_> {
    fn takes(&self, global: Global, name: &str, arguments: &[Id]) -> &'static [Takes] {
        match global {
            // A parameter, with attributes or not, or a tensor that torch moves to a device.
            Global::Wrapper => match arguments {
                [_, second, _, _] if self.is_element_type(*second) => &[Tensor, ElementType, Device, Truth],
                _ => &[TensorOrNone, Anything, Anything, Attributes],
            },
            Global::RebuildFromType => match arguments {
                [_, _, _, _] => &[Function, Type, Tuple, Attributes],
                _ => &[Type, ElementType, Sizes, Sizes, Integer, Layout, Anything, Truth],
            },
            Global::Class(Class::TorchSize) => &[Integers],
            Global::Class(Class::TorchDevice) => match arguments {
                [_] => &[Device],
                _ => &[DeviceKind, DeviceIndex],
            },
            Global::Class(Class::Complex) => match arguments {
                [_] => &[NumberOrText],
                _ => &[Number, Number],
            },
            Global::Foreign(_) => {
                FOREIGN.iter().find(|(own, _)| *own == name).map_or(&[], |(_, takes)| takes)
            }
            Global::RebuildTensor
            | Global::RebuildTypedTensor
            | Global::OrderedDict
            | Global::Set
            | Global::FrozenSet
            | Global::ByteArray
            | Global::Bytes
            | Global::Encode
            | Global::TensorType
            | Global::Storage(_)
            | Global::UntypedStorage
            | Global::Path(_)
            | Global::NumpyDtype
            | Global::NumpyScalar
            | Global::LoadType
            | Global::EvalRepr
            | Global::Class(_)
            | Global::TorchDtype(_) => &[],
        }
    }

    fn is_element_type(&self, id: Id) -> bool {
        matches!(self.graph.node(id), Node::None | Node::Global(Global::TorchDtype(_)))
    }

    fn fits(&self, takes: Takes, id: Id) -> bool {
        let node = self.graph.node(id);
        let is_truth = matches!(node, Node::Bool(_));
        let is_none = *node == Node::None;
        let is_integer = matches!(node, Node::Int(_));
        let is_number = is_truth || is_integer || matches!(node, Node::BigInt(_) | Node::Float(_));
        // Of what a call makes only this is known.
        let is_made = |is_it: &dyn Fn(Global) -> bool| {
            if let Node::Call { global, .. } = node { is_it(*global) } else { false }
        };
        let is_foreign = |global| matches!(global, Global::Foreign(_) | Global::TensorType);
        let may_be_tensor = || is_made(&|global| is_foreign(global) || global.makes_a_tensor());
        match takes {
            Anything => true,
            Tensor => may_be_tensor(),
            TensorOrNone => is_none || may_be_tensor(),
            Array => is_made(&is_foreign),
            Storage => matches!(node, Node::Persistent(_)),
            Integer => is_integer,
            Number => is_number || is_made(&|global| global == Global::Class(Class::Complex)),
            NumberOrText => is_number || matches!(node, Node::Text(_)),
            Integers => self.are_integers(id),
            Sizes => self.are_sizes(id),
            Truth => is_truth,
            TruthOrNone => is_truth || is_none,
            NoGradient => *node == Node::Bool(false),
            ElementType => self.is_element_type(id),
            Attributes => self.are_attributes(id),
            Quantizer => self.is_quantizer(id),
            Layout => is_made(&is_foreign),
            LayoutName => self.graph.text(id).is_some_and(|name| LAYOUTS.contains(&name)),
            SparseParts => self.are_sparse_parts(id),
            Countable => !is_number,
            Device => {
                matches!(node, Node::None | Node::Int(0..))
                    || self.graph.text(id).is_some_and(is_device)
                    || is_made(&|global| global == Global::Class(Class::TorchDevice))
            }
            DeviceKind => self.graph.text(id).and_then(torch_device).is_some(),
            DeviceIndex => matches!(node, Node::None | Node::Int(0..)),
            Function | Type => matches!(node, Node::Global(_)),
            Tuple => self.graph.sequence(id).is_some(),
        }
    }

    fn are_integers(&self, id: Id) -> bool {
        let is_integer =
            |id: &Id| matches!(self.graph.node(*id), Node::Int(_) | Node::BigInt(_) | Node::Bool(_));
        match self.graph.node(id) {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) | Node::FrozenSet(items) => {
                items.iter().all(is_integer)
            }
            Node::Dict(pairs) => pairs.iter().all(|(key, _)| is_integer(key)),
            Node::Bytes(_) | Node::ByteArray(_) | Node::Call { .. } => true,
            Node::Text(text) => text.is_empty(),
            Node::None
            | Node::Bool(_)
            | Node::Int(_)
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::Surrogates(_)
            | Node::Global(_)
            | Node::Persistent(_) => false,
        }
    }

    fn are_sizes(&self, id: Id) -> bool {
        let is_size = |id: &Id| matches!(self.graph.node(*id), Node::Int(0..));
        match self.graph.sequence(id) {
            Some(items) => items.iter().all(is_size),
            // As `torch.Size`.
            None => matches!(self.graph.node(id), Node::Call { .. }),
        }
    }

    fn are_attributes(&self, id: Id) -> bool {
        // What is false has no attributes.
        let are_named = |id: Id| match self.graph.node(id) {
            Node::Dict(pairs) => pairs.iter().all(|(key, _)| self.graph.text(*key).is_some()),
            node => node.is_false(),
        };
        match (self.graph.node(id), self.graph.sequence(id)) {
            (Node::Call { .. }, _) => true,
            // Those of the object, and those in its slots.
            (Node::Tuple(_), Some(&[own, slots])) => are_named(own) && are_named(slots),
            (Node::Tuple(_), _) => false,
            (_, _) => are_named(id),
        }
    }

    /// A scheme for the whole tensor with a scale and an offset, or one with several of them and an axis.
    fn is_quantizer(&self, id: Id) -> bool {
        // Older files have lists.
        let are_numbers = |id: Id| self.fits(Tensor, id) || matches!(self.graph.node(id), Node::List(_));
        match self.graph.sequence(id) {
            Some(&[scheme, scale, offset]) => {
                self.fits(Type, scheme) && self.fits(Number, scale) && self.fits(Integer, offset)
            }
            Some(&[scheme, scales, offsets, axis]) => {
                self.fits(Type, scheme)
                    && are_numbers(scales)
                    && are_numbers(offsets)
                    && self.fits(Integer, axis)
            }
            Some(_) | None => false,
        }
    }

    /// The indexes and values of a tensor in one of two kinds of layouts.
    fn are_sparse_parts(&self, id: Id) -> bool {
        match self.graph.sequence(id) {
            Some(&[indexes, values, size]) => {
                self.fits(Tensor, indexes) && self.fits(Tensor, values) && self.fits(Sizes, size)
            }
            Some(&[first, second, third, last]) => {
                let are_tensors = self.fits(Tensor, first) && self.fits(Tensor, second);
                let is_compressed = self.fits(Tensor, third) && self.fits(Sizes, last);
                are_tensors && (is_compressed || self.fits(Sizes, third) && self.fits(TruthOrNone, last))
            }
            Some(_) | None => false,
        }
    }
}

/// Whether torch has such a device: `cuda`, or `cuda:1`.
fn is_device(name: &str) -> bool {
    let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
    torch_device(kind).is_some() && !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::torch_files::{
        pickle::survey,
        torch::{fails::first_failure, source::TorchFormat},
    };

    /// The failure of a call of a global with arguments as opcodes, in which `T` is a tensor, `S` a storage and `Y` the
    /// layout of a sparse tensor.
    fn failure(global: &str, arguments: &[&[u8]]) -> Option<String> {
        let storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ";
        let tensor = [
            &b"ctorch._utils\n_rebuild_tensor_v2\n("[..],
            storage,
            b"K\0K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR",
        ]
        .concat();
        let layout = b"ctorch.serialization\n_get_layout\nX\x10\0\0\0torch.sparse_coo\x85R";
        let mut pickle = format!("c{}\n(", global.replace(' ', "\n")).into_bytes();
        for argument in arguments {
            match *argument {
                b"T" => pickle.extend(&tensor),
                b"S" => pickle.extend(storage),
                b"Y" => pickle.extend(layout),
                other => pickle.extend(other),
            }
        }
        pickle.extend(b"tR.");
        let asked = survey(&pickle);
        let (graph, _) = asked.read.ok()?;
        first_failure(&graph, &asked.globals, TorchFormat::Zip).map(|kind| kind.to_string())
    }

    const TENSOR: &[u8] = b"T";
    const STORAGE: &[u8] = b"S";
    const LAYOUT: &[u8] = b"Y";
    const SIDES: &[u8] = b"(K\x01\x88t";
    const ONE: &[u8] = b"K\x01";
    const NEGATIVE: &[u8] = b"J\xff\xff\xff\xff";
    const TEXT: &[u8] = b"X\x03\0\0\0cpu";
    const PAIR: &[u8] = b"K\x02K\x03\x86";
    const LIST: &[u8] = b"]K\x01a";
    const NEGATIVES: &[u8] = b"J\xff\xff\xff\xff\x85";
    const FLOAT32: &[u8] = b"ctorch\nfloat32\n";
    const ATTRIBUTES: &[u8] = b"}X\x01\0\0\0aNs";
    const NUMBERED: &[u8] = b"}K\x01Ns";
    const PLAIN: &[u8] = b"ctorch\nper_tensor_affine\nG\0\0\0\0\0\0\0\0K\0\x87";
    const CLASS: &[u8] = b"ctorch\nTensor\n";
    const V2: &[u8] = b"ctorch._utils\n_rebuild_tensor_v2\n";
    const NONE: &[u8] = b"N";
    const TRUE: &[u8] = b"\x88";
    const FALSE: &[u8] = b"\x89";
    const EMPTY: &[u8] = b"}";

    const PARAMETER: &str = "torch._utils _rebuild_parameter";
    const WITH_STATE: &str = "torch._utils _rebuild_parameter_with_state";
    const ON_DEVICE: &str = "torch._utils _rebuild_device_tensor_from_cpu_tensor";
    const QUANTIZED: &str = "torch._utils _rebuild_qtensor";
    const SPARSE: &str = "torch._utils _rebuild_sparse_tensor";
    const NESTED: &str = "torch._utils _rebuild_nested_tensor";
    const META: &str = "torch._utils _rebuild_meta_tensor_no_storage";
    const FROM_TYPE: &str = "torch._tensor _rebuild_from_type_v2";

    #[rstest]
    #[case::parameter(PARAMETER, &[TENSOR, TRUE, EMPTY])]
    #[case::parameter_of_nothing(PARAMETER, &[NONE, TRUE, EMPTY])]
    #[case::attributes(WITH_STATE, &[TENSOR, TRUE, EMPTY, ATTRIBUTES])]
    #[case::slots(WITH_STATE, &[TENSOR, TRUE, EMPTY, b"}N\x86"])]
    #[case::no_attributes(WITH_STATE, &[TENSOR, TRUE, EMPTY, NONE])]
    #[case::on_device(ON_DEVICE, &[TENSOR, FLOAT32, TEXT, FALSE])]
    #[case::quantized(QUANTIZED, &[STORAGE, ONE, PAIR, LIST, PLAIN, FALSE, NONE])]
    #[case::nested(NESTED, &[TENSOR, TENSOR, TENSOR, TENSOR])]
    #[case::meta(META, &[FLOAT32, PAIR, LIST, NONE])]
    #[case::from_type(FROM_TYPE, &[V2, CLASS, PAIR, EMPTY])]
    #[case::size("torch Size", &[SIDES])]
    #[case::device("torch device", &[TEXT])]
    #[case::device_of_an_index("torch device", &[ONE])]
    #[case::device_and_index("torch device", &[TEXT, NONE])]
    #[case::complex("builtins complex", &[ONE, TRUE])]
    #[case::complex_of_text("builtins complex", &[TEXT])]
    #[case::counter("collections Counter", &[LIST])]
    fn what_torch_takes_is_no_failure(#[case] global: &str, #[case] arguments: &[&[u8]]) {
        assert_eq!(failure(global, arguments), None);
    }

    #[rstest]
    #[case::parameter(PARAMETER, &[ONE, TRUE, EMPTY], "argument 1 of _rebuild_parameter must be a tensor or None")]
    #[case::attributes(WITH_STATE, &[TENSOR, TRUE, EMPTY, ONE], "argument 4 of _rebuild_parameter must be a dict of attributes")]
    #[case::numbered(WITH_STATE, &[TENSOR, TRUE, EMPTY, NUMBERED], "argument 4 ")]
    #[case::one_part(WITH_STATE, &[TENSOR, TRUE, EMPTY, b"}\x85"], "argument 4 ")]
    #[case::on_device(ON_DEVICE, &[TEXT, FLOAT32, TEXT, FALSE], "argument 1 ")]
    #[case::on_no_device(ON_DEVICE, &[TENSOR, FLOAT32, LIST, FALSE], "argument 3 ")]
    #[case::on_device_with_number(ON_DEVICE, &[TENSOR, FLOAT32, TEXT, ONE], "argument 4 ")]
    #[case::quantized(QUANTIZED, &[TENSOR, ONE, PAIR, LIST, PLAIN, FALSE, NONE], "argument 1 of _rebuild_qtensor must be a storage")]
    #[case::quantized_offset(QUANTIZED, &[STORAGE, TRUE, PAIR, LIST, PLAIN, FALSE, NONE], "argument 2 ")]
    #[case::quantized_sizes(QUANTIZED, &[STORAGE, ONE, NEGATIVES, LIST, PLAIN, FALSE, NONE], "argument 3 ")]
    #[case::quantized_strides(QUANTIZED, &[STORAGE, ONE, PAIR, ONE, PLAIN, FALSE, NONE], "argument 4 ")]
    #[case::quantizer(QUANTIZED, &[STORAGE, ONE, PAIR, LIST, PAIR, FALSE, NONE], "argument 5 ")]
    #[case::quantized_gradient(QUANTIZED, &[STORAGE, ONE, PAIR, LIST, PLAIN, TRUE, NONE], "argument 6 ")]
    #[case::sparse_layout(SPARSE, &[ONE, PAIR], "argument 1 of _rebuild_sparse_tensor must be a layout of torch")]
    #[case::sparse_parts(SPARSE, &[LAYOUT, PAIR], "argument 2 of _rebuild_sparse_tensor must be the parts of a sparse tensor")]
    #[case::nested(NESTED, &[TENSOR, TENSOR, LIST, TENSOR], "argument 3 ")]
    #[case::meta_type(META, &[TEXT, PAIR, LIST, NONE], "argument 1 ")]
    #[case::meta_sizes(META, &[FLOAT32, NEGATIVES, LIST, NONE], "argument 2 ")]
    #[case::meta_gradient(META, &[FLOAT32, PAIR, LIST, ONE], "argument 4 ")]
    #[case::from_type(FROM_TYPE, &[ONE, CLASS, PAIR, EMPTY], "argument 1 ")]
    #[case::from_type_class(FROM_TYPE, &[V2, TEXT, PAIR, EMPTY], "argument 2 ")]
    #[case::from_type_arguments(FROM_TYPE, &[V2, CLASS, ONE, EMPTY], "argument 3 ")]
    #[case::from_type_state(FROM_TYPE, &[V2, CLASS, PAIR, ONE], "argument 4 ")]
    #[case::array("torch._utils _rebuild_device_tensor_from_numpy", &[LIST, FLOAT32, TEXT, FALSE], "argument 1 ")]
    #[case::layout("torch.serialization _get_layout", &[TEXT], "argument 1 ")]
    #[case::size("torch Size", &[b"(K\x01Nt" as &[u8]], "argument 1 of torch.Size must be integers")]
    #[case::size_of_one("torch Size", &[ONE], "argument 1 ")]
    #[case::device("torch device", &[b"X\x03\0\0\0gpu" as &[u8]], "argument 1 ")]
    #[case::device_index("torch device", &[TEXT, NEGATIVE], "argument 2 ")]
    #[case::two_indexes("torch device", &[b"X\x05\0\0\0cpu:0" as &[u8], ONE], "argument 1 ")]
    #[case::complex("builtins complex", &[ONE, TEXT], "argument 2 ")]
    #[case::counter("collections Counter", &[ONE], "argument 1 ")]
    fn what_torch_does_not_take_is_a_failure(
        #[case] global: &str,
        #[case] arguments: &[&[u8]],
        #[case] says: &str,
    ) {
        let found = failure(global, arguments).unwrap_or_default();
        assert!(found.starts_with(&format!("torch.load fails on it: {says}")), "{found}");
    }

    #[test]
    fn the_parts_of_a_sparse_tensor_are_tensors_and_sizes() {
        let with = |rest: &[&[u8]]| {
            let mut arguments: Vec<&[u8]> = vec![b"Y", b"(", b"T", b"T"];
            arguments.extend(rest);
            arguments.push(b"t");
            failure(SPARSE, &arguments)
        };
        assert_eq!(with(&[PAIR]), None);
        assert_eq!(with(&[PAIR, TRUE]), None);
        assert_eq!(with(&[b"T", PAIR]), None);
        assert!(with(&[ONE]).is_some());
        assert!(with(&[PAIR, ONE]).is_some());
        assert!(failure(SPARSE, &[b"Y", b")"]).is_some());
    }

    #[test]
    fn a_device_has_an_index_or_none() {
        assert!(["cpu", "cuda:0", "meta", "cuda:12"].into_iter().all(is_device));
        assert!(!["", "gpu", "cuda:", "cuda:-1", "cpu:x"].into_iter().any(is_device));
    }
}
