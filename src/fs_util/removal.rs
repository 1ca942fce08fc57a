//! Removes what an implementation has left. Links are not followed, also where one appears meanwhile, and neither are
//! mounts.

use std::{
    fs::File,
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::Path,
};

use nix::{
    NixPath,
    dir::{Dir, Entry, Type},
    errno::Errno,
    fcntl::{AtFlags, OFlag, renameat},
    sys::stat::{FchmodatFlags, Mode, SFlag, fchmod, fchmodat, fstatat},
    unistd::{UnlinkatFlags, unlinkat},
};

use super::{SIBLING_PREFIX, parent, real_directory::open_directory_in, retried};

/// Removes a file, a link or a directory with all that is below it, if it exists. Neither links nor mounts are followed.
///
/// A directory can be of any depth: what is below it is moved up and removed there, so that neither paths nor the stack
/// grow with it. What was made read-only is made writable first.
pub(crate) fn remove_all(path: &Path) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    match File::open(parent(path)) {
        Ok(above) => remove_at(above.as_fd(), name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The same for what has this name in a directory.
pub(crate) fn remove_at<P: ?Sized + NixPath>(above: BorrowedFd<'_>, name: &P) -> io::Result<()> {
    let removed = retried(|| match kind(above, name, None)? {
        Kind::Directory => remove_directory(above, name),
        Kind::Other => Ok(unlinkat(above, name, UnlinkatFlags::NoRemoveDir)?),
    });
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Removes one file below a directory, without following a link on the way.
///
/// # Errors
/// When there is no such file, or a directory has its name.
pub(crate) fn remove_file_below(directory: &File, path: &str) -> io::Result<()> {
    let (folders, name) = path.rsplit_once('/').map_or((None, path), |(folders, name)| (Some(folders), name));
    let mut above = OwnedFd::from(directory.try_clone()?);
    for folder in folders.into_iter().flat_map(|folders| folders.split('/')) {
        above = open_directory_in(above.as_fd(), folder)?;
    }
    Ok(unlinkat(&above, name, UnlinkatFlags::NoRemoveDir)?)
}

/// How often in a row a directory may list entries of which none can be found.
const MAX_ROUNDS_IN_VAIN: u32 = 1000;

#[derive(Clone, Copy)]
enum Kind {
    Directory,
    Other,
}

fn remove_directory<P: ?Sized + NixPath>(above: BorrowedFd<'_>, name: &P) -> io::Result<()> {
    let root = open_writable(above, name)?;
    let mut moved = 0_u64;
    let mut rounds_in_vain = 0;
    // What is moved up may or may not be listed in the same round.
    loop {
        let (mut is_empty, mut is_in_vain) = (true, true);
        for entry in entries(&root)? {
            let entry = entry?;
            is_empty = false;
            let removed = match kind(root.as_fd(), entry.file_name(), entry.file_type()) {
                Ok(Kind::Directory) => flatten(&root, &entry, &mut moved),
                Ok(Kind::Other) => {
                    unlinkat(&root, entry.file_name(), UnlinkatFlags::NoRemoveDir).map_err(io::Error::from)
                }
                Err(error) => Err(error),
            };
            match removed {
                Ok(()) => is_in_vain = false,
                // Something else removes the same directory. That says nothing about the rest of it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        if is_empty {
            return Ok(unlinkat(above, name, UnlinkatFlags::RemoveDir)?);
        }
        rounds_in_vain = if is_in_vain { rounds_in_vain + 1 } else { 0 };
        if rounds_in_vain > MAX_ROUNDS_IN_VAIN {
            return Err(io::Error::other("what is listed in the directory cannot be found"));
        }
    }
}

/// Removes a directory of this one; the directories that are in it are moved up.
fn flatten(root: &OwnedFd, entry: &Entry, moved: &mut u64) -> io::Result<()> {
    let directory = open_writable(root.as_fd(), entry.file_name())?;
    for entry in entries(&directory)? {
        let entry = entry?;
        match kind(directory.as_fd(), entry.file_name(), entry.file_type())? {
            Kind::Other => unlinkat(&directory, entry.file_name(), UnlinkatFlags::NoRemoveDir)?,
            Kind::Directory => {
                // Moving a directory changes an entry in it.
                drop(open_writable(directory.as_fd(), entry.file_name())?);
                renameat(&directory, entry.file_name(), root, free_name(root, moved)?.as_str())?;
            }
        }
    }
    Ok(unlinkat(root, entry.file_name(), UnlinkatFlags::RemoveDir)?)
}

/// A name that nothing in the directory has.
fn free_name(root: &OwnedFd, moved: &mut u64) -> io::Result<String> {
    loop {
        let name = format!("{SIBLING_PREFIX}{moved}");
        *moved += 1;
        match fstatat(root, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => {}
            Err(Errno::ENOENT) => return Ok(name),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The entries of a directory, except for itself and the one above it.
fn entries(directory: &OwnedFd) -> io::Result<impl Iterator<Item = io::Result<Entry>>> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let listed = retried(|| Ok(Dir::openat(directory, ".", flags, Mode::empty())?))?;
    let is_inside = |entry: &nix::Result<Entry>| {
        !entry.as_ref().is_ok_and(|entry| [c".", c".."].contains(&entry.file_name()))
    };
    Ok(listed.into_iter().filter(is_inside).map(|entry| Ok(entry?)))
}

/// Whether a name is that of a directory; `listed` is what the directory above says, which some file systems do not.
fn kind<P: ?Sized + NixPath>(above: BorrowedFd<'_>, name: &P, listed: Option<Type>) -> io::Result<Kind> {
    let is_directory = match listed {
        Some(listed) => listed == Type::Directory,
        None => {
            let mode = fstatat(above, name, AtFlags::AT_SYMLINK_NOFOLLOW)?.st_mode;
            SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFDIR
        }
    };
    Ok(if is_directory { Kind::Directory } else { Kind::Other })
}

/// Opens a directory of which the entries can be listed and changed, as far as that is possible.
fn open_writable<P: ?Sized + NixPath>(above: BorrowedFd<'_>, name: &P) -> io::Result<OwnedFd> {
    let opened = match open_directory_in(above, name) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fchmodat(above, name, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)?;
            open_directory_in(above, name)?
        }
        opened => opened?,
    };
    _ = fchmod(&opened, Mode::S_IRWXU);
    Ok(opened)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;
    use crate::fs_util::files_below;

    #[test]
    fn a_directory_of_any_depth_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        fs::create_dir(&root).unwrap();
        // Built from the inside: a path to its end would be too long.
        let (inner, outer) = (place.path().join("inner"), place.path().join("outer"));
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("file"), "").unwrap();
        for _ in 0..5_000 {
            fs::create_dir(&outer).unwrap();
            fs::rename(&inner, outer.join("a")).unwrap();
            fs::rename(&outer, &inner).unwrap();
        }
        fs::rename(&inner, root.join("a")).unwrap();
        fs::write(root.join("kept-out"), "").unwrap();
        remove_all(&root).unwrap();
        assert!(!root.exists());
        remove_all(&root).unwrap();
    }

    /// As a check that has not returned in time removes its directory, and the run all directories.
    #[test]
    fn two_that_remove_the_same_leave_nothing() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        for _ in 0..20 {
            for directory in 0..8 {
                let directory = root.join(format!("{directory}/in"));
                fs::create_dir_all(&directory).unwrap();
                (0..100).for_each(|file| fs::write(directory.join(file.to_string()), "").unwrap());
            }
            std::thread::scope(|scope| {
                (0..8).for_each(|directory| {
                    let directory = root.join(directory.to_string());
                    scope.spawn(move || _ = remove_all(&directory));
                });
                remove_all(&root).unwrap();
                assert!(!root.exists());
            });
        }
    }

    #[test]
    fn a_link_is_removed_and_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let (theirs, root) = (place.path().join("theirs"), place.path().join("root"));
        fs::create_dir_all(root.join("in")).unwrap();
        fs::create_dir(&theirs).unwrap();
        fs::write(theirs.join("file"), "").unwrap();
        for link in ["link", "in/link"] {
            std::os::unix::fs::symlink(&theirs, root.join(link)).unwrap();
        }
        remove_all(&root).unwrap();
        assert_eq!(files_below(place.path()).unwrap(), ["theirs/file"]);
    }
}
