//! The elements of storages, on their way from a file to a visitor.

use std::collections::HashMap;

use super::outline::{NetworkOutline, Outline};
use crate::torch_files::{Dtype, FormatError};

type Result<T> = std::result::Result<T, FormatError>;

/// Receives the elements of a network's storages.
pub trait ElementVisitor {
    /// The outline of the elements that follow. A second call means that all elements so far must be discarded.
    ///
    /// # Errors
    /// Any error ends the reading.
    fn begin(&mut self, network: &NetworkOutline) -> Result<()>;

    /// Little-endian bytes of a storage, at `offset` bytes from its start. Each byte comes once and in order. No element
    /// is split, and storages that no tensor views are skipped.
    ///
    /// # Errors
    /// Any error ends the reading.
    fn piece(&mut self, storage: usize, offset: u64, bytes: &[u8]) -> Result<()>;

    /// The name of an entry that torch does not read. These calls follow after all elements.
    fn unread(&mut self, _entry: &str) {}
}

/// Passes on the bytes of storages, as little-endian elements.
pub(super) struct ElementSink<'a> {
    elements: &'a mut dyn ElementVisitor,
    /// Index, element type and bytes of each storage by its entry.
    storages: HashMap<String, (usize, Dtype, u64)>,
    big_endian: bool,
}

impl<'a> ElementSink<'a> {
    pub(super) fn of(outline: &Outline, elements: &'a mut dyn ElementVisitor) -> Result<Self> {
        let Outline::Network(network) = outline else {
            return Ok(Self { elements, storages: HashMap::new(), big_endian: false });
        };
        elements.begin(network)?;
        let storages = network.storages.iter().enumerate();
        let storages =
            storages.map(|(index, storage)| (storage.entry.clone(), (index, storage.dtype, storage.bytes)));
        Ok(Self { elements, storages: storages.collect(), big_endian: network.big_endian })
    }

    /// The size of an entry in bytes, when it is a storage.
    pub(super) fn bytes(&self, entry: &str) -> Option<u64> {
        self.storages.get(entry).map(|(_, _, bytes)| *bytes)
    }

    /// Bytes of one element of an entry; 1 when it is not a storage.
    pub(super) fn size(&self, entry: &str) -> usize {
        self.storages.get(entry).map_or(1, |(_, dtype, _)| dtype.size())
    }

    /// A storage that was not ended.
    pub(super) fn remaining(&self) -> Option<&str> {
        self.storages.keys().min().map(String::as_str)
    }

    /// Ends an entry: another entry with the same name is not a storage.
    pub(super) fn end(&mut self, entry: &str) {
        self.storages.remove(entry);
    }

    pub(super) fn piece(&mut self, entry: &str, offset: u64, piece: &mut [u8]) -> Result<()> {
        let Some((index, dtype, _)) = self.storages.get(entry).copied() else { return Ok(()) };
        if self.big_endian {
            piece.chunks_exact_mut(dtype.part()).for_each(<[u8]>::reverse);
        }
        self.elements.piece(index, offset, piece)
    }
}
