//! Reading of the weights of a model in a bundle.

use std::{
    io::{Cursor, Read, Seek},
    sync::{Mutex, PoisonError},
};

use super::bundle_file::BundleReader;
use crate::{
    bundle::nouns::model_entry,
    torch_files::{
        FormatError, FormatErrorKind as Kind, ModelState,
        limits::{MAX_ENTRY_BYTES, MAX_INFLATED_BYTES},
        torch::{self, ElementVisitor, Outline, Storages},
    },
};

type Result<T> = std::result::Result<T, FormatError>;

impl<R: Read + Seek> BundleReader<R> {
    /// Reads the state of a model (BUN-010).
    ///
    /// # Errors
    /// As [`BundleReader::scan`].
    pub fn state(&mut self, model: &str) -> Result<ModelState> {
        let mut storages = Storages::default();
        let outline = self.scan(model, &mut storages)?;
        storages.state(outline).map_err(|error| self.placed(error, &model_entry(model)))
    }

    /// Passes the elements of a model's tensors to `elements` and returns the outline (BUN-010). Every checksum of the
    /// entry is verified before it returns.
    ///
    /// # Errors
    /// `malformed` when the entry is missing or its bytes do not match its header, else as [`torch::scan`].
    pub fn scan(&mut self, model: &str, elements: &mut dyn ElementVisitor) -> Result<Outline> {
        let entry = model_entry(model);
        self.scan_entry(&entry, elements).map_err(|error| self.in_file(error))
    }

    fn scan_entry(&mut self, name: &str, elements: &mut dyn ElementVisitor) -> Result<Outline> {
        let entry = self.archive.entry(name).ok_or_else(|| Kind::MissingEntry(name.to_owned()))?;
        let inside = |error: FormatError| error.in_entry(name);
        if entry.deflated {
            if let Some(outline) =
                torch::scan_stream(self.archive.reader(name)?, entry.bytes, elements).map_err(inside)?
            {
                return Ok(outline);
            }
            // The models of a bundle may be read side by side: one of them is held at a time.
            static HELD: Mutex<()> = Mutex::new(());
            let _turn = HELD.lock().unwrap_or_else(PoisonError::into_inner);
            let bytes = self.archive.read(name, MAX_INFLATED_BYTES)?;
            return torch::scan(Cursor::new(bytes), elements).map(|(outline, _)| outline).map_err(inside);
        }
        let scanned = torch::scan(self.archive.section(name)?, elements);
        let (outline, crc32) = scanned.map_err(|error| self.damage_around(name, error))?;
        if crc32 == entry.crc32 {
            Ok(outline)
        } else {
            Err(Kind::Corrupt("invalid checksum".to_owned()).in_entry(name))
        }
    }

    /// What is wrong with an entry whose content cannot be read: its checksum, if that is wrong, too. Python verifies it first,
    /// and one changed bit can look like bytes of another archive. A global is named in any case.
    fn damage_around(&mut self, name: &str, inside: FormatError) -> FormatError {
        let may_be_damage = !matches!(inside.kind, Kind::ForeignGlobal { .. });
        let verified = || self.archive.stream(name, MAX_ENTRY_BYTES, &mut |_| Ok(()));
        match may_be_damage.then(verified) {
            Some(Err(around)) => around,
            Some(Ok(_)) | None => inside.in_entry(name),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::torch_files::zip::writer::{ArchiveWriter, Placement};

    #[test]
    fn a_changed_byte_inside_an_archive_is_an_invalid_checksum() {
        let mut inner = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Aligned);
        inner.entry("m/data.pkl", b"}.").unwrap();
        inner.entry("m/version", b"3").unwrap();
        let inner = inner.finish().unwrap().into_inner();
        let mut outer = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        outer.entry("a/model.pth", &inner).unwrap();
        let whole = outer.finish().unwrap().into_inner();
        let start = whole.windows(inner.len()).position(|window| window == inner).unwrap();
        let state = |bytes: Vec<u8>| BundleReader::new(Cursor::new(bytes)).unwrap().state("a");
        assert!(state(whole.clone()).is_ok());
        for at in start..start + inner.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            let error = state(changed).unwrap_err();
            assert_eq!(error.kind, Kind::Corrupt("invalid checksum".to_owned()), "byte {}", at - start);
            assert_eq!(error.place.entry.as_deref(), Some("a/model.pth"));
        }
    }
}
