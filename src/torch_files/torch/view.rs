//! A tensor as a view of a storage, and its contiguous bytes.

use std::ops::Range;

use crate::torch_files::{FormatErrorKind as Kind, error::within, limits::MAX_RANK};

/// The elements of a storage that a tensor has. All numbers are in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
    elements: usize,
}

impl View {
    /// A view inside a storage of `storage` elements.
    ///
    /// # Errors
    /// `malformed` when the view leaves the storage, `unsafe` for too many dimensions.
    pub(crate) fn new(
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
        storage: usize,
    ) -> Result<Self, Kind> {
        within("dimensions", shape.len() as u64, MAX_RANK)?;
        if shape.len() != strides.len() {
            let what =
                format!("expected {} strides, one for each dimension, found {}", shape.len(), strides.len());
            return Err(Kind::Storage(what));
        }
        let outside = || {
            let what = format!("offset {offset}, shape {shape:?} and strides {strides:?}");
            Kind::Storage(format!("{what} reach outside the {storage} elements of the storage"))
        };
        // Multiplied in PyTorch's order: a later 0 does not undo an overflow.
        let product = |all: usize, side: &usize| all.checked_mul(*side);
        let elements = shape.iter().try_fold(1, product).ok_or_else(outside)?;
        if elements > 0 {
            let step = |last: usize, (side, stride): (&usize, &usize)| {
                last.checked_add(side.checked_sub(1)?.checked_mul(*stride)?)
            };
            let last = shape.iter().zip(&strides).try_fold(offset, step).ok_or_else(outside)?;
            if last >= storage {
                return Err(outside());
            }
        }
        Ok(Self { offset, shape, strides, elements })
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(crate) fn elements(&self) -> usize {
        self.elements
    }

    /// The range of the storage that holds the elements, when they are consecutive and in order.
    pub(crate) fn row(&self) -> Option<Range<usize>> {
        let end = self.offset.checked_add(self.elements)?;
        (self.elements == 0 || self.run().0 == self.elements).then_some(self.offset..end)
    }

    /// The range of the storage from the first to the last element.
    pub(crate) fn reach(&self) -> Range<usize> {
        if self.elements == 0 {
            return 0..0;
        }
        let step = |(side, stride): (&usize, &usize)| (side - 1) * stride;
        let last = self.offset + self.shape.iter().zip(&self.strides).map(step).sum::<usize>();
        self.offset..last + 1
    }

    /// Copies the bytes of the elements without gaps. `size` is the bytes of one element.
    pub(crate) fn copy(&self, storage: &[u8], size: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.elements.checked_mul(size)?);
        if self.elements == 0 {
            return Some(bytes);
        }
        let (run, outer) = self.run();
        let mut index = vec![0; outer];
        let mut at = self.offset;
        while bytes.len() < self.elements * size {
            bytes.extend_from_slice(storage.get(at * size..(at + run) * size)?);
            // Advances the outer indices, the last one fastest.
            for (place, (side, stride)) in index.iter_mut().zip(self.shape.iter().zip(&self.strides)).rev() {
                *place += 1;
                at += stride;
                if *place < *side {
                    break;
                }
                at -= *place * stride;
                *place = 0;
            }
        }
        Some(bytes)
    }

    /// The number of elements per consecutive run in the storage, and the number of dimensions outside of a run.
    fn run(&self) -> (usize, usize) {
        let mut run = 1;
        for (outer, (side, stride)) in self.shape.iter().zip(&self.strides).enumerate().rev() {
            if *side != 1 && *stride != run {
                return (run, outer + 1);
            }
            run *= side;
        }
        (run, 0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn copy(offset: usize, shape: &[usize], strides: &[usize], storage: &[u8]) -> Vec<u8> {
        View::new(offset, shape.into(), strides.into(), storage.len()).unwrap().copy(storage, 1).unwrap()
    }

    #[test]
    fn strides_locate_the_elements() {
        let storage = [0, 1, 2, 3, 4, 5];
        assert_eq!(copy(0, &[2, 3], &[3, 1], &storage), [0, 1, 2, 3, 4, 5]);
        assert_eq!(copy(0, &[3, 2], &[1, 3], &storage), [0, 3, 1, 4, 2, 5]);
        assert_eq!(copy(2, &[2, 2], &[2, 1], &storage), [2, 3, 4, 5]);
        assert_eq!(copy(5, &[3], &[0], &storage), [5, 5, 5]);
        assert_eq!(copy(1, &[2, 1, 2], &[3, 77, 1], &storage), [1, 2, 4, 5]);
        assert_eq!(copy(4, &[], &[], &storage), [4]);
        assert!(copy(9, &[0, 3], &[3, 1], &storage).is_empty());
    }

    #[test]
    fn the_bytes_of_an_element_stay_together() {
        let view = View::new(1, vec![2], vec![1], 3).unwrap();
        assert_eq!(view.copy(&[0, 0, 1, 1, 2, 2], 2).unwrap(), [1, 1, 2, 2]);
    }

    #[test]
    fn a_view_that_leaves_its_storage_is_refused() {
        let refused = |offset, shape: &[usize], strides: &[usize]| {
            matches!(View::new(offset, shape.into(), strides.into(), 6), Err(Kind::Storage(_)))
        };
        assert!(!refused(0, &[6], &[1]));
        assert!(refused(1, &[6], &[1]));
        assert!(refused(6, &[], &[]));
        assert!(refused(0, &[2], &[6]));
        assert!(refused(0, &[2, 2], &[usize::MAX, usize::MAX]));
        assert!(refused(0, &[usize::MAX, 2], &[0, 0]));
        assert!(refused(0, &[2], &[1, 1]));
        assert!(refused(0, &[usize::MAX, 2, 0], &[1, 1, 1]));
        assert!(!refused(0, &[0, usize::MAX, 2], &[1, 1, 1]));
    }

    #[test]
    fn a_view_is_a_row_only_when_its_elements_are_consecutive_and_in_order() {
        let whole = |offset, shape: &[usize], strides: &[usize]| {
            View::new(offset, shape.into(), strides.into(), 6).unwrap().row() == Some(0..6)
        };
        assert!(whole(0, &[2, 3], &[3, 1]));
        assert!(whole(0, &[2, 1, 3], &[3, 77, 1]), "the stride of a dimension of length 1 is ignored");
        assert!(!whole(0, &[3, 2], &[1, 3]));
        assert!(!whole(0, &[5], &[1]));
        assert!(!whole(0, &[6], &[0]));
    }
}
