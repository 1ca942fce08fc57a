//! How the elements of two tensors differ.

use super::element_visitor::numbers;
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
    pub(super) left: f64,
    pub(super) right: f64,
}

impl Place {
    pub(super) fn distance(self) -> f64 {
        (self.left - self.right).abs()
    }
}

impl ElementDifference {
    /// Compares the numbers of two tensors.
    pub(super) fn of(left: &Tensor, right: &Tensor) -> Self {
        let [left, right] = [left, right].map(values);
        let mut found = Self {
            changed: 0,
            of: left.len() as u64,
            largest: None,
            first: None,
            only_zero_signs: true,
            only_nan_bits: true,
        };
        for (index, (left, right)) in left.into_iter().zip(right).enumerate() {
            if left.to_bits() == right.to_bits() {
                continue;
            }
            let place = Place { index, left, right };
            found.changed += 1;
            found.first = found.first.or(Some(place));
            found.only_zero_signs &= left == right;
            found.only_nan_bits &= left.is_nan() && right.is_nan();
            let is_larger = found.largest.is_none_or(|largest| largest.distance() < place.distance());
            if place.distance().is_finite() && is_larger {
                found.largest = Some(place);
            }
        }
        found
    }
}

/// The numbers of a tensor.
pub(super) fn values(tensor: &Tensor) -> Vec<f64> {
    let mut all = Vec::with_capacity(tensor.data().len() / tensor.dtype().size());
    numbers(tensor.dtype(), tensor.data(), |number| all.push(number));
    all
}
