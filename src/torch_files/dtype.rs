//! The element types of PyTorch tensors.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the bytes of an element are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// One floating-point number.
    Float,
    /// One integer.
    Int,
    /// One byte, 0 or 1.
    Bool,
    /// Two floating-point numbers of half the size: real, imaginary.
    Complex,
    /// Bits without a number, or several packed numbers.
    Bits,
}

/// Declares the element types, each with the name that PyTorch prints after `torch.`, its bytes, and what they are.
macro_rules! dtypes {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $bytes:literal, $numbers:ident;)*) => {
        /// The element types of PyTorch tensors.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        pub enum Dtype {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Dtype {
            /// Every element type, in the order of the declaration.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The size of one element in bytes.
            pub fn size(self) -> usize {
                match self {
                    $(Self::$variant => $bytes,)*
                }
            }

            /// The name PyTorch prints after `torch.`: `float32`, `bfloat16`, `complex64`, ...
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What the bytes of an element are.
            pub fn numbers(self) -> Numbers {
                match self {
                    $(Self::$variant => Numbers::$numbers,)*
                }
            }
        }
    };
}

dtypes! {
    /// IEEE 754 binary64.
    Float64, "float64", 8, Float;
    /// IEEE 754 binary32.
    Float32, "float32", 4, Float;
    /// IEEE 754 binary16.
    Float16, "float16", 2, Float;
    /// bfloat16: the upper half of a binary32.
    Bfloat16, "bfloat16", 2, Float;
    /// Signed, 64 bits.
    Int64, "int64", 8, Int;
    /// Signed, 32 bits.
    Int32, "int32", 4, Int;
    /// Signed, 16 bits.
    Int16, "int16", 2, Int;
    /// Signed, 8 bits.
    Int8, "int8", 1, Int;
    /// Unsigned, 8 bits.
    Uint8, "uint8", 1, Int;
    /// One byte, 0 or 1.
    Bool, "bool", 1, Bool;
    /// Two binary32: real, imaginary.
    Complex64, "complex64", 8, Complex;
    /// Two binary64: real, imaginary.
    Complex128, "complex128", 16, Complex;
    /// Two binary16: real, imaginary.
    Complex32, "complex32", 4, Complex;
    /// Unsigned, 16 bits.
    Uint16, "uint16", 2, Int;
    /// Unsigned, 32 bits.
    Uint32, "uint32", 4, Int;
    /// Unsigned, 64 bits.
    Uint64, "uint64", 8, Int;
    /// Eight bits: 4 of exponent with bias 7, 3 of fraction, no infinity.
    Float8E4m3fn, "float8_e4m3fn", 1, Float;
    /// Eight bits: 5 of exponent, 2 of fraction; the upper half of a binary16.
    Float8E5m2, "float8_e5m2", 1, Float;
    /// Eight bits: 4 of exponent with bias 8, 3 of fraction, no infinity, no negative zero.
    Float8E4m3fnuz, "float8_e4m3fnuz", 1, Float;
    /// Eight bits: 5 of exponent with bias 16, 2 of fraction, no infinity, no negative zero.
    Float8E5m2fnuz, "float8_e5m2fnuz", 1, Float;
    /// Eight bits of exponent: a power of two.
    Float8E8m0fnu, "float8_e8m0fnu", 1, Float;
    /// Two packed numbers of four bits.
    Float4E2m1fnX2, "float4_e2m1fn_x2", 1, Bits;
    /// Eight bits.
    Bits8, "bits8", 1, Bits;
    /// Sixteen bits.
    Bits16, "bits16", 2, Bits;
    /// Eight packed bits.
    Bits1x8, "bits1x8", 1, Bits;
    /// Four packed pairs of bits.
    Bits2x4, "bits2x4", 1, Bits;
    /// Two packed groups of four bits.
    Bits4x2, "bits4x2", 1, Bits;
}

impl Dtype {
    /// Whether tensors of this type can require a gradient.
    pub(crate) fn has_gradients(self) -> bool {
        match self.numbers() {
            Numbers::Float | Numbers::Complex => true,
            Numbers::Int | Numbers::Bool => false,
            Numbers::Bits => self == Self::Float4E2m1fnX2,
        }
    }

    /// The bytes of the smallest part whose bytes are in the byte order of the machine.
    pub(crate) fn part(self) -> usize {
        match self.numbers() {
            Numbers::Complex => self.size() / 2,
            Numbers::Float | Numbers::Int | Numbers::Bool | Numbers::Bits => self.size(),
        }
    }

    /// A number as an element of a float type of 16 or more bits, rounded to the nearest; `None` for other types.
    pub(crate) fn encode(self, value: f64) -> Option<Vec<u8>> {
        match self {
            Self::Float64 => Some(value.to_le_bytes().to_vec()),
            #[allow(clippy::cast_possible_truncation, reason = "rounding is the purpose")]
            Self::Float32 => Some((value as f32).to_le_bytes().to_vec()),
            Self::Float16 => Some(half::f16::from_f64(value).to_le_bytes().to_vec()),
            Self::Bfloat16 => Some(half::bf16::from_f64(value).to_le_bytes().to_vec()),
            Self::Int64
            | Self::Int32
            | Self::Int16
            | Self::Int8
            | Self::Uint8
            | Self::Bool
            | Self::Complex64
            | Self::Complex128
            | Self::Complex32
            | Self::Uint16
            | Self::Uint32
            | Self::Uint64
            | Self::Float8E4m3fn
            | Self::Float8E5m2
            | Self::Float8E4m3fnuz
            | Self::Float8E5m2fnuz
            | Self::Float8E8m0fnu
            | Self::Float4E2m1fnX2
            | Self::Bits8
            | Self::Bits16
            | Self::Bits1x8
            | Self::Bits2x4
            | Self::Bits4x2 => None,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
