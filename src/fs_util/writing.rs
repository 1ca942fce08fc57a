//! Files that are written below a directory by its descriptor.

use std::{
    fs::File,
    io::{self, Write as _},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::{Mode, mkdirat},
};

use super::{real_directory::open_directory_in, removal::remove_at, retried};

/// Writes a file below a directory, and makes the directories on the way. Whatever has the name of one of them is removed
/// first: nothing is written through a link or into a pipe.
pub(crate) fn write_below(directory: &File, path: &str, bytes: &[u8]) -> io::Result<File> {
    let (folders, name) = path.rsplit_once('/').map_or((None, path), |(folders, name)| (Some(folders), name));
    let mut above = OwnedFd::from(directory.try_clone()?);
    for folder in folders.into_iter().flat_map(|folders| folders.split('/')).filter(|part| !part.is_empty()) {
        above = open_or_create(above.as_fd(), folder)?;
    }
    remove_at(above.as_fd(), name)?;
    // Fails if something has the name again.
    let new = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut file = File::from(retried(|| Ok(openat(&above, name, new, Mode::from_bits_truncate(0o666))?))?);
    file.write_all(bytes)?;
    Ok(file)
}

fn open_or_create(above: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
    match open_directory_in(above, name) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => {}
        Err(error) if is_not_a_directory(&error) => remove_at(above, name)?,
        opened => return opened,
    }
    retried(|| Ok(mkdirat(above, name, Mode::from_bits_truncate(0o777))?))?;
    open_directory_in(above, name)
}

fn is_not_a_directory(error: &io::Error) -> bool {
    let codes = [Errno::ENOTDIR, Errno::ELOOP];
    error.raw_os_error().is_some_and(|code| codes.contains(&Errno::from_raw(code)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::fs_util::open_directory;

    #[test]
    fn a_file_is_written_where_the_directory_is_now() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("own")).unwrap();
        let own = open_directory(&at("own")).unwrap();
        fs::rename(at("own"), at("moved")).unwrap();
        write_below(&own, "a/b/file", b"1").unwrap();
        assert_eq!(fs::read(at("moved/a/b/file")).unwrap(), b"1");
    }

    #[test]
    fn nothing_is_written_through_a_link_on_the_way() {
        let (place, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let own = open_directory(place.path()).unwrap();
        for path in ["link/file", "in/link/file", "file"] {
            let link = place.path().join(path.strip_suffix("/file").unwrap_or(path));
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(theirs.path(), &link).unwrap();
            write_below(&own, path, b"ours").unwrap();
            assert_eq!(fs::read(place.path().join(path)).unwrap(), b"ours", "{path}");
        }
        assert_eq!(fs::read_dir(theirs.path()).unwrap().count(), 0);
    }
}
