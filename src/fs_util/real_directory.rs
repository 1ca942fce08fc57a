//! Directories by descriptor. What an implementation moves away, or puts in the place of a directory, is never followed.

use std::{
    fs::{File, Metadata, OpenOptions, Permissions, read_link},
    io,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use nix::{
    NixPath,
    errno::Errno,
    fcntl::{OFlag, openat},
    sys::stat::{Mode, fstat, mkdirat},
};

use super::retried;

/// How a directory is opened: neither a link nor a pipe, nor anything else that is not one.
const DIRECTORY: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Opens a directory. A link in its place is an error; those above it are followed.
pub(crate) fn open_directory(path: &Path) -> io::Result<File> {
    retried(|| OpenOptions::new().read(true).custom_flags(DIRECTORY.bits()).open(path))
}

/// Whether the path leads to this directory, and not to another one that has taken its place.
pub(crate) fn is_at(directory: &File, path: &Path) -> bool {
    is_same(directory, path.symlink_metadata())
}

/// Whether something is this directory.
pub(crate) fn is_same(directory: &File, found: io::Result<Metadata>) -> bool {
    let own = directory.metadata().map(|own| (own.dev(), own.ino()));
    let here = found.map(|here| (here.dev(), here.ino()));
    own.is_ok_and(|own| here.is_ok_and(|here| own == here))
}

/// Where this directory is now; None where the system does not say so, and for one that was removed.
pub(crate) fn path_now(directory: &File) -> Option<PathBuf> {
    let path = read_link(format!("/proc/self/fd/{}", directory.as_raw_fd())).ok()?;
    is_at(directory, &path).then_some(path)
}

/// Makes sure that the owner of this directory can list, enter and change it, whatever its mode was.
pub(crate) fn open_for_owner(directory: &File) -> io::Result<()> {
    let mode = directory.metadata()?.permissions().mode();
    if mode & 0o700 == 0o700 {
        return Ok(());
    }
    directory.set_permissions(Permissions::from_mode(mode | 0o700))
}

/// Creates a directory in another one, and opens it.
pub(crate) fn create_directory_in(above: &File, name: &str) -> io::Result<File> {
    retried(|| Ok(mkdirat(above, name, Mode::from_bits_truncate(0o777))?))?;
    Ok(File::from(open_directory_in(above.as_fd(), name)?))
}

/// Opens a directory in another one. A link in its place is an error, and so is another file system.
pub(super) fn open_directory_in<P: ?Sized + NixPath>(above: BorrowedFd<'_>, name: &P) -> io::Result<OwnedFd> {
    retried(|| match open_on_same_mount(above, name) {
        Err(Errno::EXDEV) => Err(mounted()),
        opened => Ok(opened?),
    })
}

/// A mount of a directory of the same file system is noticed by Linux alone.
#[cfg(target_os = "linux")]
fn open_on_same_mount<P: ?Sized + NixPath>(above: BorrowedFd<'_>, name: &P) -> nix::Result<OwnedFd> {
    use nix::fcntl::{OpenHow, ResolveFlag, openat2};
    let same = ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH;
    match openat2(above, name, OpenHow::new().flags(DIRECTORY).resolve(same)) {
        // Before Linux 5.6, and in containers that do not know the call.
        Err(Errno::ENOSYS | Errno::EPERM) => open_on_same_device(above, name),
        opened => opened,
    }
}

#[cfg(not(target_os = "linux"))]
use open_on_same_device as open_on_same_mount;

fn open_on_same_device<P: ?Sized + NixPath>(above: BorrowedFd<'_>, name: &P) -> nix::Result<OwnedFd> {
    let opened = openat(above, name, DIRECTORY, Mode::empty())?;
    if fstat(&opened)?.st_dev == fstat(above)?.st_dev { Ok(opened) } else { Err(Errno::EXDEV) }
}

fn mounted() -> io::Error {
    io::Error::new(io::ErrorKind::CrossesDevices, "a file system is mounted there; unmount it first")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn a_directory_and_what_has_taken_its_place_are_distinguished() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let above = open_directory(place.path()).unwrap();
        let own = create_directory_in(&above, "own").unwrap();
        assert!(is_at(&own, &at("own")));
        fs::rename(at("own"), at("moved")).unwrap();
        assert!(!is_at(&own, &at("own")) && is_at(&own, &at("moved")));
        symlink(at("moved"), at("own")).unwrap();
        assert!(!is_at(&own, &at("own")));
        assert!(open_directory(&at("own")).is_err() && create_directory_in(&above, "own").is_err());
    }
}
