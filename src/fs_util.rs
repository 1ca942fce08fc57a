//! What several parts of the crate do with files. It depends on nothing else of the crate.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// The files below a directory, by their paths from there with `/`, in no order; none when there is no such
/// directory. Links are not followed.
pub(crate) fn files_below(directory: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    walk(directory, "", &mut found)?;
    Ok(found)
}

fn walk(directory: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// A temporary file in the directory of a path, to be written and then renamed to it, so that a reader sees all of
/// it or nothing. Whoever may read any new file there may read it; it is gone unless it is renamed.
pub(crate) fn sibling(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::Builder::new();
    file.prefix(".bundleproof-");
    #[cfg(unix)]
    file.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    file.tempfile_in(folder.map_or_else(|| PathBuf::from("."), Path::to_owned))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn files_are_listed_at_every_depth_and_links_are_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        assert_eq!(files_below(&at("nowhere")).unwrap(), [""; 0]);
        fs::create_dir_all(at("a/b")).unwrap();
        fs::write(at("a/b/c"), "").unwrap();
        fs::write(at("d"), "").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(place.path(), at("e")).unwrap();
        let mut found = files_below(place.path()).unwrap();
        found.sort();
        let expected = if cfg!(unix) { &["a/b/c", "d", "e"][..] } else { &["a/b/c", "d"] };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_sibling_takes_the_place_of_a_path_or_is_gone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("kept");
        fs::write(&path, "old").unwrap();
        drop(sibling(&path).unwrap());
        assert_eq!(files_below(place.path()).unwrap(), ["kept"]);
        let file = sibling(&path).unwrap();
        fs::write(file.path(), "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        file.persist(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(files_below(place.path()).unwrap(), ["kept"]);
    }
}
