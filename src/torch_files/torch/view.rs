//! An array as a view of a storage, and its contiguous bytes.

use std::ops::Range;

use crate::torch_files::{FormatErrorKind as Kind, error::within, limits::MAX_RANK};

/// Which elements of a storage a tensor has. All numbers are in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
    elements: usize,
}

impl View {
    /// A view that stays inside a storage of `storage` elements.
    ///
    /// # Errors
    /// `malformed` when it does not, `unsafe` for too many dimensions.
    pub(crate) fn new(
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
        storage: usize,
    ) -> Result<Self, Kind> {
        within("dimensions", shape.len() as u64, MAX_RANK)?;
        if shape.len() != strides.len() {
            return Err(Kind::Storage(format!("{} dimensions have {} strides", shape.len(), strides.len())));
        }
        let outside = || {
            let what = format!("offset {offset}, shape {shape:?} and strides {strides:?}");
            Kind::Storage(format!("{what} reach outside the {storage} elements of the storage"))
        };
        // In this order, as PyTorch multiplies: a 0 at the end does not help a product that no number holds.
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

    /// The elements as one row of the storage, when they are neighbors in their order.
    pub(crate) fn row(&self) -> Option<Range<usize>> {
        let end = self.offset.checked_add(self.elements)?;
        (self.elements == 0 || self.run().0 == self.elements).then_some(self.offset..end)
    }

    /// Whether these are all elements of a storage of `storage` elements, in its own order.
    pub(crate) fn is_whole(&self, storage: usize) -> bool {
        self.row() == Some(0..storage)
    }

    /// The bytes of the elements one after the other. `size` is the bytes of one element.
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
            // Counts up the outer dimensions, the last fastest.
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

    /// How many elements in a row are neighbors in the storage, and the number of dimensions outside of that.
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
    fn strides_say_where_the_elements_are() {
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
    fn elements_keep_their_bytes_together() {
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
    fn only_a_view_of_everything_in_order_is_whole() {
        let whole = |offset, shape: &[usize], strides: &[usize]| {
            View::new(offset, shape.into(), strides.into(), 6).unwrap().is_whole(6)
        };
        assert!(whole(0, &[2, 3], &[3, 1]));
        assert!(whole(0, &[2, 1, 3], &[3, 77, 1]), "the stride of one element is not looked at");
        assert!(!whole(0, &[3, 2], &[1, 3]));
        assert!(!whole(0, &[5], &[1]));
        assert!(!whole(0, &[6], &[0]));
    }
}
