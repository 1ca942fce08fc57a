//! Tensors, state dicts, and the state of a saved model.

use std::{fmt, sync::Arc};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::value::Digest;
use crate::value::Map;

/// The element types of PyTorch storages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// IEEE 754 binary64.
    Float64,
    /// IEEE 754 binary32.
    Float32,
    /// IEEE 754 binary16.
    Float16,
    /// bfloat16: the upper half of a binary32.
    Bfloat16,
    /// Signed, 64 bits.
    Int64,
    /// Signed, 32 bits.
    Int32,
    /// Signed, 16 bits.
    Int16,
    /// Signed, 8 bits.
    Int8,
    /// Unsigned, 8 bits.
    Uint8,
    /// One byte, 0 or 1.
    Bool,
    /// Two binary32: real, imaginary.
    Complex64,
    /// Two binary64: real, imaginary.
    Complex128,
}

impl Dtype {
    /// Every element type, in the order of the declaration.
    pub const ALL: [Self; 12] = [
        Self::Float64,
        Self::Float32,
        Self::Float16,
        Self::Bfloat16,
        Self::Int64,
        Self::Int32,
        Self::Int16,
        Self::Int8,
        Self::Uint8,
        Self::Bool,
        Self::Complex64,
        Self::Complex128,
    ];

    /// The size of one element in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::Complex128 => 16,
            Self::Float64 | Self::Int64 | Self::Complex64 => 8,
            Self::Float32 | Self::Int32 => 4,
            Self::Float16 | Self::Bfloat16 | Self::Int16 => 2,
            Self::Int8 | Self::Uint8 | Self::Bool => 1,
        }
    }

    /// The name PyTorch prints after `torch.`: `float32`, `bfloat16`, `complex64`, ...
    pub fn name(self) -> &'static str {
        match self {
            Self::Float64 => "float64",
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
            Self::Int64 => "int64",
            Self::Int32 => "int32",
            Self::Int16 => "int16",
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Bool => "bool",
            Self::Complex64 => "complex64",
            Self::Complex128 => "complex128",
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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
