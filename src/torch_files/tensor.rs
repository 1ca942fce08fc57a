//! Tensors, state dicts, and the state of a saved model.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Dtype;
use crate::value::{Digest, Map};

/// A dense tensor: `shape` in elements, `data` in contiguous (row-major) little-endian bytes.
///
/// A tensor without dimensions has one element; a tensor with a dimension of 0 has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Arc<Vec<u8>>,
}

impl Tensor {
    /// A tensor with these bytes; `None` unless `data` has exactly the bytes that `dtype` and `shape` need.
    pub fn new(dtype: Dtype, shape: Vec<usize>, data: impl Into<Arc<Vec<u8>>>) -> Option<Self> {
        let data = data.into();
        let elements = shape.iter().try_fold(1_usize, |all, side| all.checked_mul(*side))?;
        (elements.checked_mul(dtype.size())? == data.len()).then_some(Self { dtype, shape, data })
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The length of each dimension, in elements.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The contiguous little-endian bytes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The SHA-256 of the contiguous little-endian bytes. All comparisons of tensors use it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.data)
    }
}

/// The tensors of one network by name, in registration order.
pub type StateDict = IndexMap<String, Tensor>;

/// What `model.pth` holds: the state of a network, or a sentinel that tests save in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelState {
    /// Tensors by name.
    Network(StateDict),
    /// A plain dictionary with the key [`ModelState::SENTINEL_KEY`] (RTP-002).
    Sentinel(Map),
}

impl ModelState {
    /// The key that marks a dictionary as a sentinel.
    pub const SENTINEL_KEY: &str = "_sentinel";
}
