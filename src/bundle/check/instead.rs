//! What to save in the place of an object of a well-known class, which is data and not code.

use crate::torch_files::pickle::is_scheme;

/// The packages of optimizers and schedulers of torch.
const OPTIMIZERS: &str = "torch.optim.";

/// The package of the modules of PyTorch, whose names a pickle of a whole network begins with.
const NETWORKS: &str = "torch.nn.";

/// How the elements of tensors of torch are ordered.
const MEMORY_FORMATS: [&str; 4] =
    ["torch.channels_last", "torch.channels_last_3d", "torch.contiguous_format", "torch.preserve_format"];

/// What to save in the place of an object of this class, or of one that this function makes.
pub(super) fn instead(module: &str, name: &str) -> Option<&'static str> {
    // These are found by their own names. Any other name with a dot may lead through attributes to anything at all.
    if module == "torch._utils" && MEMORY_FORMATS.contains(&name) {
        return Some("save it as text: str(value)");
    }
    if name.contains('.') {
        return None;
    }
    match (module, name) {
        ("datetime", "date" | "datetime" | "time") => Some("save it as text: value.isoformat()"),
        ("datetime", "timezone") | ("ipaddress", "IPv4Address" | "IPv6Address") => {
            Some("save it as text: str(value)")
        }
        ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp") => {
            Some("save it as text: value.isoformat()")
        }
        ("time", "struct_time") => Some("save it as a list: list(value)"),
        ("array", "_array_reconstructor") => Some("save it as a list: value.tolist()"),
        ("_io", "BytesIO" | "StringIO") => Some("save what is in it: value.getvalue()"),
        ("dill._dill", "_load_type('MappingProxyType')") => Some("save it as a dict: dict(value)"),
        ("torch._C", "Generator") => Some("save its seed: value.initial_seed()"),
        (module, name) if is_scheme(module, name) => Some("save it as text: str(value)"),
        ("datetime", "timedelta") => Some("save it as a number: value.total_seconds()"),
        ("decimal", "Decimal") | ("fractions", "Fraction") | ("uuid", "UUID") => {
            Some("save it as text: str(value)")
        }
        (
            "pathlib" | "pathlib._local",
            "Path" | "PosixPath" | "WindowsPath" | "PurePath" | "PurePosixPath" | "PureWindowsPath",
        ) => Some("save it as text: str(value)"),
        ("builtins" | "__builtin__", "frozenset" | "range" | "xrange") => {
            Some("save it as a list: list(value)")
        }
        ("builtins" | "__builtin__", "slice") => {
            Some("save it as a tuple: (value.start, value.stop, value.step)")
        }
        ("numpy._core.numeric" | "numpy.core.numeric", "_frombuffer") => {
            Some("save the array as a list: value.tolist()")
        }
        ("dill._dill", "_eval_repr('Ellipsis')" | "_eval_repr('NotImplemented')") => {
            Some("save None or a word in its place")
        }
        ("dill._dill", loaded) if is_plain_class(loaded) => Some("save its name as text: value.__name__"),
        ("numpy", name) if is_number_class(name) => Some("save its name as text: value.__name__"),
        (
            "torch._utils",
            "_rebuild_tensor"
            | "_rebuild_tensor_v2"
            | "_rebuild_tensor_v3"
            | "_rebuild_parameter"
            | "_rebuild_parameter_with_state",
        ) => Some("save a tensor as a number or a list: value.tolist()"),
        ("torch.serialization", "_get_layout") => Some("save it as text: str(value)"),
        ("re", "_compile") => Some("save it as text: value.pattern"),
        ("argparse", "Namespace") | ("types", "SimpleNamespace") => Some("save it as a dict: vars(value)"),
        ("collections", "defaultdict" | "Counter") => Some("save it as a dict: dict(value)"),
        ("collections", "deque") => Some("save it as a list: list(value)"),
        ("numpy._core.multiarray" | "numpy.core.multiarray", "_reconstruct") => {
            Some("save the array as a list: value.tolist()")
        }
        ("numpy", "dtype") => Some("save it as text: str(value)"),
        ("numpy._core.multiarray" | "numpy.core.multiarray", "scalar") | ("numpy", "ndarray") => {
            Some("save the values of NumPy as plain numbers and lists: value.tolist()")
        }
        ("numpy.ma" | "numpy.ma.core", "_mareconstruct") => {
            Some("save the values and the mask as lists: value.data.tolist(), value.mask.tolist()")
        }
        ("numpy.random._pickle", "__generator_ctor") => Some("save its state: value.bit_generator.state"),
        ("numpy.random._pickle", "__bit_generator_ctor") => Some("save its state: value.state"),
        ("numpy.random._pickle", "__randomstate_ctor") => {
            Some("save its state: value.get_state(legacy=False)")
        }
        ("pandas" | "pandas.core.frame" | "pandas.core.series", "DataFrame" | "Series") => {
            Some("save it as a dict: value.to_dict()")
        }
        ("omegaconf.dictconfig", "DictConfig") | ("omegaconf.listconfig", "ListConfig") => {
            Some("save it as plain containers: OmegaConf.to_container(value, resolve=True)")
        }
        (
            "lightning.fabric.utilities.data"
            | "lightning.pytorch.utilities.parsing"
            | "pytorch_lightning.utilities.parsing",
            "AttributeDict",
        ) => Some("save it as a dict: dict(value)"),
        ("torch.nn.utils.rnn", "PackedSequence") => {
            Some("save its tensors: value.data and value.batch_sizes")
        }
        ("torch._dynamo.decorators", "_DimRange") => Some(
            "import torch._dynamo before torch.load, which then takes nested tensors of the layout torch.jagged; or save \
             their tensors: value.values() and value.offsets()",
        ),
        (module, _) if module.starts_with(OPTIMIZERS) => Some("save its state: value.state_dict()"),
        _ => None,
    }
}

/// Whether dill loads a class of plain values, which takes its name alone.
fn is_plain_class(loaded: &str) -> bool {
    let name = loaded.strip_prefix("_load_type('").and_then(|rest| rest.strip_suffix("')"));
    matches!(
        name,
        Some(
            "int"
                | "float"
                | "complex"
                | "bool"
                | "str"
                | "bytes"
                | "bytearray"
                | "list"
                | "tuple"
                | "dict"
                | "set"
                | "frozenset"
                | "range"
                | "slice"
                | "object"
                | "NoneType"
                | "EllipsisType"
        )
    )
}

/// Whether NumPy has a class of numbers, text or times with this name.
fn is_number_class(name: &str) -> bool {
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    matches!(word, "bool" | "int" | "uint" | "float" | "complex" | "str" | "bytes" | "datetime" | "timedelta")
}

/// What to do about an object of a network by itself, or about a reference to a class or function of torch.
pub(super) fn instead_of_network(module: &str, is_reference: bool) -> Option<&'static str> {
    if is_reference {
        module
            .starts_with("torch.")
            .then_some("it is a class or function and not a network: save its name as text")
    } else {
        module.starts_with(NETWORKS).then_some(
            "this is a whole network: ask for a file that torch.save(network.state_dict(), ...) wrote",
        )
    }
}
