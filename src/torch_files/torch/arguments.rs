//! Whether objects fit as the arguments of functions of torch, as far as the type of an object tells. What a dense tensor is made of is
//! compared with its storage by the parser.

use super::{
    sides::sides,
    signatures::{
        Takes::{self, *},
        signature,
    },
    source::Globals,
    storage_class::QUANTIZED_STORAGES,
};
use crate::torch_files::{
    FormatErrorKind as Kind,
    pickle::{Class, Global, Graph, Id, Node, safe_mode, torch_device},
};

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

/// The ways to quantize values: all with one scale, or each slice with its own. torch writes others and does not read them.
const PER_TENSOR: &str = "per_tensor_affine";
const PER_CHANNEL: [&str; 2] = ["per_channel_affine", "per_channel_affine_float_qparams"];

/// Why torch fails on the arguments of a call, if they have the right number. `name` is that of the function.
pub(super) fn unfit(
    graph: &Graph,
    globals: &Globals,
    (global, name): (Global, &str),
    arguments: &[Id],
) -> Option<Kind> {
    let arguments_of = Arguments { graph, globals };
    let failure = arguments_of.unfit_each(global, name, arguments);
    failure.or_else(|| arguments_of.unfit_together(global, name, arguments))
}

pub(super) struct Arguments<'g> {
    pub(super) graph: &'g Graph,
    globals: &'g Globals,
}

impl Arguments<'_> {
    /// The first argument that is none by itself.
    fn unfit_each(&self, global: Global, name: &str, arguments: &[Id]) -> Option<Kind> {
        let takes = signature(global, name, arguments.len());
        let mut pairs = arguments.iter().zip(takes).enumerate();
        let (index, (id, takes)) = pairs.find(|(_, (id, takes))| !self.fits(**takes, **id))?;
        let (number, found) = (index + 1, self.graph.node(*id).type_name());
        Some(Kind::TorchFails(format!(
            "argument {number} of {name} must be {}, and is not (its type is {found})",
            takes.noun()
        )))
    }

    /// Whether `torch.Tensor` may make a tensor of it. What is in a sequence is not looked at.
    fn may_be_data(&self, id: Id) -> bool {
        match self.graph.node(id) {
            Node::Int(size) => *size >= 0,
            Node::List(_) | Node::Tuple(_) | Node::ByteArray(_) | Node::Persistent(_) => true,
            Node::Call { global, .. } => {
                *global != Global::OrderedDict
                    && !matches!(global, Global::Class(class) if *class != Class::TorchSize)
            }
            Node::None
            | Node::Bool(_)
            | Node::BigInt(_)
            | Node::Float(_)
            | Node::Bytes(_)
            | Node::Text(_)
            | Node::Surrogates(_)
            | Node::Set(_)
            | Node::FrozenSet(_)
            | Node::Dict(_)
            | Node::Global(_) => false,
        }
    }

    fn is_element_type(&self, id: Id) -> bool {
        matches!(self.graph.node(id), Node::None | Node::Global(Global::TorchDtype(_)))
    }

    pub(super) fn fits(&self, takes: Takes, id: Id) -> bool {
        let node = self.graph.node(id);
        let is_truth = matches!(node, Node::Bool(_));
        let is_none = *node == Node::None;
        let is_integer = matches!(node, Node::Int(_));
        let is_number = is_truth || is_integer || matches!(node, Node::BigInt(_) | Node::Float(_));
        // Of what a call makes only this is known.
        let is_made = |is_it: &dyn Fn(Global) -> bool| {
            if let Node::Call { global, .. } = node { is_it(*global) } else { false }
        };
        let is_foreign =
            |global| matches!(global, Global::Foreign(_) | Global::TensorType | Global::ParameterType);
        let may_be_tensor = || is_made(&|global| is_foreign(global) || global.makes_a_tensor());
        match takes {
            Anything => true,
            Tensor => may_be_tensor(),
            TensorOrNone => is_none || may_be_tensor(),
            TensorData => self.may_be_data(id),
            Array => is_made(&is_foreign),
            QuantizedStorage => self.is_quantized_storage(id),
            Integer => is_integer,
            Number => is_number || is_made(&|global| global == Global::Class(Class::Complex)),
            NumberOrText => {
                if let Node::Text(text) = node {
                    is_complex(text)
                } else if let Node::BigInt(number) = node {
                    // Above the largest float there are none.
                    number.bits() < 1024
                } else {
                    is_number
                }
            }
            Integers => self.are_integers(id),
            Sizes => self.are_sizes(id),
            Truth => is_truth,
            TruthOrNone => is_truth || is_none,
            NoGradient => *node == Node::Bool(false),
            ElementType => self.is_element_type(id),
            Attributes => self.are_attributes(id),
            Quantizer => self.is_quantizer(id),
            Layout => self.layout(id).is_some(),
            LayoutName => self.graph.text(id).is_some_and(|name| LAYOUTS.contains(&name)),
            SparseParts => self.are_sparse_parts(id),
            Countable => !is_number && !matches!(node, Node::Global(_)),
            // With map_location, torch does not look at it.
            Place => is_none || self.fits(DeviceName, id) || self.graph.text(id).is_some(),
            DeviceName => {
                matches!(node, Node::Int(0..))
                    || self.graph.text(id).is_some_and(is_device)
                    || is_made(&|global| global == Global::Class(Class::TorchDevice))
            }
            DeviceKind => self.graph.text(id).and_then(torch_device).is_some(),
            DeviceIndex => matches!(node, Node::None | Node::Int(0..)),
            Function => {
                matches!(node, Node::Global(global) if is_foreign(*global) || global.makes_a_tensor())
            }
            Type => {
                matches!(node, Node::Global(Global::TensorType | Global::ParameterType))
                    || matches!(node, Node::Global(Global::Foreign(index)) if self.may_be_subclass(*index))
            }
            WrapperClass => matches!(node, Node::Global(Global::Foreign(_))),
            Tuple => self.graph.sequence(id).is_some(),
        }
    }

    /// Whether a class may be one of tensors. Of those that the safe mode takes only one is.
    fn may_be_subclass(&self, index: usize) -> bool {
        let global = self.globals.get_index(index);
        global.is_none_or(|(module, name)| name == "NestedTensor" || !safe_mode::has_global(module, name))
    }

    fn are_integers(&self, id: Id) -> bool {
        let is_integer =
            |id: &Id| matches!(self.graph.node(*id), Node::Int(_) | Node::BigInt(_) | Node::Bool(_));
        match self.graph.node(id) {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) | Node::FrozenSet(items) => {
                items.iter().all(is_integer)
            }
            Node::Dict(pairs) => pairs.iter().all(|(key, _)| is_integer(key)),
            Node::Bytes(_) | Node::ByteArray(_) => true,
            Node::Call { global, .. } => *global == Global::Class(Class::TorchSize),
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
        self.integers(id).is_some_and(|sides| sides.iter().all(|side| *side >= 0))
    }

    /// The integers of a list, a tuple or a `torch.Size`.
    pub(super) fn integers(&self, id: Id) -> Option<Vec<i64>> {
        sides(self.graph, id)?.map(Result::ok).collect()
    }

    /// The name of the layout that `_get_layout` gives.
    pub(super) fn layout(&self, id: Id) -> Option<&str> {
        let Node::Call { global: Global::Foreign(index), arguments, .. } = self.graph.node(id) else {
            return None;
        };
        let is_function = self.globals.get_index(*index).is_some_and(|(_, name)| name == "_get_layout");
        self.graph.text(*arguments.first().filter(|_| is_function)?)
    }

    /// The name of the class of a storage, unless it is one of plain numbers.
    pub(super) fn storage_class(&self, id: Id) -> Option<&str> {
        let Node::Persistent(id) = self.graph.node(id) else { return None };
        let class = self.graph.node(*self.graph.sequence(*id)?.get(1)?);
        let Node::Global(Global::Foreign(index)) = class else { return None };
        self.globals.get_index(*index).map(|(_, name)| name.as_str())
    }

    fn is_quantized_storage(&self, id: Id) -> bool {
        self.storage_class(id).is_some_and(|name| QUANTIZED_STORAGES.iter().any(|(own, _)| *own == name))
    }

    /// A way to quantize with a scale and an offset, or one with several of them and an axis.
    fn is_quantizer(&self, id: Id) -> bool {
        // Older files have lists.
        let are_numbers = |id: Id| self.fits(Tensor, id) || matches!(self.graph.node(id), Node::List(_));
        let is = |scheme: Id, names: &[&str]| self.scheme(scheme).is_some_and(|own| names.contains(&own));
        match self.graph.sequence(id) {
            Some(&[scheme, scale, offset]) => {
                is(scheme, &[PER_TENSOR]) && self.fits(Number, scale) && self.fits(Integer, offset)
            }
            Some(&[scheme, scales, offsets, axis]) => {
                is(scheme, &PER_CHANNEL)
                    && are_numbers(scales)
                    && are_numbers(offsets)
                    && self.fits(Integer, axis)
            }
            Some(_) | None => false,
        }
    }

    /// The name of a way to quantize.
    fn scheme(&self, id: Id) -> Option<&str> {
        let Node::Global(Global::Foreign(index)) = self.graph.node(id) else { return None };
        let (module, name) = self.globals.get_index(*index)?;
        (module == "torch").then_some(name)
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

/// Whether Python reads a complex number in a text: `1`, `2j` or `1-2j`.
fn is_complex(text: &str) -> bool {
    let is_float = |text: &str| text.parse::<f64>().is_ok();
    let text = text.trim();
    let Some(imaginary) = text.strip_suffix(['j', 'J']) else { return is_float(text) };
    let is_part = |part: &str| ["", "+", "-"].contains(&part) || is_float(part);
    // The last sign that does not belong to an exponent begins the imaginary part.
    let mut signs = imaginary.match_indices(['+', '-']).filter(|(at, _)| {
        let before = imaginary.get(..*at).unwrap_or_default();
        !before.is_empty() && !before.ends_with(['e', 'E'])
    });
    match signs.next_back() {
        Some((at, _)) => {
            let (real, imaginary) = imaginary.split_at(at);
            is_float(real) && is_part(imaginary)
        }
        None => is_part(imaginary),
    }
}

/// Whether torch has such a device: `cuda`, or `cuda:1`; an index does not begin with a zero.
fn is_device(name: &str) -> bool {
    let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
    let is_number = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    torch_device(kind).is_some() && is_number && (index == "0" || !index.starts_with('0'))
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
    /// layout of a sparse tensor, `Q` a storage of quantized numbers, `P` one
    /// with two in a byte, and `A` the arguments of a tensor.
    fn failure(global: &str, arguments: &[&[u8]]) -> Option<String> {
        let storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ";
        let tensor = [
            &b"ctorch._utils\n_rebuild_tensor_v2\n("[..],
            storage,
            b"K\0K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR",
        ]
        .concat();
        let quantized = b"(X\x07\0\0\0storagectorch\nQInt8Storage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x07tQ";
        let given = [b"(", &storage[..], b"K\0K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)Rt"].concat();
        let layout = b"ctorch.serialization\n_get_layout\nX\x10\0\0\0torch.sparse_coo\x85R";
        let mut pickle = format!("c{}\n(", global.replace(' ', "\n")).into_bytes();
        for argument in arguments {
            match *argument {
                b"T" => pickle.extend(&tensor),
                b"S" => pickle.extend(storage),
                b"Q" => pickle.extend(quantized),
                b"A" => pickle.extend(&given),
                b"P" => pickle.extend(
                    b"(X\x07\0\0\0storagectorch\nQUInt4x2Storage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04tQ",
                ),
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
    const OF_QUANTIZED: &[u8] = b"Q";
    const GIVEN: &[u8] = b"A";
    const LAYOUT: &[u8] = b"Y";
    const SIDES: &[u8] = b"(K\x01\x88t";
    const ONE: &[u8] = b"K\x01";
    const TWO: &[u8] = b"K\x02";
    const NEGATIVE: &[u8] = b"J\xff\xff\xff\xff";
    const TEXT: &[u8] = b"X\x03\0\0\0cpu";
    const PAIR: &[u8] = b"K\x02K\x03\x86";
    const STRIDES: &[u8] = b"K\x03K\x01\x86";
    const LIST: &[u8] = b"]K\x01a";
    const NEGATIVES: &[u8] = b"J\xff\xff\xff\xff\x85";
    const FLOAT32: &[u8] = b"ctorch\nfloat32\n";
    const ATTRIBUTES: &[u8] = b"}X\x01\0\0\0aNs";
    const NUMBERED: &[u8] = b"}K\x01Ns";
    const PLAIN: &[u8] = b"ctorch\nper_tensor_affine\nG\0\0\0\0\0\0\0\0K\0\x87";
    const BY_SLICE: &[u8] = b"(ctorch\nper_channel_affine\n](K\x01K\x01e](K\0K\0eK\0t";
    const OF_FEWER: &[u8] = b"(ctorch\nper_channel_affine\n]K\x01a]K\0aK\0t";
    const ON_NO_AXIS: &[u8] = b"(ctorch\nper_channel_affine\n](K\x01K\x01e](K\0K\0eK\x02t";
    const SYMMETRIC: &[u8] = b"ctorch\nper_tensor_symmetric\nK\x01K\0\x87";
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
    #[case::quantized(QUANTIZED, &[OF_QUANTIZED, ONE, PAIR, STRIDES, PLAIN, FALSE, NONE])]
    #[case::quantized_in_half_a_byte(QUANTIZED, &[b"P", ONE, PAIR, STRIDES, PLAIN, FALSE, NONE])]
    #[case::quantized_by_slice(QUANTIZED, &[OF_QUANTIZED, ONE, PAIR, STRIDES, BY_SLICE, FALSE, NONE])]
    #[case::nested(NESTED, &[TENSOR, TENSOR, TENSOR, TENSOR])]
    #[case::meta(META, &[FLOAT32, PAIR, STRIDES, NONE])]
    #[case::meta_backwards(META, &[FLOAT32, b"K\x02\x85", NEGATIVES, TRUE])]
    #[case::from_type(FROM_TYPE, &[V2, CLASS, GIVEN, EMPTY])]
    #[case::size("torch Size", &[SIDES])]
    #[case::device("torch device", &[TEXT])]
    #[case::device_of_an_index("torch device", &[ONE])]
    #[case::device_and_index("torch device", &[TEXT, NONE])]
    #[case::complex("builtins complex", &[ONE, TRUE])]
    #[case::complex_of_text("builtins complex", &[b"X\x04\0\0\x001-2j" as &[u8]])]
    #[case::on_any_device(ON_DEVICE, &[TENSOR, FLOAT32, b"X\x03\0\0\0gpu", FALSE])]
    #[case::counter("collections Counter", &[LIST])]
    fn what_torch_takes_is_no_failure(#[case] global: &str, #[case] arguments: &[&[u8]]) {
        assert_eq!(failure(global, arguments), None);
    }

    #[rstest]
    #[case::parameter(PARAMETER, &[ONE, TRUE, EMPTY], "argument 1 of _rebuild_parameter must be a tensor or None")]
    #[case::attributes(WITH_STATE, &[TENSOR, TRUE, EMPTY, ONE], "argument 4 of _rebuild_parameter_with_state must be a dict of attributes")]
    #[case::numbered(WITH_STATE, &[TENSOR, TRUE, EMPTY, NUMBERED], "argument 4 ")]
    #[case::one_part(WITH_STATE, &[TENSOR, TRUE, EMPTY, b"}\x85"], "argument 4 ")]
    #[case::on_device(ON_DEVICE, &[TEXT, FLOAT32, TEXT, FALSE], "argument 1 ")]
    #[case::on_no_device(ON_DEVICE, &[TENSOR, FLOAT32, LIST, FALSE], "argument 3 ")]
    #[case::on_device_with_number(ON_DEVICE, &[TENSOR, FLOAT32, TEXT, ONE], "argument 4 ")]
    #[case::quantized(QUANTIZED, &[TENSOR, ONE, PAIR, LIST, PLAIN, FALSE, NONE], "argument 1 of _rebuild_qtensor must be a storage of quantized numbers")]
    #[case::quantized_offset(QUANTIZED, &[OF_QUANTIZED, TRUE, PAIR, LIST, PLAIN, FALSE, NONE], "argument 2 ")]
    #[case::quantized_sizes(QUANTIZED, &[OF_QUANTIZED, ONE, NEGATIVES, LIST, PLAIN, FALSE, NONE], "argument 3 ")]
    #[case::quantized_strides(QUANTIZED, &[OF_QUANTIZED, ONE, PAIR, ONE, PLAIN, FALSE, NONE], "argument 4 ")]
    #[case::quantizer(QUANTIZED, &[OF_QUANTIZED, ONE, PAIR, LIST, PAIR, FALSE, NONE], "argument 5 ")]
    #[case::quantized_of_floats(QUANTIZED, &[STORAGE, ONE, PAIR, STRIDES, PLAIN, FALSE, NONE], "argument 1 ")]
    #[case::symmetric(QUANTIZED, &[OF_QUANTIZED, ONE, PAIR, STRIDES, SYMMETRIC, FALSE, NONE], "argument 5 ")]
    #[case::of_fewer(QUANTIZED, &[OF_QUANTIZED, ONE, PAIR, STRIDES, OF_FEWER, FALSE, NONE], "_rebuild_qtensor: the scales")]
    #[case::on_no_axis(QUANTIZED, &[OF_QUANTIZED, ONE, PAIR, STRIDES, ON_NO_AXIS, FALSE, NONE], "_rebuild_qtensor: the scales")]
    #[case::quantized_outside(QUANTIZED, &[OF_QUANTIZED, TWO, PAIR, STRIDES, PLAIN, FALSE, NONE], "_rebuild_qtensor: the values")]
    #[case::quantized_gradient(QUANTIZED, &[OF_QUANTIZED, ONE, PAIR, LIST, PLAIN, TRUE, NONE], "argument 6 ")]
    #[case::sparse_layout(SPARSE, &[ONE, PAIR], "argument 1 of _rebuild_sparse_tensor must be a layout of torch")]
    #[case::sparse_parts(SPARSE, &[LAYOUT, PAIR], "argument 2 of _rebuild_sparse_tensor must be the parts of a sparse tensor")]
    #[case::nested(NESTED, &[TENSOR, TENSOR, LIST, TENSOR], "argument 3 ")]
    #[case::meta_type(META, &[TEXT, PAIR, LIST, NONE], "argument 1 ")]
    #[case::meta_sizes(META, &[FLOAT32, NEGATIVES, LIST, NONE], "argument 2 ")]
    #[case::meta_lengths(META, &[FLOAT32, PAIR, NEGATIVES, NONE], "_rebuild_meta_tensor_no_storage: the shape")]
    #[case::meta_of_integers(META, &[b"ctorch\nint32\n", PAIR, STRIDES, TRUE], "_rebuild_meta_tensor_no_storage: a tensor of this")]
    #[case::without_attributes(WITH_STATE, &[TENSOR, TRUE, EMPTY], "_rebuild_parameter_with_state does not take")]
    #[case::read_only(WITH_STATE, &[TENSOR, TRUE, EMPTY, b"}X\x05\0\0\0shapeNs"], "argument 4 ")]
    #[case::from_type_of_few(FROM_TYPE, &[V2, CLASS, PAIR, EMPTY], "_rebuild_tensor_v2 does not take")]
    #[case::from_the_class_of_a_type(FROM_TYPE, &[V2, b"ctorch\nFloatTensor\n", GIVEN, EMPTY], "argument 2 ")]
    #[case::from_no_class_of_tensors(FROM_TYPE, &[V2, b"ccollections\nOrderedDict\n", GIVEN, EMPTY], "argument 2 ")]
    #[case::oldest("torch._utils _rebuild_tensor", &[STORAGE, ONE, ONE, ONE, FALSE, NONE], "_rebuild_tensor does not take")]
    #[case::not_oldest("torch._utils _rebuild_tensor_v2", &[STORAGE, ONE, ONE, ONE], "_rebuild_tensor_v2 does not take")]
    #[case::no_complex("builtins complex", &[TEXT], "argument 1 ")]
    #[case::counted_list("collections Counter", &[b"]]a" as &[u8]], "a list is a key")]
    #[case::meta_of_quantized(META, &[b"ctorch\nqint8\n", PAIR, STRIDES, NONE], "_rebuild_meta_tensor_no_storage: quantized")]
    #[case::meta_gradient(META, &[FLOAT32, PAIR, LIST, ONE], "argument 4 ")]
    #[case::from_type(FROM_TYPE, &[ONE, CLASS, GIVEN, EMPTY], "argument 1 ")]
    #[case::from_type_class(FROM_TYPE, &[V2, TEXT, GIVEN, EMPTY], "argument 2 ")]
    #[case::from_type_arguments(FROM_TYPE, &[V2, CLASS, ONE, EMPTY], "argument 3 ")]
    #[case::from_type_state(FROM_TYPE, &[V2, CLASS, GIVEN, ONE], "argument 4 ")]
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
    fn a_complex_number_has_a_real_part_an_imaginary_one_or_both() {
        assert!(["1", "2j", "1+2j", "1e-3-1e+2J", "j", "-j", " 1-j", "inf-1j"].into_iter().all(is_complex));
        assert!(!["", "cpu", "1+", "1+2", "1j+2", "i"].into_iter().any(is_complex));
    }

    #[test]
    fn a_device_has_an_index_or_none() {
        assert!(["cpu", "cuda:0", "meta", "cuda:12"].into_iter().all(is_device));
        assert!(
            !["", "gpu", "cuda:", "cuda:-1", "cpu:x", "cpu:00", "cuda:01", "CPU"].into_iter().any(is_device)
        );
    }
}
