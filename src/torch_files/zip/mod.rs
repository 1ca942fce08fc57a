//! Zip archives, read strictly and written reproducibly.
//!
//! Reading order: `records`, `central_directory` (the list of entries, parsed before the `zip` crate sees the file), `coverage`
//! (every byte belongs to an entry or a record), `not_whole` (what is said of a file that is not one archive), `as_listed` (the file with the checksums of its directory), `case_twins` (names that differ only in case), `entry` (one record of the
//! list), [`Archive`] (all of these checks, and the bytes of an entry), [`FileReader`] (a file on disk), `writer` with `until_failure` (what it writes to). For large
//! archives: `single_pass` reads nested checksums in one pass, and `sparse_reader` is a file of which only some ranges were
//! kept.
//!
//! Invariants: all readers of an accepted archive see the same entries; the CRC-32 of an entry is verified when all of
//! it is read, by its caller if that reads what torch reads; the memory for an entry follows the bytes that were decompressed, never the announced size.

mod archive;
mod as_listed;
pub(crate) mod case_twins;
pub(crate) mod central_directory;
pub(crate) mod coverage;
mod entry;
mod file_reader;
mod not_whole;
pub(crate) mod records;
pub(crate) mod single_pass;
pub(crate) mod sparse_reader;
mod until_failure;
pub(crate) mod writer;

pub use archive::Archive;
pub use entry::Entry;
pub use file_reader::FileReader;
pub use writer::rewrite_archive;
