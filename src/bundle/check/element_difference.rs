//! How the elements of two tensors differ.

use super::{Number, element_visitor::numbers};
use crate::torch_files::Tensor;

/// The elements that differ between two tensors with the same number of elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ElementDifference {
    /// How many numbers differ; a complex element is two.
    pub(super) changed: u64,
    /// How many numbers there are.
    pub(super) of: u64,
    /// The largest distance between two finite numbers that differ, and where it is.
    pub(super) largest: Option<Place>,
    /// The first numbers that differ.
    pub(super) first: Option<Place>,
    /// Whether all numbers that differ are zeros of different signs.
    pub(super) only_zero_signs: bool,
    /// Whether all numbers that differ are NaN on both sides.
    pub(super) only_nan_bits: bool,
}

/// Two numbers at the same place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// The place among all numbers in row-major order.
    pub(super) index: usize,
    pub(super) left: Number,
    pub(super) right: Number,
}

impl Place {
    pub(super) fn distance(self) -> Number {
        self.left.distance(self.right)
    }
}

impl ElementDifference {
    /// Compares the numbers of two tensors.
    pub(super) fn of(left: &Tensor, right: &Tensor) -> Self {
        let [left, right] = [left, right].map(all);
        let mut found = Self {
            changed: 0,
            of: left.len() as u64,
            largest: None,
            first: None,
            only_zero_signs: true,
            only_nan_bits: true,
        };
        for (index, (left, right)) in left.into_iter().zip(right).enumerate() {
            if left.is_same(right) {
                continue;
            }
            let place = Place { index, left, right };
            found.changed += 1;
            found.first = found.first.or(Some(place));
            let [left, right] = [left, right].map(Number::to_f64);
            found.only_zero_signs &= left == 0.0 && right == 0.0;
            found.only_nan_bits &= left.is_nan() && right.is_nan();
            let is_larger = found.largest.is_none_or(|largest| largest.distance().is_less(place.distance()));
            if place.distance().to_f64().is_finite() && is_larger {
                found.largest = Some(place);
            }
        }
        found
    }
}

/// The numbers of a tensor, each as the nearest binary64.
pub(super) fn values(tensor: &Tensor) -> Vec<f64> {
    let mut all = Vec::with_capacity(tensor.data().len() / tensor.dtype().size());
    numbers(tensor.dtype(), tensor.data(), |number| all.push(number.to_f64()));
    all
}

fn all(tensor: &Tensor) -> Vec<Number> {
    let mut all = Vec::with_capacity(tensor.data().len() / tensor.dtype().size());
    numbers(tensor.dtype(), tensor.data(), |number| all.push(number));
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::torch_files::Dtype;

    fn of(dtype: Dtype, elements: &[[u8; 8]]) -> Tensor {
        Tensor::new(dtype, vec![elements.len()], elements.concat()).unwrap()
    }

    #[test]
    fn integers_that_one_binary64_stands_for_differ() {
        let [left, right] = [9_007_199_254_740_992_i64, 9_007_199_254_740_993]
            .map(|value| of(Dtype::Int64, &[7_i64.to_le_bytes(), value.to_le_bytes()]));
        let found = ElementDifference::of(&left, &right);
        let place = found.largest.unwrap();
        assert_eq!((found.changed, found.of, place.index), (1, 2, 1));
        assert_eq!(
            (place.distance(), place.right),
            (Number::Integer(1), Number::Integer(9_007_199_254_740_993))
        );
        assert!(!found.only_zero_signs && !found.only_nan_bits);
    }
}
