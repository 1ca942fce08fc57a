//! The arrays of a file that is neither a bundle nor one of torch, on their way to a visitor.

use super::{Dtype, FormatError, FormatErrorKind as Kind, error::within, limits::MAX_TENSORS};

/// Receives the arrays of a file, one after another.
pub(crate) trait ArrayVisitor {
    /// An array, whose elements follow.
    fn begin(&mut self, name: String, dtype: Dtype, shape: Vec<usize>);

    /// Further little-endian bytes of the last array, in row-major order. No element is split.
    fn elements(&mut self, dtype: Dtype, bytes: &[u8]);

    /// Bytes behind the last array, which its reader does not look at.
    fn trailing(&mut self, bytes: u64);

    /// An array that cannot be read.
    fn problem(&mut self, name: String, error: FormatError);
}

/// The bytes of an array of these elements and this shape.
pub(super) fn bytes_of(dtype: Dtype, shape: &[usize]) -> Result<u64, Kind> {
    let bytes = shape.iter().try_fold(dtype.size(), |all, side| all.checked_mul(*side));
    bytes.map(|bytes| bytes as u64).ok_or_else(|| Kind::Corrupt(format!("the shape {shape:?} overflows")))
}

/// Refuses more arrays than a file may have.
pub(super) fn count(arrays: usize) -> Result<(), Kind> {
    within("arrays", arrays as u64, MAX_TENSORS)
}

/// Passes on bytes that come in pieces of any length, as pieces of whole little-endian elements.
pub(super) struct Whole {
    dtype: Dtype,
    big_endian: bool,
    /// The bytes of an element that the last piece began.
    begun: Vec<u8>,
}

impl Whole {
    pub(super) fn new(dtype: Dtype, big_endian: bool) -> Self {
        Self { dtype, big_endian, begun: Vec::new() }
    }

    pub(super) fn take(&mut self, piece: &[u8], to: &mut dyn ArrayVisitor) {
        self.begun.extend_from_slice(piece);
        let whole = self.begun.len() - self.begun.len() % self.dtype.size();
        let rest = self.begun.split_off(whole);
        if self.big_endian {
            self.begun.chunks_exact_mut(self.dtype.part()).for_each(<[u8]>::reverse);
        }
        to.elements(self.dtype, &self.begun);
        self.begun = rest;
    }
}

#[cfg(test)]
pub(super) mod recorded {
    use super::*;

    /// What a visitor was given.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub(crate) struct Recorded {
        pub(crate) arrays: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
        pub(crate) trailing: Vec<(String, u64)>,
        pub(crate) problems: Vec<(String, String)>,
    }

    impl ArrayVisitor for Recorded {
        fn begin(&mut self, name: String, dtype: Dtype, shape: Vec<usize>) {
            self.arrays.push((name, dtype, shape, Vec::new()));
        }

        fn elements(&mut self, dtype: Dtype, bytes: &[u8]) {
            assert_eq!(bytes.len() % dtype.size(), 0);
            self.arrays.last_mut().into_iter().for_each(|array| array.3.extend_from_slice(bytes));
        }

        fn trailing(&mut self, bytes: u64) {
            self.trailing.extend(self.arrays.last().map(|array| (array.0.clone(), bytes)));
        }

        fn problem(&mut self, name: String, error: FormatError) {
            self.problems.push((name, error.to_string()));
        }
    }
}
