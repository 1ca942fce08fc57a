//! Visits elements as numbers, independent of their type.

use crate::torch_files::Dtype;

/// Passes each number in these little-endian bytes to the visitor as binary64. A complex element is two numbers.
/// Integers beyond 53 bits are rounded.
pub(super) fn numbers(dtype: Dtype, bytes: &[u8], mut take: impl FnMut(f64)) {
    macro_rules! each {
        ($bytes:expr, $number:ty, $convert:expr) => {
            $bytes.as_chunks().0.iter().for_each(|bytes| take($convert(<$number>::from_le_bytes(*bytes))))
        };
    }
    match dtype {
        Dtype::Float64 | Dtype::Complex128 => each!(bytes, f64, |number| number),
        Dtype::Float32 | Dtype::Complex64 => each!(bytes, f32, f64::from),
        Dtype::Float16 => each!(bytes, u16, |bits| half::f16::from_bits(bits).to_f64()),
        Dtype::Bfloat16 => each!(bytes, u16, |bits| half::bf16::from_bits(bits).to_f64()),
        Dtype::Int64 => each!(bytes, i64, |number| number as f64),
        Dtype::Int32 => each!(bytes, i32, f64::from),
        Dtype::Int16 => each!(bytes, i16, f64::from),
        Dtype::Int8 => each!(bytes, i8, f64::from),
        Dtype::Uint8 => each!(bytes, u8, f64::from),
        Dtype::Bool => bytes.iter().for_each(|byte| take(f64::from(u8::from(*byte != 0)))),
    }
}
