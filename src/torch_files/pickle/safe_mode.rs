//! What the safe mode of torch takes: the opcodes and the globals of `torch.load(weights_only=True)`, version 2.13.
//!
//! The interop test compares the globals with those of torch.

use super::{opcode::*, well_known::torch_dtype};

/// Whether the safe mode has this opcode. Later protocols than 2 and some of the earlier ones have others.
pub(super) fn has_opcode(opcode: u8) -> bool {
    OPCODES.contains(&opcode)
}

/// Whether the safe mode takes this global.
pub(crate) fn has_global(module: &str, name: &str) -> bool {
    // It reads the names that Python 2 wrote.
    let module = if module == "__builtin__" { "builtins" } else { module };
    match module {
        "torch" if name.ends_with("Storage") => {
            is_storage(name) || QUANTIZED.iter().any(|of| is_of(name, of, "Storage"))
        }
        "torch.cuda" if name.ends_with("Storage") => is_storage(name),
        "torch" | "torch.cuda" if name.ends_with("Tensor") && name != "Tensor" => {
            is_tensor(name) || is_of(name, "Bool", "Tensor")
        }
        "torch.sparse" | "torch.cuda.sparse" => is_tensor(name),
        "torch" if torch_dtype(name).is_some() => true,
        _ => GLOBALS.iter().any(|(of, names)| *of == module && names.contains(&name)),
    }
}

/// Whether a name is a class of storages.
fn is_storage(name: &str) -> bool {
    NUMBERS.iter().chain(&["Bool", "ComplexDouble", "ComplexFloat"]).any(|of| is_of(name, of, "Storage"))
}

/// Whether a name is a class of tensors of plain numbers.
fn is_tensor(name: &str) -> bool {
    NUMBERS.iter().any(|of| is_of(name, of, "Tensor"))
}

fn is_of(name: &str, elements: &str, class: &str) -> bool {
    name.strip_prefix(elements) == Some(class)
}

/// What the names of classes of tensors and storages begin with.
const NUMBERS: [&str; 9] = ["BFloat16", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short"];

/// What the names of further classes of storages begin with.
const QUANTIZED: [&str; 5] = ["QInt32", "QInt8", "QUInt2x4", "QUInt4x2", "QUInt8"];

const OPCODES: [u8; 34] = [
    PROTO,
    STOP,
    GLOBAL,
    NEWOBJ,
    REDUCE,
    BUILD,
    APPEND,
    APPENDS,
    SETITEM,
    SETITEMS,
    MARK,
    TUPLE,
    TUPLE1,
    TUPLE2,
    TUPLE3,
    NONE,
    NEWTRUE,
    NEWFALSE,
    EMPTY_TUPLE,
    EMPTY_LIST,
    EMPTY_DICT,
    EMPTY_SET,
    BININT,
    BININT1,
    BININT2,
    BINFLOAT,
    BINUNICODE,
    SHORT_BINSTRING,
    BINPERSID,
    BINGET,
    LONG_BINGET,
    BINPUT,
    LONG_BINPUT,
    LONG1,
];

/// The other globals by their modules.
const GLOBALS: &[(&str, &[&str])] = &[
    ("_codecs", &["encode"]),
    ("builtins", &["bytearray", "complex", "set"]),
    ("collections", &["Counter", "OrderedDict"]),
    (
        "torch",
        &[
            "Size",
            "Tensor",
            "device",
            "per_channel_affine",
            "per_channel_affine_float_qparams",
            "per_channel_symmetric",
            "per_tensor_affine",
            "per_tensor_symmetric",
        ],
    ),
    ("torch._tensor", &["_rebuild_from_type_v2"]),
    (
        "torch._utils",
        &[
            "_rebuild_device_tensor_from_cpu_tensor",
            "_rebuild_device_tensor_from_numpy",
            "_rebuild_meta_tensor_no_storage",
            "_rebuild_nested_tensor",
            "_rebuild_parameter",
            "_rebuild_parameter_with_state",
            "_rebuild_qtensor",
            "_rebuild_sparse_tensor",
            "_rebuild_tensor",
            "_rebuild_tensor_v2",
            "_rebuild_tensor_v3",
            "_rebuild_wrapper_subclass",
        ],
    ),
    ("torch.distributed._mesh_layout", &["_FlatLayout", "_MeshLayout"]),
    ("torch.nested._internal.nested_tensor", &["NestedTensor", "_rebuild_njt"]),
    ("torch.nn.parameter", &["Parameter"]),
    ("torch.serialization", &["_get_layout"]),
    ("torch.storage", &["TypedStorage", "UntypedStorage"]),
];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::torch_files::pickle::{Allow, survey};

    #[rstest]
    #[case("torch", "FloatStorage", true)]
    #[case("torch", "QUInt8Storage", true)]
    #[case("torch.cuda", "QUInt8Storage", false)]
    #[case("torch", "UntypedStorage", false)]
    #[case("torch", "BoolTensor", true)]
    #[case("torch.sparse", "BoolTensor", false)]
    #[case("torch.sparse", "FloatTensor", true)]
    #[case("torch", "Tensor", true)]
    #[case("torch", "float8_e5m2", true)]
    #[case("torch", "float9", false)]
    #[case("torch.cuda", "Tensor", false)]
    #[case("__builtin__", "set", true)]
    #[case("builtins", "frozenset", false)]
    #[case("collections", "defaultdict", false)]
    #[case("torch._utils", "_rebuild_tensor_v2", true)]
    #[case("os", "system", false)]
    fn globals_are_those_of_the_safe_mode(#[case] module: &str, #[case] name: &str, #[case] expected: bool) {
        assert_eq!(has_global(module, name), expected);
    }

    #[test]
    fn what_a_pickle_asks_for_is_known_although_it_cannot_be_read() {
        let asked = survey(b"\x80\x02cos\nsystem\nq\0ccollections\nOrderedDict\nh\0X\xff");
        let globals = [("os", "system"), ("collections", "OrderedDict")];
        assert_eq!(asked.globals, globals.map(|(module, name)| (module.to_owned(), name.to_owned())).into());
        assert_eq!(asked.beyond, None);
        assert!(asked.read.is_err());
        let asked = survey(b"\x80\x04\x8c\x02os\x94\x8c\x06system\x93\x8c\x02id\x85R.");
        assert_eq!(asked.beyond, Some((2, "SHORT_BINUNICODE")));
        assert_eq!(asked.globals.len(), 1);
        assert!(asked.read.is_ok());
    }

    #[rstest]
    #[case::state(b"\x80\x02c__main__\nNet\n)\x81}X\x01\0\0\0wK\x01sb.")]
    #[case::items(b"\x80\x02ccollections\ndeque\n)R(K\x01K\x02e.")]
    #[case::pairs(b"\x80\x02ccollections\ndefaultdict\n)R(K\x01K\x02u.")]
    #[case::called_twice(b"\x80\x02c__builtin__\ngetattr\n)R)R.")]
    #[case::by_name(b"\x80\x04c__main__\nNet\n)}\x92.")]
    fn what_is_done_to_a_foreign_object_is_recorded(#[case] pickle: &[u8]) {
        assert!(survey(pickle).read.is_ok());
        assert!(super::super::read_first(pickle, Allow::STATE_DICT).is_err());
    }
}
