//! The globals that a pickle may name. Any other global is refused at the opcode that names it.

use super::{
    path::PathClass,
    well_known::{Enumeration, torch_dtype},
};
use crate::torch_files::{Dtype, FormatErrorKind as Kind, error::excerpt};

/// The globals and ids that one kind of pickle may contain beyond plain values.
#[derive(Clone, Copy, Debug)]
pub struct Allow {
    global: fn(module: &str, name: &str) -> Option<Global>,
    /// Whether objects may be referred to by a persistent id, as torch does with its storages.
    pub(super) persistent_ids: bool,
    /// Whether text may be something else than UTF-8, and byte arrays may occur, as Python and dill write them.
    pub(super) python_objects: bool,
    /// Whether any other global may occur. It is recorded with what is done to it, and means nothing.
    pub(super) foreign: bool,
}

impl Allow {
    /// For a manifest or a params snapshot: paths and NumPy scalars, which become text and numbers, and other objects that
    /// only their repr describes.
    pub const VALUES: Self =
        Self { global: value_global, persistent_ids: false, python_objects: true, foreign: false };

    /// For the `data.pkl` of a state dict: ordered dicts, tensors, and their storages (BUN-010).
    pub const STATE_DICT: Self =
        Self { global: state_dict_global, persistent_ids: true, python_objects: false, foreign: false };

    /// For the `data.pkl` of any file of torch, of which the tensors are described whatever else is in it.
    pub(crate) const ANYTHING: Self =
        Self { global: state_dict_global, persistent_ids: true, python_objects: true, foreign: true };

    /// What a global stands for that is harmless and not supported, in a file of torch.
    pub(super) fn unsupported(&self, module: &str, name: &str) -> Option<&'static str> {
        no_plain_values(module, name).filter(|_| self.persistent_ids)
    }

    /// The meaning of a global, or `None` when it is not allowed.
    pub(super) fn global(&self, module: &str, name: &str) -> Option<Global> {
        (self.global)(module, name)
    }
}

/// A global that is recognized by name. None of them is Python code here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `builtins.set`, which protocols before 4 call with a list.
    Set,
    /// `builtins.frozenset`, likewise.
    FrozenSet,
    /// `builtins.bytearray`, which is called with bytes.
    ByteArray,
    /// `builtins.bytes`, which protocols before 3 call without arguments.
    Bytes,
    /// `_codecs.encode`, which protocols before 3 call to make `bytes` from Latin-1 text.
    Encode,
    /// `torch._utils._rebuild_tensor_v2`.
    RebuildTensor,
    /// `torch._utils._rebuild_tensor`, which has the first four of its arguments alone.
    RebuildOldTensor,
    /// `torch._utils._rebuild_tensor_v3`: a tensor with its element type, in a storage without one.
    RebuildTypedTensor,
    /// `torch._utils._rebuild_parameter`, `_rebuild_parameter_with_state` and `_rebuild_device_tensor_from_cpu_tensor`:
    /// what is around the tensor that is their first argument.
    Wrapper(Wrapper),
    /// `torch._tensor._rebuild_from_type_v2`: a tensor with attributes; and `torch._utils._rebuild_wrapper_subclass`,
    /// whose first argument is the class, which is refused.
    RebuildFromType,
    /// `torch.Tensor`.
    TensorType,
    /// `torch.nn.parameter.Parameter`.
    ParameterType,
    /// `torch.FloatStorage` and the other typed storages.
    Storage(Dtype),
    /// `torch.storage.UntypedStorage`.
    UntypedStorage,
    /// A class of `pathlib`.
    Path(PathClass),
    /// `numpy.dtype`.
    NumpyDtype,
    /// `numpy._core.multiarray.scalar`; `numpy.core.multiarray.scalar` before NumPy 2.
    NumpyScalar,
    /// A function of dill.
    Dill(DillFunction),
    /// A class whose objects have no other notation than their repr.
    Class(Class),
    /// An element type of torch by its name, such as `torch.float32`.
    TorchDtype(&'static str),
    /// Any other global, with its index among the named ones.
    Foreign(usize),
}

impl Global {
    /// Whether a call of it makes a tensor.
    pub(crate) fn makes_a_tensor(self) -> bool {
        matches!(
            self,
            Self::RebuildTensor
                | Self::RebuildOldTensor
                | Self::RebuildTypedTensor
                | Self::RebuildFromType
                | Self::Wrapper(_)
        )
    }
}

/// What is around a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapper {
    /// `_rebuild_parameter`: whether it requires a gradient, and hooks.
    Parameter,
    /// `_rebuild_parameter_with_state`: attributes as well.
    ParameterWithState,
    /// `_rebuild_device_tensor_from_cpu_tensor`: the element type and the device that it is moved to, and whether it requires
    /// a gradient.
    OnDevice,
}

/// A function that dill calls with what tells which object it makes: data of some arguments alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DillFunction {
    /// `dill._dill._load_type`, which is called with the name of a class.
    LoadType,
    /// `dill._dill._eval_repr`, which is called with the repr of a `range`.
    EvalRepr,
    /// `dill._dill._create_array`, which is called with a function of NumPy and what that makes an array of. It calls any other
    /// function as well.
    CreateArray,
}

impl DillFunction {
    /// Its name in the module `dill._dill`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LoadType => "_load_type",
            Self::EvalRepr => "_eval_repr",
            Self::CreateArray => "_create_array",
        }
    }

    /// The refusal of the function, as if it were named without what it is called with.
    pub(super) fn refused(self) -> Kind {
        Kind::ForeignGlobal { module: DILL.to_owned(), name: self.name().to_owned() }
    }

    /// The refusal of what it makes of this text.
    pub(super) fn refused_with(self, text: &str) -> Kind {
        let name = format!("{}('{}')", self.name(), excerpt(text).escape_debug());
        Kind::ForeignGlobal { module: DILL.to_owned(), name }
    }
}

/// The module of the functions that dill calls in its pickles.
const DILL: &str = "dill._dill";

/// A class whose objects have no other notation than their repr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `builtins.complex`.
    Complex,
    /// `builtins.range`; `xrange` before protocol 3.
    Range,
    /// `builtins.slice`.
    Slice,
    /// `torch.Size`.
    TorchSize,
    /// `torch.device`.
    TorchDevice,
    /// An enumeration of the standard library.
    Enumeration(&'static Enumeration),
}

/// What torch rebuilds without code and what has no plain values, by the name of the function in `torch._utils`.
const NO_PLAIN_VALUES: &[(&str, &str)] = &[
    ("_rebuild_sparse_tensor", "a sparse tensor, which has no dense values"),
    ("_rebuild_sparse_csr_tensor", "a sparse tensor, which has no dense values"),
    ("_rebuild_nested_tensor", "a nested tensor, which has no single shape"),
    ("_rebuild_qtensor", "a quantized tensor, whose values are not those that are stored"),
    ("_rebuild_meta_tensor_no_storage", "a tensor on the meta device, which has no values"),
];

/// What torch rebuilds without code and what has no plain values.
pub(crate) fn no_plain_values(module: &str, name: &str) -> Option<&'static str> {
    let known = NO_PLAIN_VALUES.iter().find(|(own, _)| *own == name);
    known.filter(|_| module == "torch._utils").map(|(_, what)| *what)
}

/// Whether a global is a way to quantize values.
pub(crate) fn is_scheme(module: &str, name: &str) -> bool {
    module == "torch" && (name.starts_with("per_tensor_") || name.starts_with("per_channel_"))
}

/// The globals of plain containers and `bytes`, which every kind of pickle may use.
fn plain_global(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("collections", "OrderedDict") => Some(Global::OrderedDict),
        ("builtins" | "__builtin__", "set") => Some(Global::Set),
        ("builtins" | "__builtin__", "frozenset") => Some(Global::FrozenSet),
        ("builtins" | "__builtin__", "bytes") => Some(Global::Bytes),
        ("_codecs", "encode") => Some(Global::Encode),
        _ => None,
    }
}

fn value_global(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("pathlib" | "pathlib._local", name) => PathClass::find(name).map(Global::Path),
        ("numpy", "dtype") => Some(Global::NumpyDtype),
        ("numpy._core.multiarray" | "numpy.core.multiarray", "scalar") => Some(Global::NumpyScalar),
        (DILL, name) => {
            let all = [DillFunction::LoadType, DillFunction::EvalRepr, DillFunction::CreateArray];
            all.into_iter().find(|function| function.name() == name).map(Global::Dill)
        }
        ("__builtin__", "xrange") => Some(Global::Class(Class::Range)),
        ("builtins" | "__builtin__", name) => loaded_type(name),
        ("torch", "Size") => Some(Global::Class(Class::TorchSize)),
        ("torch", "device") => Some(Global::Class(Class::TorchDevice)),
        ("torch", name) => torch_dtype(name).map(Global::TorchDtype),
        _ => Enumeration::find(module, name)
            .map(|enumeration| Global::Class(Class::Enumeration(enumeration)))
            .or_else(|| plain_global(module, name)),
    }
}

/// The class that `dill._dill._load_type` loads under this name, if its objects are plain data.
pub(super) fn loaded_type(name: &str) -> Option<Global> {
    match name {
        "bytearray" => Some(Global::ByteArray),
        "complex" => Some(Global::Class(Class::Complex)),
        "range" => Some(Global::Class(Class::Range)),
        "slice" => Some(Global::Class(Class::Slice)),
        _ => plain_global("builtins", name),
    }
}

fn state_dict_global(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("torch._utils", "_rebuild_tensor") => Some(Global::RebuildOldTensor),
        ("torch._utils", "_rebuild_tensor_v2") => Some(Global::RebuildTensor),
        ("torch._utils", "_rebuild_tensor_v3") => Some(Global::RebuildTypedTensor),
        ("torch._utils", "_rebuild_parameter") => Some(Global::Wrapper(Wrapper::Parameter)),
        ("torch._utils", "_rebuild_parameter_with_state") => {
            Some(Global::Wrapper(Wrapper::ParameterWithState))
        }
        ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor") => {
            Some(Global::Wrapper(Wrapper::OnDevice))
        }
        ("torch._tensor", "_rebuild_from_type_v2") | ("torch._utils", "_rebuild_wrapper_subclass") => {
            Some(Global::RebuildFromType)
        }
        ("torch", "Tensor") => Some(Global::TensorType),
        ("torch.nn.parameter", "Parameter") => Some(Global::ParameterType),
        ("torch.storage", "UntypedStorage") => Some(Global::UntypedStorage),
        ("torch" | "torch.cuda", name) if name.ends_with("Storage") => {
            Dtype::ALL.into_iter().find(|dtype| storage_class(*dtype) == Some(name)).map(Global::Storage)
        }
        ("torch", "Size") => Some(Global::Class(Class::TorchSize)),
        ("torch", "device") => Some(Global::Class(Class::TorchDevice)),
        ("torch", name) => torch_dtype(name).map(Global::TorchDtype),
        ("builtins" | "__builtin__", "bytearray" | "complex") => loaded_type(name),
        _ => plain_global(module, name),
    }
}

/// The name in the module `torch` of the storage class of this element type. Types that came later have none: their
/// storages are untyped.
pub(crate) fn storage_class(dtype: Dtype) -> Option<&'static str> {
    match dtype {
        Dtype::Float64 => Some("DoubleStorage"),
        Dtype::Float32 => Some("FloatStorage"),
        Dtype::Float16 => Some("HalfStorage"),
        Dtype::Bfloat16 => Some("BFloat16Storage"),
        Dtype::Int64 => Some("LongStorage"),
        Dtype::Int32 => Some("IntStorage"),
        Dtype::Int16 => Some("ShortStorage"),
        Dtype::Int8 => Some("CharStorage"),
        Dtype::Uint8 => Some("ByteStorage"),
        Dtype::Bool => Some("BoolStorage"),
        Dtype::Complex64 => Some("ComplexFloatStorage"),
        Dtype::Complex128 => Some("ComplexDoubleStorage"),
        Dtype::Complex32
        | Dtype::Uint16
        | Dtype::Uint32
        | Dtype::Uint64
        | Dtype::Float8E4m3fn
        | Dtype::Float8E5m2
        | Dtype::Float8E4m3fnuz
        | Dtype::Float8E5m2fnuz
        | Dtype::Float8E8m0fnu
        | Dtype::Float4E2m1fnX2
        | Dtype::Bits8
        | Dtype::Bits16
        | Dtype::Bits1x8
        | Dtype::Bits2x4
        | Dtype::Bits4x2 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_dict_allows_all_twelve_storages_and_a_manifest_allows_none() {
        let classes = Dtype::ALL.into_iter().filter_map(|dtype| Some((dtype, storage_class(dtype)?)));
        for (dtype, name) in classes.clone() {
            assert_eq!(Allow::STATE_DICT.global("torch", name), Some(Global::Storage(dtype)));
            assert_eq!(Allow::VALUES.global("torch", name), None);
        }
        assert_eq!(classes.count(), 12);
    }

    #[test]
    fn a_state_dict_allows_every_element_type_by_name() {
        for dtype in Dtype::ALL {
            let global = Some(Global::TorchDtype(dtype.name()));
            assert_eq!(Allow::STATE_DICT.global("torch", dtype.name()), global);
        }
        for other in ["UntypedStorage", "FloatTensor", "load"] {
            assert_eq!(Allow::STATE_DICT.global("torch", other), None);
        }
    }

    #[test]
    fn a_name_is_allowed_in_its_own_module_only() {
        assert_eq!(Allow::STATE_DICT.global("builtins", "OrderedDict"), None);
        assert_eq!(Allow::STATE_DICT.global("torch", "load"), None);
        assert_eq!(Allow::VALUES.global("posixpath", "join"), None);
        assert_eq!(Allow::VALUES.global("builtins", "xrange"), None);
        assert_eq!(Allow::VALUES.global("torch", "load"), None);
        assert_eq!(Allow::VALUES.global("socket", "HTTPStatus"), None);
    }

    #[test]
    fn a_state_dict_holds_no_objects_that_the_safe_mode_of_torch_refuses() {
        for (module, name) in [
            ("dill._dill", "_load_type"),
            ("dill._dill", "_eval_repr"),
            ("builtins", "range"),
            ("builtins", "slice"),
            ("http", "HTTPStatus"),
            ("pathlib", "PosixPath"),
        ] {
            assert_eq!(Allow::STATE_DICT.global(module, name), None, "{module}.{name}");
            assert!(Allow::VALUES.global(module, name).is_some(), "{module}.{name}");
        }
    }
}
