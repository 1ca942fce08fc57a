//! Objects on which `torch.load(weights_only=True)` fails although it takes every global and opcode that makes them.
//!
//! torch makes all objects of a pickle, also those that nothing refers to in the end.

use std::ops::RangeInclusive;

use super::{
    arguments::unfit,
    source::{Globals, TorchFormat},
    states::unfit_state,
    storage_class::quantized_element,
};
use crate::torch_files::{
    FormatErrorKind as Kind,
    pickle::{Class, Global, Graph, Id, Node, Wrapper, safe_mode},
};

/// The numbers of arguments that functions of torch and Python take, for calls that only their names describe.
const ARGUMENTS: &[(&str, &str, RangeInclusive<usize>)] = &[
    ("torch._utils", "_rebuild_sparse_tensor", 2..=2),
    ("torch._utils", "_rebuild_qtensor", 7..=7),
    ("torch._utils", "_rebuild_nested_tensor", 4..=4),
    ("torch._utils", "_rebuild_meta_tensor_no_storage", 4..=4),
    ("torch._utils", "_rebuild_device_tensor_from_numpy", 4..=4),
    ("torch.nested._internal.nested_tensor", "_rebuild_njt", 1..=1),
    ("torch.serialization", "_get_layout", 1..=1),
    // Its items were added to them.
    ("collections", "Counter", 0..=usize::MAX),
];

/// The indexes of the class and of the device among the items that name a storage.
const CLASS: usize = 1;
const DEVICE: usize = 3;

/// The class of a dict that counts, whose objects no dict can have as keys either.
const COUNTER: (&str, &str) = ("collections", "Counter");

/// Why torch fails on the objects of a pickle: the first reason, if any. An archive names a storage by five items, and the
/// format before it by six.
pub(super) fn first_failure(graph: &Graph, globals: &Globals, format: TorchFormat) -> Option<Kind> {
    let items = match format {
        TorchFormat::Zip => 5,
        TorchFormat::Legacy => 6,
    };
    let unhashable = Unhashable::of(graph, globals);
    graph.nodes().find_map(|node| match node {
        Node::Dict(pairs) => unhashable.first(graph, pairs.iter().map(|(key, _)| key)),
        Node::Set(items) | Node::FrozenSet(items) => unhashable.first(graph, items.iter()),
        Node::Call { global, arguments, state } => unfit_call(graph, globals, *global, arguments)
            .or_else(|| unhashable.counted(graph, *global, arguments))
            .or_else(|| unfit_state(graph, *global, arguments, (*state)?))
            .or_else(|| unread_sizes(globals, *global, format)),
        Node::Persistent(id) => {
            let parts = graph.sequence(*id).unwrap_or_default();
            let found = parts.len();
            let what = || format!("expected a storage that is named by {items} items, found {found}");
            if found != items {
                return Some(Kind::TorchFails(what()));
            }
            let class = graph.node(*parts.get(CLASS)?);
            if !may_be_storage_class(globals, class) {
                let what = match class {
                    Node::Global(Global::Foreign(index)) => {
                        let (module, name) = globals.get_index(*index)?;
                        format!("{module}.{name} is not the class of a storage")
                    }
                    other => format!("expected the class of a storage, found {}", other.type_name()),
                };
                return Some(Kind::TorchFails(what));
            }
            let device = graph.node(*parts.get(DEVICE)?);
            let what = || format!("the device of a storage must be text, found {}", device.type_name());
            (!matches!(device, Node::Text(_) | Node::Bytes(_) | Node::Call { .. }))
                .then(|| Kind::TorchFails(what()))
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
        | Node::Tuple(_)
        | Node::Global(_) => None,
    })
}

/// Whether torch may take an object for the class of a storage: it asks it for a dtype. A global that is not allowed is another
/// finding.
fn may_be_storage_class(globals: &Globals, class: &Node) -> bool {
    match class {
        Node::Global(Global::Storage(_) | Global::UntypedStorage) => true,
        Node::Global(Global::Foreign(index)) => globals.get_index(*index).is_none_or(|(module, name)| {
            !safe_mode::has_global(module, name) || quantized_element(module, name).is_some()
        }),
        // A tensor has a dtype.
        Node::Call { .. } | Node::Persistent(_) => true,
        Node::Global(_)
        | Node::None
        | Node::Bool(_)
        | Node::Int(_)
        | Node::BigInt(_)
        | Node::Float(_)
        | Node::Bytes(_)
        | Node::ByteArray(_)
        | Node::Text(_)
        | Node::Surrogates(_)
        | Node::List(_)
        | Node::Tuple(_)
        | Node::Set(_)
        | Node::FrozenSet(_)
        | Node::Dict(_) => false,
    }
}

/// Why torch fails on a call, if it does.
fn unfit_call(graph: &Graph, globals: &Globals, global: Global, arguments: &[Id]) -> Option<Kind> {
    if let Global::Foreign(index) = global
        && let Some((module, name)) = globals.get_index(index)
        && quantized_element(module, name).is_some()
    {
        return Some(Kind::TorchFails(format!("{module}.{name} is called, and is the class of a storage")));
    }
    let (name, numbers) = signature(global, globals)?;
    let found = arguments.len();
    // The function that makes the tensor of another class is called as well.
    if let (Global::RebuildFromType, &[function, _, given, _]) = (global, arguments)
        && let (Node::Global(inner), Some(given)) = (graph.node(function), graph.sequence(given))
        && let failure @ Some(_) = unfit_call(graph, globals, *inner, given)
    {
        return failure;
    }
    if numbers.contains(&found) {
        return unfit(graph, globals, (global, name), arguments);
    }
    let what = format!("{name} does not take the number of arguments that it is called with, {found}");
    Some(Kind::TorchFails(what))
}

/// Why torch fails on a nested tensor in the format before PyTorch 1.6: its sizes are elements of tensors, which are read only
/// after everything was made.
fn unread_sizes(globals: &Globals, global: Global, format: TorchFormat) -> Option<Kind> {
    let Global::Foreign(index) = global else { return None };
    let (_, name) = globals.get_index(index).filter(|_| format == TorchFormat::Legacy)?;
    let what = "the format before PyTorch 1.6 has no nested tensors";
    (name == "_rebuild_nested_tensor").then(|| Kind::TorchFails(what.to_owned()))
}

/// The name of a global that is called, and the numbers of arguments that it takes, as far as they are known.
fn signature(global: Global, globals: &Globals) -> Option<(&str, RangeInclusive<usize>)> {
    match global {
        Global::RebuildOldTensor => Some(("_rebuild_tensor", 4..=4)),
        Global::RebuildTensor => Some(("_rebuild_tensor_v2", 6..=7)),
        Global::RebuildTypedTensor => Some(("_rebuild_tensor_v3", 7..=8)),
        Global::Wrapper(Wrapper::Parameter) => Some(("_rebuild_parameter", 3..=3)),
        Global::Wrapper(Wrapper::ParameterWithState) => Some(("_rebuild_parameter_with_state", 4..=4)),
        Global::Wrapper(Wrapper::OnDevice) => Some(("_rebuild_device_tensor_from_cpu_tensor", 4..=4)),
        Global::TensorType => Some(("torch.Tensor", 0..=usize::MAX)),
        Global::ParameterType => Some(("torch.nn.Parameter", 0..=2)),
        Global::Class(Class::TorchSize) => Some(("torch.Size", 0..=1)),
        Global::Class(Class::TorchDevice) => Some(("torch.device", 1..=2)),
        Global::Class(Class::Complex) => Some(("complex", 0..=2)),
        Global::Foreign(index) => {
            let (module, name) = globals.get_index(index)?;
            let (.., numbers) = ARGUMENTS.iter().find(|(of, own, _)| of == module && own == name)?;
            Some((name, numbers.clone()))
        }
        // With eight arguments it is another function.
        Global::RebuildFromType => Some(("_rebuild_from_type_v2", 4..=8)),
        Global::OrderedDict
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
        | Global::Class(Class::Range | Class::Slice | Class::Enumeration(_))
        | Global::TorchDtype(_) => None,
    }
}

/// The objects that Python cannot hash, which are neither keys nor items of a set.
struct Unhashable {
    /// Whether each object is one.
    objects: Vec<bool>,
    /// The indexes of the globals that are the class of dicts that count.
    counters: Vec<usize>,
}

impl Unhashable {
    fn of(graph: &Graph, globals: &Globals) -> Self {
        let is_counter =
            |(_, (module, name)): &(usize, &(String, String))| (module.as_str(), name.as_str()) == COUNTER;
        let counters = globals.iter().enumerate().filter(is_counter).map(|(index, _)| index).collect();
        let mut known = Self { objects: Vec::new(), counters };
        // The items of a tuple are made before the tuple.
        for node in graph.nodes() {
            let is_unhashable = match node {
                Node::List(_) | Node::Dict(_) | Node::Set(_) | Node::ByteArray(_) => true,
                Node::Tuple(items) => items.iter().any(|item| known.has(*item)),
                Node::Call { global: Global::Foreign(index), .. } => known.counters.contains(index),
                Node::None
                | Node::Bool(_)
                | Node::Int(_)
                | Node::BigInt(_)
                | Node::Float(_)
                | Node::Bytes(_)
                | Node::Text(_)
                | Node::Surrogates(_)
                | Node::FrozenSet(_)
                | Node::Global(_)
                | Node::Call { .. }
                | Node::Persistent(_) => false,
            };
            known.objects.push(is_unhashable);
        }
        known
    }

    /// The failure about what is counted, whose items become keys.
    fn counted(&self, graph: &Graph, global: Global, arguments: &[Id]) -> Option<Kind> {
        let (Global::Foreign(index), &[counted, ..]) = (global, arguments) else { return None };
        let items = graph.sequence(counted).filter(|_| self.counters.contains(&index))?;
        self.first(graph, items.iter())
    }

    fn has(&self, id: Id) -> bool {
        self.objects.get(id.index()).copied().unwrap_or(false)
    }

    /// The failure about the first of these objects that cannot be hashed.
    fn first<'i>(&self, graph: &Graph, mut ids: impl Iterator<Item = &'i Id>) -> Option<Kind> {
        let id = ids.find(|id| self.has(**id))?;
        let name = graph.node(*id).type_name();
        let article = if name.starts_with('o') { "an" } else { "a" };
        let what = format!("{article} {name} is a key of a dict or an item of a set");
        Some(Kind::TorchFails(what))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::torch_files::pickle::survey;

    fn failure(pickle: &[u8]) -> Option<String> {
        let asked = survey(pickle);
        let (graph, _) = asked.read.ok()?;
        first_failure(&graph, &asked.globals, TorchFormat::Zip).map(|kind| kind.to_string())
    }

    #[rstest]
    #[case::list(b"}]Ns.", "a list is")]
    #[case::dict(b"}}Ns.", "a dict is")]
    #[case::set(b"}cbuiltins\nset\n]\x85RNs.", "a set is")]
    #[case::array(b"}cbuiltins\nbytearray\n)RNs.", "a bytearray is")]
    #[case::inside_tuples(b"}]\x85\x85Ns.", "a tuple is")]
    #[case::ordered_dict(b"ccollections\nOrderedDict\n)R]Ns.", "a list is")]
    #[case::counter(b"}ccollections\nCounter\n)RNs.", "an object is")]
    #[case::item_of_a_set(b"cbuiltins\nset\n]]a\x85R.", "a list is")]
    fn a_key_that_python_cannot_hash_is_found(#[case] pickle: &[u8], #[case] says: &str) {
        let found = failure(pickle).unwrap_or_default();
        assert!(found.contains(says), "{found}");
    }

    #[test]
    fn a_storage_with_another_number_of_items_is_found() {
        let found = failure(b"X\x07\0\0\0storage\x85Q.").unwrap_or_default();
        assert!(found.ends_with("expected a storage that is named by 5 items, found 1"), "{found}");
    }

    #[test]
    fn the_device_of_a_storage_is_text() {
        let named = |device: &[u8]| {
            let start = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000";
            failure(&[&start[..], device, b"K\x06tQ."].concat())
        };
        assert_eq!(named(b"X\x03\0\0\0cpu"), None);
        let found = named(b"K\x01").unwrap_or_default();
        assert!(found.ends_with("the device of a storage must be text, found int"), "{found}");
    }

    #[rstest]
    #[case::function("ctorch._utils\n_rebuild_parameter\n", "found global")]
    #[case::tensor("ctorch\nTensor\n", "found global")]
    #[case::element_type("ctorch\nfloat32\n", "found torch.dtype")]
    #[case::layout("ctorch.serialization\n_get_layout\n", "torch.serialization._get_layout is not the class")]
    #[case::text("VFloatStorage\n", "found str")]
    #[case::none("N", "found NoneType")]
    fn the_class_of_a_storage_has_a_dtype(#[case] class: &str, #[case] says: &str) {
        let found = failure(format!("(Vstorage\n{class}V0\nVcpu\nK\x01tQ.").as_bytes()).unwrap_or_default();
        assert!(found.contains(says), "{found}");
    }

    #[test]
    fn the_class_of_a_storage_is_not_called() {
        let found = failure(b"ctorch\nQInt8Storage\n)R.").unwrap_or_default();
        assert!(found.ends_with("torch.QInt8Storage is called, and is the class of a storage"), "{found}");
    }

    #[rstest]
    #[case::plain("ctorch\nHalfStorage\n")]
    #[case::untyped("ctorch.storage\nUntypedStorage\n")]
    #[case::quantized("ctorch\nQInt8Storage\n")]
    fn a_storage_of_its_class_is_no_failure(#[case] class: &str) {
        assert_eq!(failure(format!("(Vstorage\n{class}V0\nVcpu\nK\x01tQ.").as_bytes()), None);
    }

    #[rstest]
    #[case::text(b"}X\x01\0\0\0aNs.")]
    #[case::tuple(b"}K\x01K\x02\x86Ns.")]
    #[case::size(b"}ctorch\nSize\n(K\x04t\x85RNs.")]
    fn what_torch_takes_is_no_failure(#[case] pickle: &[u8]) {
        assert_eq!(failure(pickle), None);
    }

    #[test]
    fn a_nested_tensor_fails_in_the_format_that_reads_storages_last() {
        let tensor = "ctorch._utils\n_rebuild_tensor\n((Vstorage\nctorch\nLongStorage\nV0\nVcpu\nI2\nVIEWtQI0\n(I2\nt(I1\nttR";
        let nested = format!("ctorch._utils\n_rebuild_nested_tensor\n({tensor}{tensor}{tensor}{tensor}tR.");
        let failure = |format, view| {
            let asked = survey(nested.replace("VIEW", view).as_bytes());
            first_failure(&asked.read.unwrap().0, &asked.globals, format).map(|kind| kind.to_string())
        };
        assert_eq!(failure(TorchFormat::Zip, ""), None);
        assert!(failure(TorchFormat::Legacy, "N").unwrap().contains("has no nested tensors"));
    }

    #[rstest]
    #[case::sparse(b"ctorch._utils\n_rebuild_sparse_tensor\nNNN\x87R.", "_rebuild_sparse_tensor", 3)]
    #[case::quantized(b"ctorch._utils\n_rebuild_qtensor\n)R.", "_rebuild_qtensor", 0)]
    #[case::nested(b"ctorch._utils\n_rebuild_nested_tensor\nN\x85R.", "_rebuild_nested_tensor", 1)]
    #[case::meta(
        b"ctorch._utils\n_rebuild_meta_tensor_no_storage\nNNN\x87R.",
        "_rebuild_meta_tensor_no_storage",
        3
    )]
    #[case::layout(b"ctorch.serialization\n_get_layout\n)R.", "_get_layout", 0)]
    #[case::parameter(b"ctorch._utils\n_rebuild_parameter\nNN\x86R.", "_rebuild_parameter", 2)]
    #[case::tensor(b"ctorch._utils\n_rebuild_tensor_v2\nN\x85R.", "_rebuild_tensor_v2", 1)]
    #[case::device(b"ctorch\ndevice\n)R.", "torch.device", 0)]
    fn a_call_with_another_number_of_arguments_is_found(
        #[case] pickle: &[u8],
        #[case] name: &str,
        #[case] number: usize,
    ) {
        let expected = format!(
            "torch.load fails on it: {name} does not take the number of arguments that it is called with, {number}"
        );
        assert_eq!(failure(pickle), Some(expected));
    }
}
