//! The globals that a pickle may name. Any other global is refused at the opcode that names it.

use crate::torch_files::Dtype;

/// The globals and ids that one kind of pickle may contain beyond plain values.
#[derive(Clone, Copy, Debug)]
pub struct Allow {
    global: fn(module: &str, name: &str) -> Option<Global>,
    /// Whether objects may be referred to by a persistent id, as torch does with its storages.
    pub(super) persistent_ids: bool,
}

impl Allow {
    /// For a manifest or a params snapshot: paths and NumPy scalars, which become text and numbers.
    pub const VALUES: Self = Self { global: value_global, persistent_ids: false };

    /// For the `data.pkl` of a state dict: ordered dicts, tensors, and their storages (BUN-010).
    pub const STATE_DICT: Self = Self { global: state_dict_global, persistent_ids: true };

    /// What a global stands for that is harmless and not supported, in a file of torch.
    pub(super) fn unsupported(&self, module: &str, name: &str) -> Option<&'static str> {
        let known = NO_PLAIN_VALUES.iter().find(|(own, _)| *own == name);
        known.filter(|_| self.persistent_ids && module == "torch._utils").map(|(_, what)| *what)
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
    /// `builtins.set` and `builtins.frozenset`, which protocols before 4 call with a list.
    Set,
    /// `builtins.bytes`, which protocols before 3 call without arguments.
    Bytes,
    /// `_codecs.encode`, which protocols before 3 call to make `bytes` from Latin-1 text.
    Encode,
    /// `torch._utils._rebuild_tensor_v2`, and `_rebuild_tensor` with its first four arguments alone.
    RebuildTensor,
    /// `torch._utils._rebuild_tensor_v3`: a tensor with its element type, in a storage without one.
    RebuildTypedTensor,
    /// `torch._utils._rebuild_parameter`, `_rebuild_parameter_with_state` and `_rebuild_device_tensor_from_cpu_tensor`:
    /// what is around the tensor that is their first argument.
    Wrapper,
    /// `torch._tensor._rebuild_from_type_v2`: a tensor with attributes; and `torch._utils._rebuild_wrapper_subclass`,
    /// whose first argument is the class, which is refused.
    RebuildFromType,
    /// `torch.Tensor` and `torch.nn.parameter.Parameter`.
    TensorType,
    /// `torch.FloatStorage` and the other typed storages.
    Storage(Dtype),
    /// `torch.storage.UntypedStorage`.
    UntypedStorage,
    /// `torch.float32` and so on.
    Dtype(Dtype),
    /// A class of `pathlib`, with its path separator.
    Path(char),
    /// `numpy.dtype`.
    NumpyDtype,
    /// `numpy._core.multiarray.scalar`; `numpy.core.multiarray.scalar` before NumPy 2.
    NumpyScalar,
}

/// What torch rebuilds without code and what has no plain values, by the name of the function in `torch._utils`.
const NO_PLAIN_VALUES: &[(&str, &str)] = &[
    ("_rebuild_sparse_tensor", "a sparse tensor, which has no dense values"),
    ("_rebuild_sparse_csr_tensor", "a sparse tensor, which has no dense values"),
    ("_rebuild_nested_tensor", "a nested tensor, which has no single shape"),
    ("_rebuild_qtensor", "a quantized tensor, whose values are not those that are stored"),
    ("_rebuild_meta_tensor_no_storage", "a tensor on the meta device, which has no values"),
];

/// The globals of plain containers and `bytes`, which every kind of pickle may use.
fn plain_global(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("collections", "OrderedDict") => Some(Global::OrderedDict),
        ("builtins" | "__builtin__", "set" | "frozenset") => Some(Global::Set),
        ("builtins" | "__builtin__", "bytes") => Some(Global::Bytes),
        ("_codecs", "encode") => Some(Global::Encode),
        _ => None,
    }
}

fn value_global(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("pathlib" | "pathlib._local", "Path" | "PosixPath" | "PurePath" | "PurePosixPath") => {
            Some(Global::Path('/'))
        }
        ("pathlib" | "pathlib._local", "WindowsPath" | "PureWindowsPath") => Some(Global::Path('\\')),
        ("numpy", "dtype") => Some(Global::NumpyDtype),
        ("numpy._core.multiarray" | "numpy.core.multiarray", "scalar") => Some(Global::NumpyScalar),
        _ => plain_global(module, name),
    }
}

fn state_dict_global(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(Global::RebuildTensor),
        ("torch._utils", "_rebuild_tensor_v3") => Some(Global::RebuildTypedTensor),
        (
            "torch._utils",
            "_rebuild_parameter" | "_rebuild_parameter_with_state" | "_rebuild_device_tensor_from_cpu_tensor",
        ) => Some(Global::Wrapper),
        ("torch._tensor", "_rebuild_from_type_v2") | ("torch._utils", "_rebuild_wrapper_subclass") => {
            Some(Global::RebuildFromType)
        }
        ("torch", "Tensor") | ("torch.nn.parameter", "Parameter") => Some(Global::TensorType),
        ("torch.storage", "UntypedStorage") => Some(Global::UntypedStorage),
        ("torch" | "torch.cuda", name) if name.ends_with("Storage") => {
            Dtype::ALL.into_iter().find(|dtype| storage_class(*dtype) == Some(name)).map(Global::Storage)
        }
        ("torch", name) => Dtype::ALL.into_iter().find(|dtype| dtype.name() == name).map(Global::Dtype),
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
            assert_eq!(Allow::STATE_DICT.global("torch", dtype.name()), Some(Global::Dtype(dtype)));
        }
        for other in ["quint8", "float", "UntypedStorage", "FloatTensor"] {
            assert_eq!(Allow::STATE_DICT.global("torch", other), None);
        }
    }

    #[test]
    fn a_name_is_allowed_in_its_own_module_only() {
        assert_eq!(Allow::STATE_DICT.global("builtins", "OrderedDict"), None);
        assert_eq!(Allow::STATE_DICT.global("torch", "load"), None);
        assert_eq!(Allow::VALUES.global("posixpath", "join"), None);
    }
}
