//! Attributes that a pickle gives a tensor.

use super::{arguments::Arguments, signatures::Takes};
use crate::torch_files::pickle::{Id, Node};

/// The attributes of a tensor that nothing can be assigned to.
const READ_ONLY: [&str; 38] = [
    "H",
    "T",
    "__class__",
    "__cuda_array_interface__",
    "__dict__",
    "__weakref__",
    "_base",
    "_cdata",
    "_version",
    "device",
    "dtype",
    "grad_fn",
    "is_cpu",
    "is_cuda",
    "is_ipu",
    "is_leaf",
    "is_maia",
    "is_meta",
    "is_mkldnn",
    "is_mps",
    "is_mtia",
    "is_nested",
    "is_quantized",
    "is_sparse",
    "is_sparse_csr",
    "is_vulkan",
    "is_xla",
    "is_xpu",
    "itemsize",
    "layout",
    "mH",
    "mT",
    "name",
    "nbytes",
    "ndim",
    "output_nr",
    "retains_grad",
    "shape",
];

impl Arguments<'_> {
    /// Whether torch can set all attributes of a state.
    pub(super) fn are_attributes(&self, id: Id) -> bool {
        // What is false has no attributes.
        let are_named = |id: Id| match self.graph.node(id) {
            Node::Dict(pairs) => pairs.iter().all(|(key, value)| {
                self.graph.text(*key).is_some_and(|name| self.is_attribute(name, *value))
            }),
            node => node.is_false(),
        };
        match (self.graph.node(id), self.graph.sequence(id)) {
            (Node::Call { .. }, _) => true,
            // Those of the object, and those in its slots.
            (Node::Tuple(_), Some(&[own, slots])) => are_named(own) && are_named(slots),
            (Node::Tuple(_), _) => false,
            (_, _) => are_named(id),
        }
    }

    /// Whether an attribute of a tensor can be set to an object.
    fn is_attribute(&self, name: &str, value: Id) -> bool {
        match name {
            "requires_grad" => self.fits(Takes::Truth, value),
            "grad" | "_grad" => self.fits(Takes::TensorOrNone, value),
            "data" | "real" | "imag" => self.fits(Takes::Tensor, value),
            name => !READ_ONLY.contains(&name),
        }
    }
}
