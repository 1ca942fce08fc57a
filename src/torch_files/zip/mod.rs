//! Zip archives.

mod archive;
pub(crate) mod case_twins;
pub(crate) mod central_directory;
pub(crate) mod coverage;
pub(crate) mod single_pass;
pub(crate) mod sparse_reader;
pub(crate) mod writer;

pub use archive::{Archive, Entry};
pub use writer::rewrite_archive;
