//! The files that an adapter is started from, with their digests.

use std::path::{Path, PathBuf};

use crate::{
    harness::{adapter::client::Launch, record::FileDigest},
    value::digest::digest_of,
};

/// The most files of a command line that are recorded.
const MAX_FILES: usize = 16;

/// The longest file that is hashed: 256 MiB.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The program of a command line, and the files that its arguments name, such as the script of an interpreter. Words
/// that are not readable files are skipped: most arguments are not files.
pub(super) fn started_files(launch: &Launch) -> Vec<FileDigest> {
    let directory = launch.directory.as_deref().unwrap_or(Path::new("."));
    let paths = launch.command.iter().enumerate().filter_map(|(index, word)| {
        let is_searched = index == 0 && !word.contains('/');
        if is_searched { in_search_path(word) } else { Some(directory.join(word)) }
    });
    paths.filter_map(|path| file_digest(&path)).take(MAX_FILES).collect()
}

fn in_search_path(program: &str) -> Option<PathBuf> {
    let directories = std::env::var_os("PATH")?;
    std::env::split_paths(&directories).map(|directory| directory.join(program)).find(|path| path.is_file())
}

fn file_digest(path: &Path) -> Option<FileDigest> {
    // Only a regular file: reading a pipe would block.
    let metadata = path.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE_BYTES {
        return None;
    }
    let (_, digest) = digest_of(std::fs::File::open(path).ok()?).ok()?;
    let name = path.file_name()?.to_string_lossy().into_owned();
    Some(FileDigest { name, sha256: digest.to_string() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::value::Digest;

    #[test]
    fn the_program_and_the_files_of_its_arguments_are_recorded() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("adapter.py"), "print()").unwrap();
        let words = ["sh", "adapter.py", "--flag", "missing.py", "."].map(str::to_owned);
        let launch = Launch { directory: Some(place.path().to_owned()), ..Launch::command(words.to_vec()) };
        let files = started_files(&launch);
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["sh", "adapter.py"]);
        assert_eq!(files[1].sha256, Digest::of(b"print()").to_string());
    }
}
