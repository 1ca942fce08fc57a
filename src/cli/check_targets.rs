//! The files that the arguments of `check` stand for: themselves, those below a directory, and those that match a glob.

use std::{
    fs,
    path::{Path, PathBuf},
};

use globset::{GlobBuilder, GlobMatcher};
use serde::Serialize;

use crate::bundle::{
    check::{FileKind, is_unpacked, is_unpacked_torch},
    nouns::ARCHIVE_NAME,
};

/// Levels of directories below an argument that are searched.
const MAX_LEVELS: usize = 16;

/// Files and directories below an argument that are looked at.
const MAX_SEEN: usize = 100_000;

/// Files that an argument may stand for.
const MAX_FOUND: usize = 10_000;

/// The characters that make an argument a glob.
const GLOB: [char; 4] = ['*', '?', '[', '{'];

/// A file to check.
pub(super) struct Target {
    pub(super) file: PathBuf,
    /// Whether an argument names it; others were found.
    pub(super) is_named: bool,
}

/// What the arguments stand for.
pub(super) struct Targets {
    /// The files in order; with an error, an argument that stands for none, or for too many.
    pub(super) files: Vec<Result<Target, (PathBuf, String)>>,
    pub(super) unchecked: Unchecked,
}

/// What is in the directories that were searched and is not checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Unchecked {
    /// Files that no loader of models takes, links and special files.
    pub(super) files: usize,
    /// Hidden directories, links to directories, and those that are too deep.
    pub(super) directories: usize,
}

/// What these arguments stand for.
pub(super) fn targets(arguments: &[PathBuf]) -> Targets {
    let mut all = Targets { files: Vec::new(), unchecked: Unchecked::default() };
    for argument in arguments {
        match files_of(argument, &mut all.unchecked) {
            Ok(files) => all.files.extend(files.into_iter().map(|file| {
                let is_named = file == *argument;
                Ok(Target { file, is_named })
            })),
            Err(error) => {
                all.files.push(Err((argument.clone(), format!("{}: {error}", argument.display()))));
            }
        }
    }
    all
}

fn files_of(argument: &Path, unchecked: &mut Unchecked) -> Result<Vec<PathBuf>, String> {
    if argument.is_dir() {
        return files_in(argument, unchecked);
    }
    let text = argument.to_string_lossy();
    if argument.exists() || !text.contains(GLOB) {
        return Ok(vec![argument.to_owned()]);
    }
    let glob = GlobBuilder::new(&text).literal_separator(true).build();
    let glob = glob.map_err(|error| format!("invalid glob: {}", error.kind()))?.compile_matcher();
    let mut matching = Vec::new();
    // What a glob does not match was not asked for.
    search(&beginning(argument), &mut |path, _| {
        let is_match = matches(&glob, path);
        matching.extend(is_match.then(|| path.to_owned()));
        !is_match
    })?;
    let mut files = Vec::new();
    for path in matching {
        files.extend(if path.is_dir() { files_in(&path, unchecked)? } else { vec![path] });
    }
    if files.is_empty() { Err("the glob matches no file".to_owned()) } else { within_limit(files) }
}

/// A directory with a bundle, or the files below it that a loader of models could take.
fn files_in(directory: &Path, unchecked: &mut Unchecked) -> Result<Vec<PathBuf>, String> {
    let bundle = directory.join(ARCHIVE_NAME);
    if bundle.exists() {
        // The directory stands for the bundle in it, whatever other files of tensors are next to it.
        search(directory, &mut |path, is_directory| {
            unchecked.files += usize::from(!is_directory && path != bundle && FileKind::is_loadable(path));
            false
        })?;
        return Ok(vec![directory.to_owned()]);
    }
    if is_content(directory) {
        return Ok(vec![directory.to_owned()]);
    }
    let mut files = Vec::new();
    let mut other_files = 0;
    let skipped = search(directory, &mut |path, is_directory| {
        let is_found = if is_directory { is_content(path) } else { FileKind::is_loadable(path) };
        files.extend(is_found.then(|| path.to_owned()));
        other_files += usize::from(!is_directory && !is_found);
        !(is_directory && is_found)
    })?;
    unchecked.files += skipped.files + other_files;
    unchecked.directories += skipped.directories;
    if files.is_empty() {
        return Err("found no bundle and no file of tensors in this directory".to_owned());
    }
    within_limit(files)
}

/// Whether a directory is the content of a bundle or of a file of torch.
fn is_content(directory: &Path) -> bool {
    is_unpacked(directory) || is_unpacked_torch(directory)
}

fn within_limit(files: Vec<PathBuf>) -> Result<Vec<PathBuf>, String> {
    if files.len() > MAX_FOUND {
        return Err(format!("stands for {} files, more than {MAX_FOUND}; name fewer", files.len()));
    }
    Ok(files)
}

/// The part of a glob before its first component with a special character.
fn beginning(glob: &Path) -> PathBuf {
    let plain = glob.components().take_while(|part| !part.as_os_str().to_string_lossy().contains(GLOB));
    let beginning: PathBuf = plain.collect();
    if beginning.as_os_str().is_empty() { PathBuf::from(".") } else { beginning }
}

fn matches(glob: &GlobMatcher, path: &Path) -> bool {
    glob.is_match(path) || path.strip_prefix(".").is_ok_and(|path| glob.is_match(path))
}

/// Visits everything below a directory in the order of names, with whether it is a directory. Links are not followed, and
/// hidden directories are passed over. Of a directory for which `visit` returns false, nothing is visited. Returns what was
/// not visited otherwise.
fn search(directory: &Path, visit: &mut dyn FnMut(&Path, bool) -> bool) -> Result<Unchecked, String> {
    let mut seen = 0;
    let mut skipped = Unchecked::default();
    let mut open = vec![(directory.to_owned(), 0)];
    while let Some((directory, level)) = open.pop() {
        let entries = fs::read_dir(&directory)
            .and_then(|entries| entries.take(MAX_SEEN + 1 - seen).collect::<Result<Vec<_>, _>>())
            .map_err(|error| format!("cannot list {}: {error}", directory.display()))?;
        seen += entries.len();
        if seen > MAX_SEEN {
            return Err(format!("more than {MAX_SEEN} files and directories are below it; name fewer"));
        }
        let mut below = Vec::new();
        let mut paths: Vec<_> = entries.iter().map(|entry| (entry.path(), entry.file_type())).collect();
        paths.sort_by(|(left, _), (right, _)| left.cmp(right));
        for (path, kind) in paths {
            let kind = kind.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if kind.is_file() {
                visit(&path, false);
            } else if !kind.is_dir() {
                // A link or a special file.
                *(if path.is_dir() { &mut skipped.directories } else { &mut skipped.files }) += 1;
            } else if is_hidden {
                skipped.directories += 1;
            } else if visit(&path, true) {
                if level + 1 < MAX_LEVELS {
                    below.push((path, level + 1));
                } else {
                    skipped.directories += 1;
                }
            }
        }
        // The last one is taken first.
        open.extend(below.into_iter().rev());
    }
    Ok(skipped)
}
