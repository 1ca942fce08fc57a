//! What functions of torch take as arguments: the type of each, as far as an object shows it.

use crate::torch_files::pickle::{Class, Global, Wrapper};

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Anything,
    Tensor,
    TensorOrNone,
    TensorData,
    Array,
    QuantizedStorage,
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
    Place,
    DeviceName,
    DeviceKind,
    DeviceIndex,
    Function,
    Type,
    WrapperClass,
    Tuple,
}

use Takes::*;

/// What functions that only their names describe take.
const FOREIGN: &[(&str, &[Takes])] = &[
    ("_rebuild_sparse_tensor", &[Layout, SparseParts]),
    ("_rebuild_qtensor", &[QuantizedStorage, Integer, Sizes, Sizes, Quantizer, NoGradient, Anything]),
    ("_rebuild_nested_tensor", &[Tensor, Tensor, Tensor, Tensor]),
    ("_rebuild_meta_tensor_no_storage", &[ElementType, Sizes, Integers, TruthOrNone]),
    ("_rebuild_device_tensor_from_numpy", &[Array, ElementType, Anything, Truth]),
    ("_get_layout", &[LayoutName]),
    ("Counter", &[Countable]),
];

/// What a function takes that is called with so many arguments. `name` is that of the function.
pub(super) fn signature(global: Global, name: &str, count: usize) -> &'static [Takes] {
    match global {
        Global::Wrapper(Wrapper::Parameter) => &[TensorOrNone, Truth, Anything],
        Global::Wrapper(Wrapper::ParameterWithState) => &[TensorOrNone, Truth, Anything, Attributes],
        Global::Wrapper(Wrapper::OnDevice) => &[Tensor, ElementType, Place, Truth],
        Global::RebuildFromType => match count {
            4 => &[Function, Type, Tuple, Attributes],
            _ => &[WrapperClass, ElementType, Sizes, Sizes, Integer, Layout, Anything, Truth],
        },
        Global::ParameterType => &[TensorOrNone, Truth],
        Global::TensorType => match count {
            1 => &[TensorData],
            _ => &[Integer, Integer, Integer, Integer],
        },
        Global::Class(Class::TorchSize) => &[Integers],
        Global::Class(Class::TorchDevice) => match count {
            1 => &[DeviceName],
            _ => &[DeviceKind, DeviceIndex],
        },
        Global::Class(Class::Complex) => match count {
            1 => &[NumberOrText],
            _ => &[Number, Number],
        },
        Global::Foreign(_) => FOREIGN.iter().find(|(own, _)| *own == name).map_or(&[], |(_, takes)| takes),
        Global::RebuildTensor
        | Global::RebuildOldTensor
        | Global::RebuildTypedTensor
        | Global::OrderedDict
        | Global::Set
        | Global::FrozenSet
        | Global::ByteArray
        | Global::Bytes
        | Global::Encode
        | Global::Storage(_)
        | Global::UntypedStorage
        | Global::Path(_)
        | Global::NumpyDtype
        | Global::NumpyScalar
        | Global::Dill(_)
        | Global::Class(_)
        | Global::TorchDtype(_) => &[],
    }
}

impl Takes {
    /// What the argument must be, in words.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Anything => "an object",
            Tensor => "a tensor",
            TensorOrNone => "a tensor or None",
            TensorData => "a size, numbers, a storage or a tensor",
            Array => "an array of NumPy",
            QuantizedStorage => "a storage of quantized numbers",
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
            Place => "a device, or None",
            DeviceName => "the name of a device, or an index",
            DeviceKind => "a kind of device",
            DeviceIndex => "the index of a device or None",
            Function => "a function",
            Type => "a class of tensors",
            WrapperClass => "a class of tensors with their own way to compute",
            Tuple => "a tuple of arguments",
        }
    }
}
