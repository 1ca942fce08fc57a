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
    /// `torch._utils._rebuild_tensor_v2`.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`.
    RebuildParameter,
    /// `torch.FloatStorage` and the other typed storages.
    Storage(Dtype),
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
        ("torch._utils", "_rebuild_tensor_v2") => Some(Global::RebuildTensor),
        ("torch._utils", "_rebuild_parameter") => Some(Global::RebuildParameter),
        ("torch", name) => {
            Dtype::ALL.into_iter().find(|dtype| storage_class(*dtype) == name).map(Global::Storage)
        }
        _ => plain_global(module, name),
    }
}

/// The name in the module `torch` of the storage class of this element type.
pub(crate) fn storage_class(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::Float64 => "DoubleStorage",
        Dtype::Float32 => "FloatStorage",
        Dtype::Float16 => "HalfStorage",
        Dtype::Bfloat16 => "BFloat16Storage",
        Dtype::Int64 => "LongStorage",
        Dtype::Int32 => "IntStorage",
        Dtype::Int16 => "ShortStorage",
        Dtype::Int8 => "CharStorage",
        Dtype::Uint8 => "ByteStorage",
        Dtype::Bool => "BoolStorage",
        Dtype::Complex64 => "ComplexFloatStorage",
        Dtype::Complex128 => "ComplexDoubleStorage",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_dict_allows_all_twelve_storages_and_a_manifest_allows_none() {
        for dtype in Dtype::ALL {
            let name = storage_class(dtype);
            assert_eq!(Allow::STATE_DICT.global("torch", name), Some(Global::Storage(dtype)));
            assert_eq!(Allow::VALUES.global("torch", name), None);
        }
    }

    #[test]
    fn a_name_is_allowed_in_its_own_module_only() {
        assert_eq!(Allow::STATE_DICT.global("builtins", "OrderedDict"), None);
        assert_eq!(Allow::STATE_DICT.global("torch", "load"), None);
        assert_eq!(Allow::VALUES.global("posixpath", "join"), None);
    }
}
