//! The tensors and storages that the pickle of a state dict describes.

use indexmap::IndexMap;

use super::{
    lazy::Lazy,
    outline::{NetworkOutline, Outline, StorageOutline, TensorOutline},
    sides::sides,
    source::{Source, TorchFormat},
    view::View,
};
use crate::torch_files::{
    Dtype, FormatError, FormatErrorKind as Kind, ModelState, Numbers,
    error::{excerpt, within},
    limits::{MAX_ENTRY_NAME_BYTES, MAX_METADATA_KEYS, MAX_RANK, MAX_TENSOR_NAME_BYTES, MAX_TENSORS},
    pickle::{Class, Global, Graph, Id, Node, Wrapper, subscript},
};

type Result<T> = std::result::Result<T, FormatError>;

/// The name, or its last part, of what a module saves in addition to tensors.
const EXTRA_STATE: &str = "_extra_state";

/// The most objects around a tensor: a parameter with attributes on a device is three.
const MAX_WRAPPERS: usize = 4;

/// The attributes of a tensor that are its elements.
const ELEMENTS: [&str; 3] = ["data", "real", "imag"];

/// Reads an outline from a pickle.
pub(super) struct Parser<'g> {
    graph: &'g Graph,
    /// The entry of the storage with this key.
    place: &'g dyn Fn(&str) -> String,
    format: TorchFormat,
    network: NetworkOutline,
    /// The index of each storage by its key.
    keys: IndexMap<String, usize>,
}

impl<'g> Parser<'g> {
    pub(super) fn new(graph: &'g Graph, source: &Source<'g>) -> Self {
        let network =
            NetworkOutline { beyond: graph.beyond(), big_endian: source.big_endian, ..Default::default() };
        Self { graph, place: source.place, format: source.format, network, keys: IndexMap::new() }
    }

    pub(super) fn parse(mut self) -> Result<Outline> {
        let root = self.graph.root();
        let Node::Dict(items) = self.graph.node(root) else {
            return Err(self.unexpected("a state dict", root));
        };
        if items.iter().any(|(key, _)| self.graph.text(*key) == Some(ModelState::SENTINEL_KEY)) {
            return Ok(Outline::Sentinel(self.graph.to_map(root, items)?));
        }
        within("tensors", items.len() as u64, MAX_TENSORS)?;
        let mut extra = Vec::new();
        for (key, value) in items {
            let name = self.graph.text(*key).ok_or_else(|| self.unexpected("a text key", *key))?;
            within("bytes of tensor name", name.len() as u64, MAX_TENSOR_NAME_BYTES)?;
            let is_tensor = self.call(*value).is_some_and(|(global, _)| global.makes_a_tensor());
            if is_extra_state(name) && !is_tensor {
                extra.push((*key, *value));
                continue;
            }
            let tensor = self.tensor(*value).map_err(|error| error.under(subscript(name)))?;
            self.network.tensors.insert(name.to_owned(), tensor);
        }
        self.network.extra = self.graph.to_map(root, &extra)?;
        self.network.bounded()?;
        Ok(Outline::Network(self.network))
    }

    /// The tensors so far.
    pub(super) fn tensors(&self) -> &IndexMap<String, TensorOutline> {
        &self.network.tensors
    }

    /// Adds a tensor that [`Parser::tensor`] read.
    pub(super) fn add(&mut self, name: String, tensor: TensorOutline) {
        self.network.tensors.insert(name, tensor);
    }

    /// The tensors that were added, and their storages.
    pub(super) fn into_network(self) -> NetworkOutline {
        self.network
    }

    /// The call whose result is an object, if it is one.
    fn call(&self, id: Id) -> Option<(Global, &'g [Id])> {
        let Node::Call { global, arguments, .. } = self.graph.node(id) else { return None };
        Some((*global, arguments))
    }

    /// The tensor of an object.
    pub(super) fn tensor(&mut self, id: Id) -> Result<TensorOutline> {
        let (mut at, mut call) = (id, self.call(id));
        let mut around = Around::default();
        for _ in 0..MAX_WRAPPERS {
            let Some((global, arguments)) = call else { break };
            let state = self.state(at);
            (at, call) = match global {
                // The oldest files have neither a gradient nor hooks.
                Global::RebuildOldTensor => {
                    let &[storage, offset, shape, strides] = arguments else { break };
                    self.refuse_another_storage(state)?;
                    return around.checked(self.dense(storage, None, [offset, shape, strides], None)?);
                }
                Global::RebuildTensor => {
                    let &[storage, offset, shape, strides, gradient, _hooks, ref metadata @ ..] = arguments
                    else {
                        break;
                    };
                    let metadata = match *metadata {
                        [] => None,
                        [metadata] => Some(metadata),
                        [_, ..] => break,
                    };
                    around.gradient |= self.gradient(gradient)?;
                    self.refuse_another_storage(state)?;
                    return around.checked(self.dense(storage, None, [offset, shape, strides], metadata)?);
                }
                Global::RebuildTypedTensor => {
                    let &[storage, offset, shape, strides, gradient, _, dtype, ref rest @ ..] = arguments
                    else {
                        break;
                    };
                    let dtype = self.dtype(dtype, gradient)?;
                    let metadata = match *rest {
                        [] => None,
                        [metadata] => Some(metadata),
                        [_, ..] => break,
                    };
                    let place = [offset, shape, strides];
                    self.refuse_another_storage(state)?;
                    return around.checked(self.dense(storage, Some(dtype), place, metadata)?);
                }
                Global::Wrapper(wrapper) => {
                    // The third is hooks, or a device.
                    let &[tensor, second, _, ref rest @ ..] = arguments else { break };
                    let gradient = match (wrapper, rest) {
                        (Wrapper::Parameter, []) => second,
                        (Wrapper::ParameterWithState, [attributes]) => {
                            self.refuse_replaced(*attributes)?;
                            second
                        }
                        (Wrapper::OnDevice, [gradient]) => {
                            if let Node::Global(Global::TorchDtype(name)) = self.graph.node(second) {
                                around.dtype = around.dtype.or(Some(name));
                            }
                            *gradient
                        }
                        (Wrapper::Parameter | Wrapper::ParameterWithState | Wrapper::OnDevice, _) => break,
                    };
                    around.gradient |= self.gradient(gradient)?;
                    match wrapper {
                        Wrapper::Parameter | Wrapper::ParameterWithState => self.build(state, &mut around)?,
                        Wrapper::OnDevice => self.refuse_another_storage(state)?,
                    }
                    (tensor, self.call(tensor))
                }
                // Before PyTorch 0.4 a parameter was its tensor and a state.
                Global::ParameterType => {
                    let (tensor, gradient) = match *arguments {
                        [tensor] => (tensor, None),
                        [tensor, gradient] => (tensor, Some(gradient)),
                        [] | [_, _, _, ..] => break,
                    };
                    around.gradient |= gradient.map_or(Ok(true), |gradient| self.gradient(gradient))?;
                    self.build(state, &mut around)?;
                    (tensor, self.call(tensor))
                }
                Global::RebuildFromType => {
                    let &[function, class, given, attributes] = arguments else { break };
                    self.refuse_replaced(attributes)?;
                    let Node::Global(Global::TensorType | Global::ParameterType) = self.graph.node(class)
                    else {
                        return Err(self.unexpected("torch.Tensor or a parameter", class));
                    };
                    self.refuse_another_storage(state)?;
                    let Node::Global(global) = self.graph.node(function) else { break };
                    (function, self.graph.sequence(given).map(|given| (*global, given)))
                }
                Global::OrderedDict
                | Global::Set
                | Global::FrozenSet
                | Global::Bytes
                | Global::ByteArray
                | Global::Encode
                | Global::TensorType
                | Global::Storage(_)
                | Global::UntypedStorage
                | Global::Path(_)
                | Global::NumpyDtype
                | Global::NumpyScalar
                | Global::Dill(_)
                | Global::Class(_)
                | Global::TorchDtype(_)
                | Global::Foreign(_) => break,
            };
        }
        match self.call(at) {
            Some((global, arguments)) if global.makes_a_tensor() => {
                let found = format!("a call with {} arguments", arguments.len());
                Err(Kind::Unexpected { expected: "a tensor", found }.into())
            }
            Some(_) | None => Err(self.unexpected("a tensor", at)),
        }
    }

    /// The state that BUILD gives an object.
    fn state(&self, id: Id) -> Option<Id> {
        if let Node::Call { state, .. } = self.graph.node(id) { *state } else { None }
    }

    /// A state is the storage of a tensor, whatever it was made with.
    fn refuse_another_storage(&self, state: Option<Id>) -> Result<()> {
        if state.is_none() {
            return Ok(());
        }
        Err(Kind::Unsupported("a tensor that is given another storage".to_owned()).into())
    }

    /// Refuses attributes that torch writes into the elements.
    fn refuse_replaced(&self, attributes: Id) -> Result<()> {
        let names = |id: &Id| {
            let pairs = if let Node::Dict(pairs) = self.graph.node(*id) { pairs.as_slice() } else { &[] };
            pairs.iter().filter_map(|(key, _)| self.graph.text(*key))
        };
        let slots = self.graph.sequence(attributes).unwrap_or_default();
        let mut all = std::iter::once(&attributes).chain(slots).flat_map(names);
        match all.find(|name| ELEMENTS.contains(name)) {
            Some(name) => Err(Kind::Unsupported(format!("a tensor whose attribute {name:?} is set")).into()),
            None => Ok(()),
        }
    }

    /// Gives a parameter its state: whether it requires a gradient, and hooks.
    fn build(&self, state: Option<Id>, around: &mut Around) -> Result<()> {
        let Some(state) = state else { return Ok(()) };
        let Some(&[gradient, _, _]) = self.graph.sequence(state) else {
            return self.refuse_another_storage(Some(state));
        };
        // That of the class holds only until the state is there.
        around.gradient = self.gradient(gradient)?;
        Ok(())
    }

    /// Whether a tensor requires a gradient.
    fn gradient(&self, id: Id) -> Result<bool> {
        let node = self.graph.node(id);
        let Node::Bool(gradient) = node else {
            // Not an unexpected object: those may be something else than a dense tensor.
            let what = format!("expected True or False for requires_grad, found {}", node.type_name());
            return Err(Kind::Storage(what).into());
        };
        Ok(*gradient)
    }

    /// The element type of a tensor in an untyped storage.
    fn dtype(&self, dtype: Id, gradient: Id) -> Result<Dtype> {
        if !matches!(self.graph.node(gradient), Node::Bool(false) | Node::None) {
            let what = "a tensor in an untyped storage requires a gradient";
            return Err(Kind::TorchFails(what.to_owned()).into());
        }
        let node = self.graph.node(dtype);
        if *node == Node::None {
            return Err(Kind::Unsupported("a tensor of the default element type".to_owned()).into());
        }
        // The only class of Python that the safe mode takes and that torch takes for an element type.
        if *node == Node::Global(Global::Class(Class::Complex)) {
            return Ok(Dtype::Complex128);
        }
        let Node::Global(Global::TorchDtype(name)) = *node else {
            return Err(self.unexpected("an element type", dtype));
        };
        let named = Dtype::ALL.into_iter().find(|dtype| dtype.name() == name);
        Ok(named.ok_or_else(|| Kind::Unsupported(format!("a tensor of {name}")))?)
    }

    /// A tensor with these offset, shape and strides in a storage. `dtype` is that of a tensor in an untyped storage.
    fn dense(
        &mut self,
        storage: Id,
        dtype: Option<Dtype>,
        [offset, shape, strides]: [Id; 3],
        metadata: Option<Id>,
    ) -> Result<TensorOutline> {
        let index = self.storage(storage, dtype)?;
        let Some(StorageOutline { dtype, .. }) = self.network.storages.get(index) else {
            return Err(self.unexpected("a storage", storage));
        };
        let dtype = *dtype;
        let elements = self.network.storages.get(index).map_or(0, StorageOutline::elements);
        let lazy = metadata.map_or(Ok(Lazy::default()), |metadata| self.lazy(metadata))?;
        if lazy.conjugated && dtype.numbers() != Numbers::Complex {
            return Err(Kind::TorchFails(format!("a tensor of {dtype} is lazily conjugated")).into());
        }
        if lazy != Lazy::default() && !lazy.is_possible(dtype) {
            return Err(Kind::Unsupported(format!("a lazily conjugated or negated tensor of {dtype}")).into());
        }
        // Without strides, torch takes consecutive elements.
        let is_none = *self.graph.node(strides) == Node::None;
        let strides = if is_none { Vec::new() } else { self.integers(strides)? };
        let shape = self.shape(shape, &strides)?;
        let strides = stepped(&strides, &shape)?;
        let strides = if strides.is_empty() { row_major(&shape) } else { strides };
        let view = View::new(self.size(offset)?, shape, strides, elements)?;
        Ok(TensorOutline { dtype, storage: index, lazy, view })
    }

    /// What the metadata of a tensor say about its values.
    fn lazy(&self, metadata: Id) -> Result<Lazy> {
        let mut lazy = Lazy::default();
        if self.graph.node(metadata).is_false() {
            return Ok(lazy);
        }
        let Node::Dict(items) = self.graph.node(metadata) else {
            return Err(self.unexpected("a dict of metadata", metadata));
        };
        // Every tensor may refer to the same metadata, which are read for each.
        within("keys in the metadata of a tensor", items.len() as u64, MAX_METADATA_KEYS)?;
        for (key, value) in items {
            let value_node = self.graph.node(*value);
            let is_number =
                matches!(value_node, Node::Bool(_) | Node::Int(_) | Node::BigInt(_) | Node::Float(_));
            if !is_number && *value_node != Node::None {
                return Err(self.unexpected("a bool in the metadata of a tensor", *value));
            }
            // torch does not look at the value: a key that is there counts, even with False.
            match self.graph.text(*key) {
                Some("conj") => lazy.conjugated = true,
                Some("neg") => lazy.negated = true,
                Some(_) => {}
                None => return Err(self.unexpected("a text key", *key)),
            }
        }
        Ok(lazy)
    }

    /// The index of the storage with the persistent id `('storage', class, key, device, elements)`, in the format before
    /// PyTorch 1.6 with a view of the storage as a sixth item. An untyped storage has bytes in place of elements.
    fn storage(&mut self, id: Id, untyped: Option<Dtype>) -> Result<usize> {
        let wrong = || self.unexpected("a storage", id);
        let Node::Persistent(name) = self.graph.node(id) else { return Err(wrong()) };
        let &[tag, class, key, _device, elements, ref view @ ..] =
            self.graph.sequence(*name).ok_or_else(wrong)?
        else {
            return Err(wrong());
        };
        let views = match self.format {
            TorchFormat::Zip => 0,
            TorchFormat::Legacy => 1,
        };
        if view.len() != views {
            return Err(wrong());
        }
        if view.iter().any(|view| *self.graph.node(*view) != Node::None) {
            return Err(Kind::Unsupported("a storage that is a view of another one".to_owned()).into());
        }
        let Node::Global(class) = self.graph.node(class) else { return Err(wrong()) };
        let (dtype, size) = if *class == Global::UntypedStorage {
            // Without a type its bytes are the elements.
            (untyped.unwrap_or(Dtype::Uint8), 1)
        } else {
            let Global::Storage(dtype) = *class else {
                // Of the other classes the safe mode takes those of quantized numbers alone.
                let what = "a tensor in a storage of quantized numbers, or of another class";
                let is_foreign = matches!(class, Global::Foreign(_));
                return Err(if is_foreign { Kind::Unsupported(what.to_owned()).into() } else { wrong() });
            };
            if untyped.is_some_and(|own| own != dtype) {
                return Err(Kind::Unsupported(format!("a storage of {dtype} as another type")).into());
            }
            (dtype, dtype.size())
        };
        if matches!(self.graph.node(key), Node::Int(_)) {
            return Err(Kind::Unsupported("a storage that is named by a number".to_owned()).into());
        }
        let key =
            self.graph.text(key).filter(|_| self.graph.ascii(tag) == Some("storage")).ok_or_else(wrong)?;
        within("bytes of storage key", key.len() as u64, MAX_ENTRY_NAME_BYTES)?;
        let elements = self.size(elements)?;
        let Some(bytes) = elements.checked_mul(size) else {
            let what = format!("the size of {elements} elements of {dtype} in bytes overflows");
            return Err(Kind::Storage(what).into());
        };
        if self.network.big_endian && size == 1 && dtype.part() > 1 {
            return Err(Kind::Unsupported("an untyped storage of a big-endian file".to_owned()).into());
        }
        let bytes = bytes as u64;
        let known = self.network.storages.len();
        let index = *self.keys.entry(key.to_owned()).or_insert(known);
        match self.network.storages.get(index) {
            None => self.network.storages.push(StorageOutline { entry: (self.place)(key), dtype, bytes }),
            Some(known) if (known.dtype, known.bytes) == (dtype, bytes) => {}
            Some(_) => {
                // torch takes those of the first use for all of them.
                let what = format!("storage {:?} with two types or sizes", excerpt(key));
                return Err(Kind::Unsupported(what).into());
            }
        }
        Ok(index)
    }

    /// The length of each dimension, if it can have these strides.
    fn shape(&self, id: Id, strides: &[i64]) -> Result<Vec<usize>> {
        let sides = self.integers(id)?;
        let are_fitting = strides.is_empty() || strides.len() == sides.len();
        if are_fitting && sides.contains(&0) && sides.iter().any(|side| *side < 0) {
            let what = format!("a tensor without elements of the shape {sides:?}");
            return Err(Kind::Unsupported(what).into());
        }
        sides.into_iter().map(not_negative).collect()
    }

    fn integers(&self, id: Id) -> Result<Vec<i64>> {
        let sides = sides(self.graph, id).ok_or_else(|| self.unexpected("a tuple of sizes", id))?;
        within("dimensions", sides.len() as u64, MAX_RANK)?;
        sides.map(|side| side.map_err(|item| self.unexpected("a size", item))).collect()
    }

    fn size(&self, id: Id) -> Result<usize> {
        let Node::Int(value) = self.graph.node(id) else { return Err(self.unexpected("a size", id)) };
        not_negative(*value)
    }

    fn unexpected(&self, expected: &'static str, id: Id) -> FormatError {
        let node = self.graph.node(id);
        let found = if let Node::Int(value) = node { value.to_string() } else { node.type_name().to_owned() };
        Kind::Unexpected { expected, found }.into()
    }
}

/// The stride of each dimension. Where nothing is stepped over, torch takes any.
fn stepped(strides: &[i64], shape: &[usize]) -> Result<Vec<usize>> {
    let is_empty = shape.contains(&0);
    let sides = shape.iter().copied().chain(std::iter::repeat(usize::MAX));
    let stride = |(stride, side): (&i64, usize)| match *stride {
        ..0 if is_empty || side == 1 => Ok(0),
        stride => not_negative(stride),
    };
    strides.iter().zip(sides).map(stride).collect()
}

/// A number of elements.
fn not_negative(value: i64) -> Result<usize> {
    let wrong = |_| Kind::Unexpected { expected: "a size", found: value.to_string() };
    Ok(usize::try_from(value).map_err(wrong)?)
}

/// The strides of consecutive elements in the order of this shape.
fn row_major(shape: &[usize]) -> Vec<usize> {
    let all = shape.iter().rev().scan(1_usize, |stride, side| {
        let next = stride.saturating_mul(*side);
        Some(std::mem::replace(stride, next))
    });
    let mut strides: Vec<usize> = all.collect();
    strides.reverse();
    strides
}

/// What the objects around a tensor say about it.
#[derive(Default)]
struct Around {
    /// Whether it requires a gradient.
    gradient: bool,
    /// The element type that it is converted to.
    dtype: Option<&'static str>,
}

impl Around {
    /// The tensor, if torch can do that with it.
    fn checked(&self, tensor: TensorOutline) -> Result<TensorOutline> {
        let dtype = tensor.dtype;
        if let Some(other) = self.dtype.filter(|other| *other != dtype.name()) {
            return Err(Kind::Unsupported(format!("a tensor of {dtype} that is converted to {other}")).into());
        }
        if self.gradient && !dtype.has_gradients() {
            let what = format!("a tensor of {dtype} cannot require a gradient");
            return Err(Kind::Storage(what).into());
        }
        Ok(tensor)
    }
}

/// Whether a module saves under this name what it has in addition to tensors.
fn is_extra_state(name: &str) -> bool {
    name.strip_suffix(EXTRA_STATE).is_some_and(|module| module.is_empty() || module.ends_with('.'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;
    use crate::torch_files::pickle::survey;

    const ORDERED: &str = "ccollections\nOrderedDict\n)R";

    /// What is read of a tensor that `function` makes of a storage of four numbers and these arguments, in protocol 0.
    fn read(function: &str, arguments: &str) -> Result<TensorOutline> {
        let storage = "(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI4\ntQ";
        let pickle = format!("ctorch._utils\n{function}\n({storage}{arguments}tR.").into_bytes();
        let (graph, _) = survey(&pickle).read?;
        let source =
            Source { pickle: &pickle, format: TorchFormat::Zip, place: &str::to_owned, big_endian: false };
        Parser::new(&graph, &source).tensor(graph.root())
    }

    fn with(shape: &str, strides: &str) -> Result<TensorOutline> {
        read("_rebuild_tensor_v2", &format!("I0\n({shape}t({strides}tI00\n{ORDERED}"))
    }

    #[rstest]
    #[case::backwards_over_nothing("I0\n", "I-1\n", &[0])]
    #[case::backwards_over_one("I1\nI4\n", "I-7\nI1\n", &[1, 4])]
    #[case::backwards_without_elements("I3\nI0\n", "I-1\nI-5\n", &[3, 0])]
    fn a_stride_that_steps_over_nothing_may_be_negative(
        #[case] shape: &str,
        #[case] strides: &str,
        #[case] expected: &[usize],
    ) {
        assert_eq!(with(shape, strides).unwrap().shape(), expected);
    }

    #[test]
    fn a_negative_length_is_unsupported_without_elements_and_refused_with_them() {
        assert!(matches!(with("I0\nI-1\n", "I1\nI1\n").unwrap_err().kind, Kind::Unsupported(_)));
        assert!(matches!(with("I0\nI-1\n", "").unwrap_err().kind, Kind::Unsupported(_)));
        assert!(matches!(with("I0\nI-1\n", "I1\n").unwrap_err().kind, Kind::Unexpected { .. }));
        assert!(matches!(with("I-1\n", "I1\n").unwrap_err().kind, Kind::Unexpected { .. }));
        assert!(matches!(with("I2\n", "I-1\n").unwrap_err().kind, Kind::Unexpected { .. }));
    }

    #[test]
    fn the_two_functions_that_make_tensors_have_their_own_arguments() {
        let (short, long) = ("I0\n(I4\nt(I1\nt", &format!("I0\n(I4\nt(I1\ntI00\n{ORDERED}"));
        assert!(read("_rebuild_tensor", short).is_ok() && read("_rebuild_tensor_v2", long).is_ok());
        assert!(read("_rebuild_tensor", long).is_err());
        let says = "expected a tensor, found a call with 4 arguments";
        assert_eq!(read("_rebuild_tensor_v2", short).unwrap_err().to_string(), says);
    }

    #[test]
    fn attributes_that_are_the_elements_are_unsupported() {
        let with_state = |name: &str| {
            let storage = "(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI4\ntQ";
            let tensor =
                format!("ctorch._utils\n_rebuild_tensor_v2\n({storage}I0\n(I4\nt(I1\ntI00\n{ORDERED}tR");
            let pickle = format!(
                "ctorch._utils\n_rebuild_parameter_with_state\n({tensor}I01\n{ORDERED}}}V{name}\n{tensor}stR."
            );
            let (graph, _) = survey(pickle.as_bytes()).read?;
            let source =
                Source { pickle: &[], format: TorchFormat::Zip, place: &str::to_owned, big_endian: false };
            Parser::new(&graph, &source).tensor(graph.root())
        };
        assert!(with_state("tag").is_ok());
        for name in ELEMENTS {
            assert!(matches!(with_state(name).unwrap_err().kind, Kind::Unsupported(_)), "{name}");
        }
    }
}
