//! Statistics of a tensor's elements.

use serde::Serialize;

use super::{Number, element_visitor::numbers};
use crate::torch_files::Dtype;

/// Statistics of the finite elements of a tensor; for a complex tensor, of the real and imaginary parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Statistics {
    /// The minimum; `None` when no element is finite.
    pub min: Option<Number>,
    /// The maximum; `None` when no element is finite.
    pub max: Option<Number>,
    /// The arithmetic mean; `None` when no element is finite.
    pub mean: Option<f64>,
    /// The number of NaN elements.
    pub nan: u64,
    /// The number of infinite elements.
    pub infinite: u64,
}

/// Running totals of the statistics.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    finite: u64,
    nan: u64,
    infinite: u64,
    sum: f64,
    min: f64,
    max: f64,
    /// The least and the greatest integer, of a tensor of integers.
    integers: Option<(i128, i128)>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            finite: 0,
            nan: 0,
            infinite: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            integers: None,
        }
    }
}

impl Tally {
    /// Adds these little-endian elements.
    pub(super) fn add(&mut self, dtype: Dtype, bytes: &[u8]) {
        numbers(dtype, bytes, |number| match number {
            Number::Integer(number) => {
                self.finite += 1;
                self.sum += number as f64;
                let (least, greatest) = self.integers.unwrap_or((number, number));
                self.integers = Some((least.min(number), greatest.max(number)));
            }
            Number::Float(number) if number.is_finite() => {
                self.finite += 1;
                self.sum += number;
                self.min = self.min.min(number);
                self.max = self.max.max(number);
            }
            Number::Float(number) if number.is_nan() => self.nan += 1,
            Number::Float(_) => self.infinite += 1,
        });
    }

    pub(super) fn statistics(&self) -> Statistics {
        // The sum of very large elements overflows to infinity; then the mean is unknown.
        let of_some = |value: f64| Some(value).filter(|value| self.finite > 0 && value.is_finite());
        let float = |value| of_some(value).map(Number::Float);
        Statistics {
            min: self.integers.map_or_else(|| float(self.min), |(least, _)| Some(Number::Integer(least))),
            max: self
                .integers
                .map_or_else(|| float(self.max), |(_, greatest)| Some(Number::Integer(greatest))),
            mean: of_some(self.sum / self.finite as f64),
            nan: self.nan,
            infinite: self.infinite,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_elements_count_and_the_others_are_counted_apart() {
        let values = [1.0f32, -2.0, f32::NAN, 4.0, f32::INFINITY];
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        let mut tally = Tally::default();
        bytes.chunks(8).for_each(|piece| tally.add(Dtype::Float32, piece));
        let expected = Statistics {
            min: Some(Number::Float(-2.0)),
            max: Some(Number::Float(4.0)),
            mean: Some(1.0),
            nan: 1,
            infinite: 1,
        };
        assert_eq!(tally.statistics(), expected);
    }

    #[test]
    fn an_empty_tensor_has_no_mean() {
        let mut tally = Tally::default();
        assert_eq!(tally.statistics(), Statistics::default());
        tally.add(Dtype::Float16, &[0, 0x7e]);
        assert_eq!(tally.statistics(), Statistics { nan: 1, ..Statistics::default() });
    }

    #[test]
    fn the_range_of_integers_is_exact() {
        let mut tally = Tally::default();
        tally.add(Dtype::Uint64, &[u64::MAX, u64::MAX - 1].map(u64::to_le_bytes).concat());
        let found = tally.statistics();
        let range = [u64::MAX - 1, u64::MAX].map(|value| Some(Number::Integer(value.into())));
        assert_eq!([found.min, found.max], range);
    }

    #[test]
    fn elements_of_every_type_are_read_as_numbers() {
        for (dtype, bytes, value) in [
            (Dtype::Float64, &2.5f64.to_le_bytes()[..], 2.5),
            (Dtype::Float16, &[0, 0xc1], -2.5),
            (Dtype::Bfloat16, &[0x20, 0x40], 2.5),
            (Dtype::Int64, &(-3i64).to_le_bytes(), -3.0),
            (Dtype::Int32, &(-3i32).to_le_bytes(), -3.0),
            (Dtype::Int16, &(-3i16).to_le_bytes(), -3.0),
            (Dtype::Int8, &[0xfd], -3.0),
            (Dtype::Uint8, &[0xfd], 253.0),
            (Dtype::Bool, &[1], 1.0),
            (Dtype::Complex64, &[2.5f32.to_le_bytes(), 2.5f32.to_le_bytes()].concat(), 2.5),
        ] {
            let mut tally = Tally::default();
            tally.add(dtype, bytes);
            assert_eq!(tally.statistics().mean, Some(value), "{dtype}");
        }
    }
}
