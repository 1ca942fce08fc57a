//! Arguments that torch takes one by one and that do not belong together.

use std::ops::RangeInclusive;

use super::{arguments::Arguments, storage_class::numbers_in_element, view::View};
use crate::torch_files::{
    Dtype, FormatErrorKind as Kind,
    pickle::{Global, Id, Node, Wrapper},
};

/// The layouts of sparse tensors, with the numbers of parts of one.
const SPARSE_LAYOUTS: [(&str, RangeInclusive<usize>); 5] = [
    ("torch.sparse_coo", 3..=4),
    ("torch.sparse_csr", 4..=4),
    ("torch.sparse_csc", 4..=4),
    ("torch.sparse_bsr", 4..=4),
    ("torch.sparse_bsc", 4..=4),
];

impl Arguments<'_> {
    /// Why arguments do not belong together.
    pub(super) fn unfit_together(&self, global: Global, name: &str, arguments: &[Id]) -> Option<Kind> {
        let fails = |what: &str| Some(Kind::TorchFails(format!("{name}: {what}")));
        match (global, name, arguments) {
            (Global::Foreign(_), "_rebuild_qtensor", &[storage, offset, size, strides, quantizer, ..]) => {
                let is_quantized = self.is_quantizer_of(quantizer, size);
                let is_inside = || self.is_inside(storage, offset, size, strides);
                match (is_quantized, is_quantized && is_inside()) {
                    (false, _) => fails("the scales do not fit the values"),
                    (true, false) => fails("the values reach outside of their storage"),
                    (true, true) => None,
                }
            }
            (Global::Foreign(_), "_rebuild_meta_tensor_no_storage", &[dtype, size, strides, gradient]) => {
                let sides = |id| self.integers(id).map(|sides| sides.len());
                let can_have = *self.graph.node(gradient) != Node::Bool(true) || self.has_gradients(dtype);
                if sides(size) != sides(strides) {
                    return fails("the shape and the strides have different lengths");
                }
                let dtype = self.graph.node(dtype);
                if matches!(dtype, Node::Global(Global::TorchDtype(name)) if name.starts_with('q')) {
                    return fails("quantized numbers need a storage");
                }
                if can_have { None } else { fails("a tensor of this type cannot require a gradient") }
            }
            (Global::Foreign(_), "_rebuild_sparse_tensor", &[layout, parts]) => {
                let count = self.graph.sequence(parts).map_or(0, <[Id]>::len);
                let known = self.layout(layout);
                let takes = SPARSE_LAYOUTS.into_iter().find(|(own, _)| Some(*own) == known);
                let is_possible = takes.is_some_and(|(_, counts)| counts.contains(&count));
                if is_possible { None } else { fails("the layout has other parts") }
            }
            (Global::Wrapper(Wrapper::OnDevice), _, &[_, dtype, _, gradient]) => {
                let is_none = *self.graph.node(dtype) == Node::None;
                let can_have = is_none || self.has_gradients(dtype);
                let is_asked = *self.graph.node(gradient) == Node::Bool(true);
                if is_asked && !can_have {
                    fails("a tensor of this type cannot require a gradient")
                } else {
                    None
                }
            }
            (_, _, _) => None,
        }
    }

    /// Whether tensors of an element type can require a gradient.
    fn has_gradients(&self, dtype: Id) -> bool {
        let Node::Global(Global::TorchDtype(name)) = *self.graph.node(dtype) else { return true };
        Dtype::ALL.into_iter().any(|dtype| dtype.name() == name && dtype.has_gradients())
    }

    /// Whether a tensor lies inside of its storage, as far as both are known.
    fn is_inside(&self, storage: Id, offset: Id, size: Id, strides: Id) -> bool {
        let Node::Persistent(id) = self.graph.node(storage) else { return true };
        let elements = self.graph.sequence(*id).and_then(|parts| parts.get(4)).map(|id| self.graph.node(*id));
        let (Some(&Node::Int(elements)), &Node::Int(offset)) = (elements, self.graph.node(offset)) else {
            return true;
        };
        let sides = |id| {
            let sides = self.integers(id)?;
            sides.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>().ok()
        };
        let numbers = self.storage_class(storage).map_or(1, numbers_in_element);
        let (Ok(elements), Ok(offset)) = (usize::try_from(elements), usize::try_from(offset)) else {
            return false;
        };
        let (Some(shape), Some(strides)) = (sides(size), sides(strides)) else { return false };
        View::new(offset, shape, strides, elements.saturating_mul(numbers)).is_ok()
    }

    /// Whether there is a scale for each slice of a shape.
    fn is_quantizer_of(&self, id: Id, shape: Id) -> bool {
        let Some(&[_, scales, offsets, axis]) = self.graph.sequence(id) else { return true };
        let (Some(shape), &Node::Int(axis)) = (self.integers(shape), self.graph.node(axis)) else {
            return true;
        };
        let Some(side) = usize::try_from(axis).ok().and_then(|axis| shape.get(axis)) else { return false };
        // Those of tensors are not looked at.
        let fits = |id: Id| self.graph.sequence(id).is_none_or(|all| i64::try_from(all.len()) == Ok(*side));
        fits(scales) && fits(offsets)
    }
}
