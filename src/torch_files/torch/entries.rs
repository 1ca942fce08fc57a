//! Checks that torch reads the same entries of a file as this crate, independently of `data.pkl`.
//!
//! `torch.load` decides by the first four bytes whether a file is an archive, takes the directory of the first entry as
//! the directory of all, treats a file with `constants.pkl` as TorchScript, and ignores case when it looks entries up.
//! A file that torch would read differently is refused.

use std::{
    io::{Read, Seek, SeekFrom},
    ops::RangeInclusive,
};

use crate::torch_files::{
    FormatError, FormatErrorKind as Kind,
    error::{excerpt, within},
    limits::MAX_TORCH_NAME_BYTES,
    zip::{Archive, case_twins::refuse_case_twins, central_directory},
};

type Result<T> = std::result::Result<T, FormatError>;

/// The first bytes of a file that torch treats as an archive.
pub(super) const SIGNATURE: &[u8] = b"PK\x03\x04";

/// The entries that `torch.save` writes, in addition to the storages.
const KNOWN: [&str; 6] = [PICKLE, VERSION, "byteorder", ".format_version", ALIGNMENT, SERIALIZATION_ID];

/// The entry that describes the tensors.
const PICKLE: &str = "data.pkl";

/// The entry with the version of the format, and the versions that torch reads.
const VERSION: &str = "version";
const VERSIONS: RangeInclusive<u64> = 1..=10;

/// The entries that torch reads as a number and as text when they exist, whatever it does with them.
const ALIGNMENT: &str = ".storage_alignment";
const SERIALIZATION_ID: &str = ".data/serialization_id";

/// Bytes of each of these entries.
const MAX_SIDE_ENTRY_BYTES: u64 = 64;

/// The entry that torch prefers to `version`.
const PACKAGE_VERSION: &str = ".data/version";

/// The directory of the storages.
const STORAGES: &str = "data/";

/// The entries by which `torch.load` or `torch.jit.load` recognizes TorchScript.
const TORCH_SCRIPT: [&str; 3] = ["constants.pkl", "bytecode.pkl", "model.json"];

/// The directory of TorchScript code.
const CODE: &str = "code/";

/// The entries of a file of `torch.save`.
pub(super) struct Entries {
    /// The one directory of all entries: the file's stem, or `archive`.
    pub(super) prefix: String,
    /// The entries that torch does not read.
    pub(super) unread: Vec<String>,
    /// The entries that are storages by their names.
    pub(super) storages: Vec<String>,
}

/// Opens a file of `torch.save` that torch treats as an archive as well.
pub(super) fn open<R: Read + Seek>(reader: R) -> Result<Archive<R>> {
    begun_as_archive(reader).and_then(Archive::new).and_then(as_torch_reads)
}

/// As [`open`], and as torch does without a look at any checksum. The caller compares them.
pub(super) fn open_unchecked<R: Read + Seek>(reader: R) -> Result<Archive<R>> {
    let archive = begun_as_archive(reader).and_then(Archive::with_any_checksums)?;
    as_torch_reads(archive).map(Archive::with_unchecked_entries)
}

/// The file, unless torch takes it for a pickle.
fn begun_as_archive<R: Read + Seek>(mut reader: R) -> Result<R> {
    let mut start = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    reader.by_ref().take(SIGNATURE.len() as u64).read_to_end(&mut start)?;
    // A file without any archive gets the more precise error of `Archive::new`.
    if start != SIGNATURE && central_directory::read(&mut reader).is_ok() {
        return Err(Kind::PickleBeforeArchive.into());
    }
    Ok(reader)
}

fn as_torch_reads<R: Read + Seek>(archive: Archive<R>) -> Result<Archive<R>> {
    archive.looked_up_by_name()?.named_in_utf8().map(Archive::with_optional_checksums)
}

impl Entries {
    /// Checks and classifies the names of all entries, and that torch reads files of this version.
    pub(super) fn of<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Self> {
        for name in archive.names().chain(archive.directories()) {
            within("bytes of entry name", name.len() as u64, MAX_TORCH_NAME_BYTES)
                .map_err(|kind| kind.in_entry(&excerpt(name)))?;
        }
        refuse_case_twins(archive)?;
        let prefix = prefix(archive)?;
        let (mut unread, mut storages) = (Vec::new(), Vec::new());
        for name in archive.names() {
            let inner = inside(&prefix, name)?;
            if !is_known(inner).map_err(|kind| kind.in_entry(name))? {
                unread.push(name.to_owned());
            } else if inner.starts_with(STORAGES) {
                storages.push(name.to_owned());
            }
        }
        archive.directories().try_for_each(|name| inside(&prefix, name).map(drop))?;
        supported_version(archive, &format!("{prefix}/{VERSION}"))?;
        let mut side_entry = |inner: &str, expected: &'static str, is_readable: fn(&[u8]) -> bool| {
            let entry = format!("{prefix}/{inner}");
            if archive.entry(&entry).is_none() || is_readable(&archive.read(&entry, MAX_SIDE_ENTRY_BYTES)?) {
                return Ok(());
            }
            Err(Kind::Unexpected { expected, found: "other bytes".to_owned() }.in_entry(&entry))
        };
        side_entry(ALIGNMENT, "a number", is_python_integer)?;
        side_entry(SERIALIZATION_ID, "UTF-8", |bytes| std::str::from_utf8(bytes).is_ok())?;
        Ok(Self { prefix, unread, storages })
    }
}

/// Refuses a file of a version that torch does not read.
fn supported_version<R: Read + Seek>(archive: &mut Archive<R>, entry: &str) -> Result<()> {
    if archive.entry(entry).is_none() {
        return Err(Kind::MissingEntry(excerpt(entry)).into());
    }
    let bytes = archive.read(entry, MAX_SIDE_ENTRY_BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    match text.trim_ascii().parse() {
        Ok(version) if VERSIONS.contains(&version) => Ok(()),
        Ok(_) | Err(_) => {
            let what = format!("version {:?} of the format of torch.save", excerpt(&text));
            Err(Kind::Unsupported(what).in_entry(entry))
        }
    }
}

/// Whether Python's `int` takes these bytes.
fn is_python_integer(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii();
    let digits = bytes.strip_prefix(b"-").or_else(|| bytes.strip_prefix(b"+")).unwrap_or(bytes);
    digits.split(|byte| *byte == b'_').all(|part| !part.is_empty() && part.iter().all(u8::is_ascii_digit))
}

/// Whether `torch.save` writes an entry with this name. Refuses a name that torch reads in a special way.
fn is_known(inner: &str) -> std::result::Result<bool, Kind> {
    let is_storage = |name: &str| name.strip_prefix(STORAGES).is_some_and(|key| !key.contains('/'));
    if KNOWN.contains(&inner) || is_storage(inner) {
        return Ok(true);
    }
    let lower = inner.to_ascii_lowercase();
    if TORCH_SCRIPT.contains(&lower.as_str()) || lower.starts_with(CODE) {
        return Err(Kind::TorchScript);
    }
    if lower == PACKAGE_VERSION {
        return Err(Kind::ReadInPlaceOf("version"));
    }
    match KNOWN.iter().find(|known| **known == lower) {
        Some(known) => Err(Kind::ReadInPlaceOf(known)),
        None if is_storage(&lower) => Err(Kind::ReadInPlaceOf("a storage")),
        None => Ok(false),
    }
}

/// The name of an entry relative to the one directory.
fn inside<'n>(prefix: &str, name: &'n str) -> Result<&'n str> {
    let inner = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
    inner.ok_or_else(|| Kind::OutsideDirectory(excerpt(prefix)).in_entry(name))
}

fn prefix<R: Read + Seek>(archive: &Archive<R>) -> Result<String> {
    let mut prefixes = archive.names().filter_map(|name| name.strip_suffix("/data.pkl"));
    match (prefixes.find(|prefix| !prefix.contains('/')), prefixes.find(|prefix| !prefix.contains('/'))) {
        (Some(prefix), None) => Ok(prefix.to_owned()),
        (Some(_), Some(other)) => {
            Err(Kind::Zip(format!("a second state dict, {:?}", excerpt(&format!("{other}/data.pkl")))).into())
        }
        (None, _) => Err(match archive.names().find(|name| is_pickle_to_torch(name)) {
            Some(name) => Kind::ReadInPlaceOf(PICKLE).in_entry(name),
            None => Kind::MissingEntry(format!("archive/{PICKLE}")).into(),
        }),
    }
}

/// Whether torch, which ignores case, looks this entry up as `data.pkl` of the file.
fn is_pickle_to_torch(name: &str) -> bool {
    name.split_once('/').is_some_and(|(_, inner)| inner.eq_ignore_ascii_case(PICKLE))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Cursor;

    use rstest::rstest;

    use super::*;
    use crate::torch_files::zip::writer::{ArchiveWriter, Placement};

    fn file_of(names: &[&str]) -> Vec<u8> {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        let content = |name: &str| match name {
            name if name.ends_with(VERSION) => &b"3\n"[..],
            name if name.ends_with(ALIGNMENT) => b"64",
            _ => b"}.",
        };
        names.iter().for_each(|name| archive.entry(name, content(name)).unwrap());
        archive.finish().unwrap().into_inner()
    }

    fn entries(names: &[&str]) -> Result<Entries> {
        Entries::of(&mut open(Cursor::new(file_of(names))).unwrap())
    }

    #[test]
    fn entries_of_torch_are_known_and_unread_entries_are_listed() {
        let known: Vec<String> =
            KNOWN.iter().chain(&["data/0", "data/17"]).map(|name| format!("m/{name}")).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        assert!(entries(&known).unwrap().unread.is_empty());
        let unread = ["m/config.p", "m/a/data.pkl", "m/data/0/1", "m/.data/more", "m/x.debug_pkl"];
        assert_eq!(entries(&[known.as_slice(), &unread].concat()).unwrap().unread, unread);
    }

    #[rstest]
    #[case::twin("m/DATA.PKL", Kind::CaseTwin("m/data.pkl".into()))]
    #[case::constants("m/constants.pkl", Kind::TorchScript)]
    #[case::constants_in_another_case("m/Constants.pkl", Kind::TorchScript)]
    #[case::code("m/code/__torch__.py", Kind::TorchScript)]
    #[case::bytecode("m/bytecode.pkl", Kind::TorchScript)]
    #[case::older_script("m/model.json", Kind::TorchScript)]
    #[case::byte_order("m/ByteOrder", Kind::ReadInPlaceOf("byteorder"))]
    #[case::alignment("m/.Storage_alignment", Kind::ReadInPlaceOf(".storage_alignment"))]
    #[case::storage("m/Data/0", Kind::ReadInPlaceOf("a storage"))]
    #[case::version_of_a_package("m/.data/version", Kind::ReadInPlaceOf("version"))]
    #[case::in_another_directory("n/notes", Kind::OutsideDirectory("m".into()))]
    #[case::above("notes", Kind::OutsideDirectory("m".into()))]
    #[case::of_another_case("M/notes", Kind::OutsideDirectory("m".into()))]
    fn an_entry_that_torch_reads_differently_is_refused_by_name(#[case] name: &str, #[case] kind: Kind) {
        for names in [["m/data.pkl", name, "m/version"], [name, "m/version", "m/data.pkl"]] {
            let error = entries(&names).err().unwrap();
            match (&error.kind, &kind) {
                (Kind::CaseTwin(_), Kind::CaseTwin(_)) => {}
                (found, kind) => assert_eq!((error.place.entry.as_deref(), found), (Some(name), kind)),
            }
        }
    }

    #[rstest]
    #[case::of_another_case("m/Data.PKL", Kind::ReadInPlaceOf("data.pkl").in_entry("m/Data.PKL"))]
    #[case::deeper("m/n/Data.PKL", Kind::MissingEntry("archive/data.pkl".into()).into())]
    #[case::without_a_directory("Data.PKL", Kind::MissingEntry("archive/data.pkl".into()).into())]
    fn the_only_pickle_is_refused_by_name_where_torch_takes_it(
        #[case] name: &str,
        #[case] expected: FormatError,
    ) {
        assert_eq!(entries(&[name, "m/version"]).err(), Some(expected));
    }

    #[rstest]
    #[case::oldest(b"1", None)]
    #[case::newest(b"10\n", None)]
    #[case::older(b"0\n", Some("version \"0\\n\" of the format of torch.save"))]
    #[case::newer(b"11", Some("version \"11\" of the format of torch.save"))]
    #[case::other(b"three", Some("version \"three\" of the format of torch.save"))]
    fn a_version_that_torch_does_not_read_is_unsupported(
        #[case] version: &[u8],
        #[case] refusal: Option<&str>,
    ) {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new()), Placement::Packed);
        archive.entry("m/data.pkl", b"}.").unwrap();
        archive.entry("m/version", version).unwrap();
        let file = archive.finish().unwrap();
        let found = Entries::of(&mut open(file).unwrap()).map(drop).map_err(|error| error.kind);
        let refusal = refusal.map(|what| Kind::Unsupported(what.to_owned()));
        assert_eq!(found, refusal.map_or(Ok(()), Err));
    }

    #[test]
    fn a_file_without_a_version_is_refused_as_torch_does() {
        let kind = entries(&["m/data.pkl"]).err().unwrap().kind;
        assert_eq!(kind, Kind::MissingEntry("m/version".to_owned()));
    }

    #[test]
    fn an_archive_behind_other_bytes_and_a_file_without_archive_are_different_errors() {
        let open = |bytes: Vec<u8>| open(Cursor::new(bytes)).map(drop).map_err(|error| error.kind);
        assert_eq!(open(file_of(&["m/data.pkl"])), Ok(()));
        assert_eq!(open(file_of(&[])), Err(Kind::PickleBeforeArchive));
        assert!(matches!(open(b"PK".to_vec()), Err(Kind::Zip(_))));
        for bytes in [&b"}."[..], b""] {
            assert!(matches!(open(bytes.to_vec()), Err(Kind::NotAnArchive(_))));
        }
    }
}
