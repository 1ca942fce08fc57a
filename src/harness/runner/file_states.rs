//! The files and empty directories below a directory at one moment, and what changed since an earlier one.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    fs_util::{Tree, retried},
    value::{Digest, digest::digest_of},
};

/// How far the clock of a file system may lag behind.
const CLOCK_LAG: Duration = Duration::from_millis(50);

/// The longest file whose bytes are kept.
const MAX_SHORT_BYTES: u64 = 256 << 10;

/// The longest file that is read after a step, in bytes: 1 GiB takes about a second. Of a longer one, only the length and
/// the times are compared.
pub(super) const MAX_READ_BYTES: u64 = 1 << 30;

/// The files of a directory, by relative path.
#[derive(Clone, Debug, Default)]
pub(super) struct FileStates(BTreeMap<String, FileState>);

/// One file.
#[derive(Clone, Debug)]
struct FileState {
    contents: Contents,
    stamp: Stamp,
    /// When it was first found with this stamp, and when it was read.
    found: Instant,
    read: Instant,
}

/// What is compared. Times and permissions are not.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Contents {
    /// A short file: comparing its bytes costs less than a digest of them.
    Short(Arc<[u8]>),
    Long(u64, Digest),
    Endless(Stamp),
    Link(PathBuf),
    /// A directory without anything in it.
    Empty,
    /// A pipe, a socket or a device, which is not opened; or a file that cannot be read.
    Opaque,
}

/// What changes with every write to a file, in the resolution of the file system's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileChange {
    Written,
    Changed,
    Removed,
}

impl fmt::Display for FileChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Written => "written",
            Self::Changed => "changed",
            Self::Removed => "removed",
        })
    }
}

impl Contents {
    fn of(path: &Path, stamp: Stamp) -> io::Result<Self> {
        let length = stamp.length;
        if length > MAX_READ_BYTES {
            return Ok(Self::Endless(stamp));
        }
        if length <= MAX_SHORT_BYTES {
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
            retried(|| fs::File::open(path))?.take(MAX_SHORT_BYTES).read_to_end(&mut bytes)?;
            return Ok(Self::Short(bytes.into()));
        }
        let (length, digest) = digest_of(retried(|| fs::File::open(path))?.take(MAX_READ_BYTES))?;
        Ok(Self::Long(length, digest))
    }
}

impl FileStates {
    /// The files now. Those that cannot have changed since they were read for `earlier` are not read again.
    pub(super) fn of(directory: &Path, earlier: &Self) -> Self {
        let Tree { files, empty, unlisted } = Tree::below(directory);
        let states = files.into_iter().filter_map(|path| {
            let state = FileState::of(&directory.join(&path), earlier.0.get(&path)).ok()?;
            Some((path, state))
        });
        // What is in a directory that cannot be listed is not known, so it counts as something that was not there before.
        let unlisted = unlisted.into_iter().map(|path| {
            let state =
                earlier.0.get(&path).cloned().unwrap_or_else(|| FileState::without_stamp(Contents::Opaque));
            (path, state)
        });
        let empty = empty.into_iter().map(|path| (path, FileState::without_stamp(Contents::Empty)));
        Self(states.chain(unlisted).chain(empty).collect())
    }

    /// The files that are not as they were earlier, in the order of their paths.
    pub(super) fn changes_since<'a>(&'a self, earlier: &'a Self) -> Vec<(&'a str, FileChange)> {
        let now = self.0.iter().filter_map(|(path, state)| match earlier.0.get(path) {
            None => Some((path.as_str(), FileChange::Written)),
            Some(before) if before.contents != state.contents => Some((path.as_str(), FileChange::Changed)),
            Some(_) => None,
        });
        // An empty directory that is none any more has something in it, or was not worth keeping.
        let gone = earlier
            .0
            .iter()
            .filter(|(path, before)| !self.0.contains_key(*path) && before.contents != Contents::Empty);
        let mut all: Vec<_> = now.chain(gone.map(|(path, _)| (path.as_str(), FileChange::Removed))).collect();
        all.sort_unstable_by_key(|(path, _)| *path);
        all
    }

    /// The same without empty directories.
    pub(super) fn of_files_only(mut self) -> Self {
        self.0.retain(|_, state| state.contents != Contents::Empty);
        self
    }

    /// Whether this is the path of an empty directory.
    pub(super) fn is_empty_directory(&self, path: &str) -> bool {
        self.0.get(path).is_some_and(|state| state.contents == Contents::Empty)
    }

    /// Whether there is a file at this path.
    pub(super) fn contains(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }
}

impl FileState {
    /// A directory that is empty or cannot be listed.
    fn without_stamp(contents: Contents) -> Self {
        let stamp = Stamp { inode: 0, length: 0, modified: (0, 0), changed: (0, 0) };
        let now = Instant::now();
        Self { contents, stamp, found: now, read: now }
    }

    /// Reads a file, unless `earlier` is known to be its state: it was read with this stamp so long after it was found
    /// with it that any write since then would have changed the stamp.
    fn of(path: &Path, earlier: Option<&Self>) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        let stamp = Stamp {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        let same = earlier.filter(|earlier| earlier.stamp == stamp);
        if let Some(known) = same.filter(|same| same.read.duration_since(same.found) > CLOCK_LAG) {
            return Ok(known.clone());
        }
        let read = Instant::now();
        let kind = metadata.file_type();
        let contents = if kind.is_file() {
            Contents::of(path, stamp).unwrap_or(Contents::Opaque)
        } else if kind.is_symlink() {
            Contents::Link(fs::read_link(path)?)
        } else {
            Contents::Opaque
        };
        Ok(Self { contents, stamp, found: same.map_or(read, |same| same.found), read })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::thread;

    use rstest::rstest;

    use super::*;

    fn of(place: &Path) -> FileStates {
        FileStates::of(place, &FileStates::default())
    }

    #[test]
    fn what_happened_to_each_file_is_found() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("in")).unwrap();
        for name in ["same", "touched", "changed", "in/gone"] {
            fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink(at("same"), at("link")).unwrap();
        let earlier = of(place.path());
        fs::write(at("touched"), "touched").unwrap();
        fs::write(at("changed"), "CHANGED").unwrap();
        fs::remove_file(at("in/gone")).unwrap();
        fs::write(at("in/new"), "").unwrap();
        fs::remove_file(at("link")).unwrap();
        std::os::unix::fs::symlink(at("touched"), at("link")).unwrap();
        let now = FileStates::of(place.path(), &earlier);
        let expected = [
            ("changed", FileChange::Changed),
            ("in/gone", FileChange::Removed),
            ("in/new", FileChange::Written),
            ("link", FileChange::Changed),
        ];
        assert_eq!(now.changes_since(&earlier), expected);
        assert!(now.contains("in/new") && !now.contains("in/gone"));
    }

    #[test]
    fn a_new_empty_directory_is_found_and_what_is_put_into_one_is_a_file() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("old")).unwrap();
        let earlier = of(place.path());
        fs::create_dir_all(place.path().join("new/inner")).unwrap();
        fs::write(place.path().join("old/file"), "").unwrap();
        let now = FileStates::of(place.path(), &earlier);
        let expected = [("new/inner/", FileChange::Written), ("old/file", FileChange::Written)];
        assert_eq!(now.changes_since(&earlier), expected);
        assert!(now.is_empty_directory("new/inner/") && !now.is_empty_directory("old/file"));
        let files = now.clone().of_files_only();
        assert_eq!(files.changes_since(&earlier.of_files_only()), [("old/file", FileChange::Written)]);
        assert_eq!(FileStates::of(place.path(), &now).changes_since(&now), []);
    }

    #[test]
    fn a_directory_that_cannot_be_listed_hides_nothing() {
        use nix::{
            fcntl::{OFlag, openat},
            sys::stat::{Mode, mkdirat},
            unistd::{UnlinkatFlags, unlinkat},
        };
        let place = tempfile::tempdir().unwrap();
        let earlier = of(place.path());
        // Deeper than a path can be.
        let name = "d".repeat(200);
        let mut levels = vec![std::os::fd::OwnedFd::from(fs::File::open(place.path()).unwrap())];
        for _ in 0..25 {
            let last = levels.last().unwrap();
            mkdirat(last, name.as_str(), Mode::S_IRWXU).unwrap();
            levels.push(openat(last, name.as_str(), OFlag::O_DIRECTORY, Mode::empty()).unwrap());
        }
        fs::write(place.path().join("plain"), "").unwrap();
        let now = FileStates::of(place.path(), &earlier);
        let changes = now.changes_since(&earlier);
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert!(changes[0].0.starts_with("ddd") && changes[0].0.ends_with("d/"), "{changes:?}");
        assert_eq!(changes[1], ("plain", FileChange::Written));
        // It is noticed once.
        assert_eq!(FileStates::of(place.path(), &now).changes_since(&now), []);
        for last in levels.iter().rev().skip(1) {
            unlinkat(last, name.as_str(), UnlinkatFlags::RemoveDir).unwrap();
        }
    }

    #[rstest]
    #[case::short(1)]
    #[case::long(usize::try_from(MAX_SHORT_BYTES).unwrap() + 1)]
    fn a_write_of_the_same_length_at_once_is_found(#[case] length: usize) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        fs::write(&path, "0".repeat(length)).unwrap();
        let mut earlier = of(place.path());
        for round in 1..20 {
            fs::write(&path, format!("{}", round % 10).repeat(length)).unwrap();
            let now = FileStates::of(place.path(), &earlier);
            assert_eq!(now.changes_since(&earlier), [("a", FileChange::Changed)]);
            earlier = now;
        }
    }

    #[test]
    fn a_file_without_an_end_is_not_read_and_a_change_of_it_is_found() {
        let place = tempfile::tempdir().unwrap();
        let file = fs::File::create(place.path().join("a")).unwrap();
        file.set_len(8 << 40).unwrap();
        let earlier = of(place.path());
        assert!(FileStates::of(place.path(), &earlier).changes_since(&earlier).is_empty());
        file.set_len(9 << 40).unwrap();
        let now = FileStates::of(place.path(), &earlier);
        assert_eq!(now.changes_since(&earlier), [("a", FileChange::Changed)]);
    }

    #[test]
    fn a_file_that_has_not_changed_for_a_while_is_not_read_again() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        fs::write(&path, "0").unwrap();
        let first = of(place.path());
        thread::sleep(CLOCK_LAG * 2);
        let second = FileStates::of(place.path(), &first);
        assert!(second.0["a"].read > first.0["a"].read);
        let third = FileStates::of(place.path(), &second);
        assert_eq!(third.0["a"].read, second.0["a"].read);
        fs::write(&path, "1").unwrap();
        let fourth = FileStates::of(place.path(), &third);
        assert_eq!(fourth.changes_since(&third), [("a", FileChange::Changed)]);
    }
}
