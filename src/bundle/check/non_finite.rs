//! Counts NaN and infinite elements at memory bandwidth.

use std::ops::AddAssign;

use super::{ProgressFn, element_visitor::numbers, tensor_stream::TensorElements};
use crate::torch_files::{
    Dtype, FormatError,
    torch::{ElementVisitor, NetworkOutline},
};

/// The number of elements that are counted in a 32-bit sum.
const BLOCK: usize = 1 << 16;

/// The numbers of NaN and infinite elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NonFinite {
    pub(super) nan: u64,
    pub(super) infinite: u64,
}

impl NonFinite {
    /// Counts these little-endian elements; a complex element counts once for each part.
    pub(super) fn among(dtype: Dtype, bytes: &[u8]) -> Self {
        macro_rules! count {
            ($bits:ty, $exponent:expr, $fraction:expr) => {{
                let all = |bits: $bits| bits & $exponent == $exponent;
                let is_nan = |bytes: &&[u8; size_of::<$bits>()]| {
                    let bits = <$bits>::from_le_bytes(**bytes);
                    all(bits) && bits & $fraction != 0
                };
                let mut found = Self::default();
                for block in bytes.as_chunks().0.chunks(BLOCK) {
                    // Non-finite elements are rare, and compilers vectorize a sum of comparisons.
                    let special = |sum, bytes: &[u8; size_of::<$bits>()]| {
                        sum + u32::from(all(<$bits>::from_le_bytes(*bytes)))
                    };
                    let special = u64::from(block.iter().fold(0, special));
                    if special > 0 {
                        let nan = block.iter().filter(is_nan).count() as u64;
                        found += Self { nan, infinite: special - nan };
                    }
                }
                found
            }};
        }
        match dtype {
            Dtype::Float64 | Dtype::Complex128 => count!(u64, 0x7ff0_0000_0000_0000, 0x000f_ffff_ffff_ffff),
            Dtype::Float32 | Dtype::Complex64 => count!(u32, 0x7f80_0000, 0x007f_ffff),
            Dtype::Float16 | Dtype::Complex32 => count!(u16, 0x7c00, 0x03ff),
            Dtype::Bfloat16 => count!(u16, 0x7f80, 0x007f),
            Dtype::Float8E4m3fn
            | Dtype::Float8E5m2
            | Dtype::Float8E4m3fnuz
            | Dtype::Float8E5m2fnuz
            | Dtype::Float8E8m0fnu => {
                let mut found = Self::default();
                numbers(dtype, bytes, |number| {
                    let number = number.to_f64();
                    found += Self { nan: number.is_nan().into(), infinite: number.is_infinite().into() };
                });
                found
            }
            Dtype::Int64
            | Dtype::Int32
            | Dtype::Int16
            | Dtype::Int8
            | Dtype::Uint8
            | Dtype::Bool
            | Dtype::Uint16
            | Dtype::Uint32
            | Dtype::Uint64
            | Dtype::Float4E2m1fnX2
            | Dtype::Bits8
            | Dtype::Bits16
            | Dtype::Bits1x8
            | Dtype::Bits2x4
            | Dtype::Bits4x2 => Self::default(),
        }
    }

    pub(super) fn any(self) -> bool {
        self != Self::default()
    }
}

impl AddAssign for NonFinite {
    fn add_assign(&mut self, more: Self) {
        self.nan += more.nan;
        self.infinite += more.infinite;
    }
}

/// Counts by storage.
pub(super) struct Counting<'w> {
    watch: ProgressFn<'w>,
    storages: Vec<(Dtype, NonFinite)>,
    /// The entries that torch does not read.
    pub(super) unread: Vec<String>,
}

impl<'w> Counting<'w> {
    pub(super) fn new(watch: ProgressFn<'w>) -> Self {
        Self { watch, storages: Vec::new(), unread: Vec::new() }
    }

    /// Whether a storage has any non-finite element.
    pub(super) fn any_in(&self, storage: usize) -> bool {
        self.storages.get(storage).is_some_and(|(_, found)| found.any())
    }
}

impl ElementVisitor for Counting<'_> {
    fn begin(&mut self, network: &NetworkOutline) -> Result<(), FormatError> {
        self.storages =
            network.storages.iter().map(|storage| (storage.dtype, NonFinite::default())).collect();
        Ok(())
    }

    fn piece(&mut self, storage: usize, _offset: u64, bytes: &[u8]) -> Result<(), FormatError> {
        if let Some((dtype, found)) = self.storages.get_mut(storage) {
            *found += NonFinite::among(*dtype, bytes);
        }
        (self.watch)(bytes.len() as u64);
        Ok(())
    }

    fn unread(&mut self, entry: &str) {
        self.unread.push(entry.to_owned());
    }
}

/// Counts by tensor.
#[derive(Default)]
pub(super) struct PerTensor(pub(super) Vec<NonFinite>);

impl TensorElements for PerTensor {
    fn begin(&mut self, tensors: usize) {
        self.0 = vec![NonFinite::default(); tensors];
    }

    fn elements(&mut self, tensor: usize, dtype: Dtype, bytes: &[u8]) {
        if let Some(found) = self.0.get_mut(tensor) {
            *found += NonFinite::among(dtype, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn among(dtype: Dtype, elements: &[&[u8]]) -> (u64, u64) {
        let found = NonFinite::among(dtype, &elements.concat());
        (found.nan, found.infinite)
    }

    #[test]
    fn every_float_type_is_counted() {
        let double = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, -0.0].map(f64::to_le_bytes);
        let double: Vec<&[u8]> = double.iter().map(<[u8; 8]>::as_slice).collect();
        assert_eq!(among(Dtype::Float64, &double), (1, 2));
        assert_eq!(among(Dtype::Complex128, &double[..4]), (1, 2));
        let single = [f32::NAN, f32::INFINITY, f32::MAX, 0.0].map(f32::to_le_bytes);
        let single: Vec<&[u8]> = single.iter().map(<[u8; 4]>::as_slice).collect();
        assert_eq!(among(Dtype::Float32, &single), (1, 1));
        assert_eq!(among(Dtype::Complex64, &single), (1, 1));
        assert_eq!(among(Dtype::Float16, &[&[0x00, 0xfc], &[0x01, 0x7c], &[0xff, 0x7b]]), (1, 1));
        assert_eq!(among(Dtype::Bfloat16, &[&[0x80, 0xff], &[0x81, 0x7f], &[0x7f, 0x7f]]), (1, 1));
        assert_eq!(among(Dtype::Int32, &single), (0, 0));
    }
}
