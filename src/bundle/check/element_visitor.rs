//! Visits elements as numbers, independent of their type.

use super::Number;
use crate::torch_files::Dtype;

/// Passes each number in these little-endian bytes to the visitor. A complex element is two numbers.
pub(super) fn numbers(dtype: Dtype, bytes: &[u8], mut take: impl FnMut(Number)) {
    macro_rules! each {
        ($bytes:expr, $number:ty, $convert:expr) => {
            $bytes.as_chunks().0.iter().for_each(|bytes| {
                take(Number::Float($convert(<$number>::from_le_bytes(*bytes))));
            })
        };
    }
    macro_rules! each_integer {
        ($bytes:expr, $number:ty) => {
            $bytes.as_chunks().0.iter().for_each(|bytes| {
                take(Number::Integer(<$number>::from_le_bytes(*bytes).into()));
            })
        };
    }
    match dtype {
        Dtype::Float64 | Dtype::Complex128 => each!(bytes, f64, |number| number),
        Dtype::Float32 | Dtype::Complex64 => each!(bytes, f32, f64::from),
        Dtype::Float16 | Dtype::Complex32 => each!(bytes, u16, |bits| half::f16::from_bits(bits).to_f64()),
        Dtype::Bfloat16 => each!(bytes, u16, |bits| half::bf16::from_bits(bits).to_f64()),
        Dtype::Int64 => each_integer!(bytes, i64),
        Dtype::Int32 => each_integer!(bytes, i32),
        Dtype::Int16 => each_integer!(bytes, i16),
        Dtype::Int8 => each_integer!(bytes, i8),
        Dtype::Uint8 => each_integer!(bytes, u8),
        Dtype::Uint16 => each_integer!(bytes, u16),
        Dtype::Uint32 => each_integer!(bytes, u32),
        Dtype::Uint64 => each_integer!(bytes, u64),
        Dtype::Float8E4m3fn => each!(bytes, u8, |bits| small_float(bits, 4, 7, bits & 0x7f == 0x7f)),
        Dtype::Float8E4m3fnuz => each!(bytes, u8, |bits| small_float(bits, 4, 8, bits == 0x80)),
        Dtype::Float8E5m2 => each!(bytes, u8, |bits| half::f16::from_bits(u16::from(bits) << 8).to_f64()),
        Dtype::Float8E5m2fnuz => each!(bytes, u8, |bits| small_float(bits, 5, 16, bits == 0x80)),
        Dtype::Float8E8m0fnu => each!(bytes, u8, |bits| match bits {
            u8::MAX => f64::NAN,
            exponent => f64::from(i32::from(exponent) - 127).exp2(),
        }),
        Dtype::Bool => bytes.iter().for_each(|byte| take(Number::Integer((*byte != 0).into()))),
        // These have no number for each element.
        Dtype::Float4E2m1fnX2
        | Dtype::Bits8
        | Dtype::Bits16
        | Dtype::Bits1x8
        | Dtype::Bits2x4
        | Dtype::Bits4x2 => {}
    }
}

/// A float of eight bits: a sign, this many bits of exponent with this bias, and a fraction. It has no infinity.
fn small_float(bits: u8, exponent_bits: u32, bias: i32, is_nan: bool) -> f64 {
    if is_nan {
        return f64::NAN;
    }
    let fraction_bits = 7 - exponent_bits;
    let exponent = i32::from((bits & 0x7f) >> fraction_bits);
    let fraction = f64::from(bits & ((1 << fraction_bits) - 1)) / f64::from(1_u32 << fraction_bits);
    let magnitude = match exponent {
        0 => fraction * f64::from(1 - bias).exp2(),
        normal => (1.0 + fraction) * f64::from(normal - bias).exp2(),
    };
    if bits & 0x80 == 0 { magnitude } else { -magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of these elements, and whether the last one is NaN.
    fn of(dtype: Dtype, bytes: &[u8]) -> (Vec<f64>, bool) {
        let mut found = Vec::new();
        numbers(dtype, bytes, |number| found.push(number.to_f64()));
        let is_nan = found.pop_if(|last| last.is_nan()).is_some();
        (found, is_nan)
    }

    #[test]
    fn small_floats_are_those_of_torch() {
        // What `torch.tensor([...], dtype=torch.uint8).view(dtype).float()` prints.
        let bytes = [0x01, 0x08, 0x38, 0x7e, 0xc4, 0x80];
        let e4m3fn = [0.001953125, 0.015625, 1.0, 448.0, -3.0, -0.0];
        assert_eq!(of(Dtype::Float8E4m3fn, &[&bytes[..], &[0x7f]].concat()), (e4m3fn.to_vec(), true));
        let e4m3fnuz = [0.0009765625, 0.0078125, 0.5, 224.0, -1.5];
        assert_eq!(of(Dtype::Float8E4m3fnuz, &bytes), (e4m3fnuz.to_vec(), true));
        let e5m2 = [1.52587890625e-05, 0.0001220703125, 0.5, f64::NAN];
        assert_eq!(of(Dtype::Float8E5m2, &bytes[..4]), (e5m2[..3].to_vec(), true));
        let e5m2fnuz = [7.62939453125e-06, 6.103515625e-05, 0.25, 49152.0, -2.0];
        assert_eq!(of(Dtype::Float8E5m2fnuz, &bytes), (e5m2fnuz.to_vec(), true));
        let e8m0fnu = [2f64.powi(-126), 1.0, 2.0];
        assert_eq!(of(Dtype::Float8E8m0fnu, &[1, 127, 128, 255]), (e8m0fnu.to_vec(), true));
        assert_eq!(of(Dtype::Bits8, &bytes), (vec![], false));
    }
}
