//! Whether torch refuses what this crate refuses. It reads archives with less care, so of some files that is not known.

use std::io::{Read, Seek, SeekFrom};

use super::entries::SIGNATURE;

use crate::torch_files::{
    FormatError, FormatErrorKind as Kind,
    pickle::ONE_OBJECT,
    zip::{Archive, central_directory::may_have_end},
};

/// The entry by which torch recognizes TorchScript.
const CONSTANTS: &str = "/constants.pkl";

/// Whether torch takes a file for an archive and may find its directory.
fn may_be_read(reader: &mut (impl Read + Seek)) -> Result<bool, Kind> {
    let mut first = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    reader.by_ref().take(SIGNATURE.len() as u64).read_to_end(&mut first)?;
    Ok(first == SIGNATURE && may_have_end(reader)?)
}

/// Whether `torch.load(weights_only=True)` is known to refuse a file as well that was refused with this error.
pub(crate) fn torch_refuses(error: &FormatError, reader: &mut (impl Read + Seek)) -> bool {
    let entry = error.place.entry.as_deref();
    match &error.kind {
        // torch finds the central directory by one signature near the end, and looks at little else.
        Kind::Zip(_) | Kind::SecondEnd | Kind::BytesBefore { .. } | Kind::Io { .. } => {
            !may_be_read(reader).unwrap_or(true)
        }
        // Without an entry, what is broken is not an archive.
        Kind::Corrupt(_) => entry.is_none(),
        Kind::TorchScript => Archive::with_any_checksums(reader)
            .is_ok_and(|archive| archive.names().any(|name| name.ends_with(CONSTANTS))),
        // torch takes the last of several objects.
        Kind::Unexpected { expected, .. } => *expected != ONE_OBJECT,
        Kind::Limit { .. }
        | Kind::UnlistedBytes { .. }
        | Kind::UnsafeName(_)
        | Kind::DuplicateEntry
        | Kind::NotAFile(_)
        | Kind::Encrypted
        | Kind::Compression(_)
        | Kind::CaseTwin(_)
        | Kind::ReadInPlaceOf(_)
        | Kind::Unsupported(_)
        | Kind::UnsupportedProtocol(_) => false,
        Kind::NotAnArchive(_)
        | Kind::NotAPickle(_)
        | Kind::PickleBeforeArchive
        | Kind::OutsideDirectory(_)
        | Kind::MissingEntry(_)
        | Kind::AnotherArchive { .. }
        | Kind::UnknownOpcode(_)
        | Kind::UnsupportedOpcode
        | Kind::Truncated
        | Kind::StackUnderflow
        | Kind::NoMark
        | Kind::NotUtf8
        | Kind::BadArgument(_)
        | Kind::UnknownMemo(_)
        | Kind::ForeignGlobal { .. }
        | Kind::TrailingBytes(_)
        | Kind::ContainsItself(_)
        | Kind::MissingField(_)
        | Kind::InvalidValue { .. }
        | Kind::Json(_)
        | Kind::DuplicateKey(_)
        | Kind::JsonManifest(_)
        | Kind::TwoManifests(..)
        | Kind::ModelName(_)
        | Kind::UntypedInLegacy
        | Kind::TorchFails(_)
        | Kind::Storage(_) => true,
    }
}
