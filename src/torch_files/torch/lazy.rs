//! Tensors whose stored elements are not their values: torch conjugates or negates them when it reads them.

use crate::torch_files::{Dtype, Numbers};

/// What torch does with the stored elements of a tensor when it reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lazy {
    /// Whether it conjugates them.
    pub conjugated: bool,
    /// Whether it negates them.
    pub negated: bool,
}

impl Lazy {
    /// Whether elements of this type can be stored like this: the sign of each number is its last bit.
    pub(super) fn is_possible(self, dtype: Dtype) -> bool {
        match dtype.numbers() {
            Numbers::Complex => true,
            Numbers::Float => dtype.size() > 1 && !self.conjugated,
            Numbers::Int | Numbers::Bool | Numbers::Bits => false,
        }
    }

    /// Turns little-endian stored elements into the values.
    pub(super) fn apply(self, dtype: Dtype, bytes: &mut [u8]) {
        let negate = |part: &mut [u8]| part.iter_mut().next_back().into_iter().for_each(|last| *last ^= 0x80);
        if self.negated {
            bytes.chunks_exact_mut(dtype.part()).for_each(negate);
        }
        if self.conjugated {
            bytes.chunks_exact_mut(dtype.part()).skip(1).step_by(2).for_each(negate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(dtype: Dtype, lazy: Lazy, numbers: &[f32]) -> Vec<f32> {
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        lazy.apply(dtype, &mut bytes);
        bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    #[test]
    fn conjugation_changes_the_sign_of_imaginary_parts_and_negation_of_all() {
        let conjugated = Lazy { conjugated: true, negated: false };
        let negated = Lazy { conjugated: false, negated: true };
        let both = Lazy { conjugated: true, negated: true };
        let numbers = [1.0, 2.0, -3.0, 0.0];
        assert_eq!(applied(Dtype::Complex64, conjugated, &numbers), [1.0, -2.0, -3.0, -0.0]);
        assert_eq!(applied(Dtype::Complex64, both, &numbers), [-1.0, 2.0, 3.0, 0.0]);
        assert_eq!(applied(Dtype::Float32, negated, &numbers), [-1.0, -2.0, 3.0, -0.0]);
        assert_eq!(applied(Dtype::Float32, Lazy::default(), &numbers), numbers);
    }

    #[test]
    fn only_numbers_with_a_sign_bit_can_be_lazy() {
        let (conjugated, negated) =
            (Lazy { conjugated: true, negated: false }, Lazy { conjugated: false, negated: true });
        assert!(conjugated.is_possible(Dtype::Complex32) && negated.is_possible(Dtype::Complex128));
        assert!(negated.is_possible(Dtype::Bfloat16) && !conjugated.is_possible(Dtype::Float32));
        for dtype in [Dtype::Int32, Dtype::Bool, Dtype::Float8E4m3fnuz, Dtype::Bits8] {
            assert!(!negated.is_possible(dtype), "{dtype}");
        }
    }
}
