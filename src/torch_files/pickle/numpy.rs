//! NumPy's encoding of numbers, in pickled scalars and in the arrays of a dataset.

use crate::torch_files::{Dtype, FormatErrorKind as Kind, error::excerpt};

/// A numeric element type of NumPy that params and datasets may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberType {
    kind: NumberKind,
    /// Bytes of one number; of each part of a complex number.
    part: usize,
    big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberKind {
    Bool,
    Signed,
    Unsigned,
    Float,
    Complex,
}

/// One number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// `bool`.
    Bool(bool),
    /// Any integer of at most 64 bits.
    Int(i128),
    /// binary16, binary32 or binary64; binary64 represents all of them exactly.
    Float(f64),
    /// Two floats: real, imaginary.
    Complex(f64, f64),
}

impl NumberType {
    /// The type with the name `f8`, `<f8` or `|b1`. The byte order comes from the prefix or from `order`.
    ///
    /// # Errors
    /// `unsupported` for types that are not numbers of a known width.
    pub(crate) fn parse(text: &str, order: Option<&str>) -> Result<Self, Kind> {
        let (prefix, code) = text.split_at_checked(1).unwrap_or((text, ""));
        let (prefix, code) = if "<>|=".contains(prefix) { (prefix, code) } else { ("", text) };
        let (kind, part) = match code {
            "b1" | "?" => (NumberKind::Bool, 1),
            "i1" => (NumberKind::Signed, 1),
            "i2" => (NumberKind::Signed, 2),
            "i4" => (NumberKind::Signed, 4),
            "i8" => (NumberKind::Signed, 8),
            "u1" => (NumberKind::Unsigned, 1),
            "u2" => (NumberKind::Unsigned, 2),
            "u4" => (NumberKind::Unsigned, 4),
            "u8" => (NumberKind::Unsigned, 8),
            "f2" => (NumberKind::Float, 2),
            "f4" => (NumberKind::Float, 4),
            "f8" => (NumberKind::Float, 8),
            "c8" => (NumberKind::Complex, 4),
            "c16" => (NumberKind::Complex, 8),
            _ => return Err(Kind::Unsupported(format!("the NumPy type {:?}", excerpt(text)))),
        };
        Ok(Self { kind, part, big_endian: order.unwrap_or(prefix) == ">" })
    }

    /// The element type of torch with the same numbers.
    pub(crate) fn dtype(self) -> Dtype {
        match (self.kind, self.part) {
            (NumberKind::Bool, _) => Dtype::Bool,
            (NumberKind::Signed, 1) => Dtype::Int8,
            (NumberKind::Signed, 2) => Dtype::Int16,
            (NumberKind::Signed, 4) => Dtype::Int32,
            (NumberKind::Signed, _) => Dtype::Int64,
            (NumberKind::Unsigned, 1) => Dtype::Uint8,
            (NumberKind::Unsigned, 2) => Dtype::Uint16,
            (NumberKind::Unsigned, 4) => Dtype::Uint32,
            (NumberKind::Unsigned, _) => Dtype::Uint64,
            (NumberKind::Float, 2) => Dtype::Float16,
            (NumberKind::Float, 4) => Dtype::Float32,
            (NumberKind::Float, _) => Dtype::Float64,
            (NumberKind::Complex, 4) => Dtype::Complex64,
            (NumberKind::Complex, _) => Dtype::Complex128,
        }
    }

    /// Whether the most significant byte of a number comes first.
    pub(crate) fn is_big_endian(self) -> bool {
        self.big_endian
    }

    /// Bytes of one element.
    pub(crate) fn size(self) -> usize {
        if self.kind == NumberKind::Complex { 2 * self.part } else { self.part }
    }

    /// Decodes one number; `None` unless there are exactly [`NumberType::size`] bytes.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<Number> {
        if bytes.len() != self.size() {
            return None;
        }
        let (first, second) = bytes.split_at_checked(self.part)?;
        let (first, second) = (self.bits(first), self.bits(second));
        let unused = 64 - 8 * u32::try_from(self.part).ok()?;
        Some(match self.kind {
            NumberKind::Bool => Number::Bool(first != 0),
            NumberKind::Unsigned => Number::Int(first.into()),
            NumberKind::Signed => Number::Int((first.cast_signed() << unused >> unused).into()),
            NumberKind::Float => Number::Float(self.float(first)),
            NumberKind::Complex => Number::Complex(self.float(first), self.float(second)),
        })
    }

    fn bits(self, bytes: &[u8]) -> u64 {
        // The usual widths at once: a dataset has millions of numbers.
        match (bytes, self.big_endian) {
            (&[a, b], false) => u16::from_le_bytes([a, b]).into(),
            (&[a, b, c, d], false) => u32::from_le_bytes([a, b, c, d]).into(),
            (&[a, b, c, d, e, f, g, h], false) => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            (bytes, false) => bytes.iter().rev().fold(0, shift_in),
            (bytes, true) => bytes.iter().fold(0, shift_in),
        }
    }

    fn float(self, bits: u64) -> f64 {
        match self.part {
            2 => half::f16::from_bits(bits as u16).to_f64(),
            4 => f32::from_bits(bits as u32).into(),
            _ => f64::from_bits(bits),
        }
    }
}

fn shift_in(all: u64, byte: &u8) -> u64 {
    (all << 8) + u64::from(*byte)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    fn decode(code: &str, bytes: &[u8]) -> Option<Number> {
        NumberType::parse(code, None).unwrap().decode(bytes)
    }

    #[test]
    fn every_width_sign_and_byte_order_is_read() {
        assert_eq!(decode("|i1", &[0xff]), Some(Number::Int(-1)));
        assert_eq!(decode("<u2", &[1, 2]), Some(Number::Int(0x201)));
        assert_eq!(decode(">u2", &[1, 2]), Some(Number::Int(0x102)));
        assert_eq!(decode("u8", &[0xff; 8]), Some(Number::Int(u64::MAX.into())));
        assert_eq!(decode("<i8", &[0xff; 8]), Some(Number::Int(-1)));
        assert_eq!(decode("<f4", &1.5f32.to_le_bytes()), Some(Number::Float(1.5)));
        assert_eq!(decode(">c16", &[[0x3f, 0xf8], [0, 0]].concat()), None);
        assert_eq!(
            decode("<c8", &[1f32, -2.0].map(f32::to_le_bytes).concat()),
            Some(Number::Complex(1.0, -2.0))
        );
        assert_eq!(
            NumberType::parse("f8", Some(">")).unwrap().decode(&2f64.to_be_bytes()),
            Some(Number::Float(2.0))
        );
    }

    #[rstest]
    #[case("?", &[1], Number::Bool(true))]
    #[case("b1", &[0], Number::Bool(false))]
    #[case("i1", &[0x80], Number::Int(-0x80))]
    #[case("i2", &[1, 0x80], Number::Int(-0x7fff))]
    #[case("i4", &[1, 0, 0, 0x80], Number::Int(-0x7fff_ffff))]
    #[case("i8", &[1, 0, 0, 0, 0, 0, 0, 0x80], Number::Int(-0x7fff_ffff_ffff_ffff))]
    #[case("u1", &[0x80], Number::Int(0x80))]
    #[case("u2", &[1, 0x80], Number::Int(0x8001))]
    #[case("u4", &[1, 0, 0, 0x80], Number::Int(0x8000_0001))]
    #[case("u8", &[1, 0, 0, 0, 0, 0, 0, 0x80], Number::Int(0x8000_0000_0000_0001))]
    #[case("f2", &[0, 0xbc], Number::Float(-1.0))]
    #[case("f4", &[0, 0, 0xc0, 0xbf], Number::Float(-1.5))]
    #[case("f8", &[0, 0, 0, 0, 0, 0, 0xf8, 0xbf], Number::Float(-1.5))]
    #[case("c8", &[0, 0, 0xc0, 0xbf, 0, 0, 0, 0x40], Number::Complex(-1.5, 2.0))]
    #[case("c16", &[0, 0, 0, 0, 0, 0, 0xf8, 0xbf, 0, 0, 0, 0, 0, 0, 0, 0x40], Number::Complex(-1.5, 2.0))]
    fn every_type_is_read_at_its_own_width(#[case] code: &str, #[case] bytes: &[u8], #[case] number: Number) {
        assert_eq!(NumberType::parse(code, None).unwrap().size(), bytes.len());
        assert_eq!(decode(code, bytes), Some(number));
        assert_eq!(decode(code, &[bytes, &[0]].concat()), None);
    }

    #[test]
    fn halves_are_exact() {
        for (bits, value) in [
            (0x3c00_u16, 1.0),
            (0xc000, -2.0),
            (1, 2f64.powi(-24)),
            (0x7bff, 65504.0),
            (0x7c00, f64::INFINITY),
        ] {
            assert_eq!(decode("<f2", &bits.to_le_bytes()), Some(Number::Float(value)));
        }
    }

    #[test]
    fn a_type_that_is_not_a_number_is_unsupported() {
        for code in ["O", "|O", "<U5", "f16", "", "é8"] {
            assert!(matches!(NumberType::parse(code, None), Err(Kind::Unsupported(_))), "{code}");
        }
    }
}
