//! The files that the arguments of `check` stand for: themselves, those below a directory, and those that match a glob.

use std::{
    collections::BTreeSet,
    fs, io,
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

/// Links that are named; more are only counted.
const MAX_LINKS: usize = 50;

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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Unchecked {
    /// Files that no loader of models takes, broken links and special files.
    pub(super) files: usize,
    /// Hidden directories, links to directories, and those that are too deep.
    pub(super) directories: usize,
    /// The first 50 links that lead to no file; absent if all do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) links: Vec<UncheckedLink>,
}

/// A link that leads to no file. It is one of the files or directories that were counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct UncheckedLink {
    /// Its path.
    pub(super) link: String,
    /// Where it points, and why it was not followed.
    pub(super) why: String,
}

/// What is at a path below an argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    LinkToFile,
    Directory,
    /// A link that leads to no file.
    OtherLink,
}

/// A file or directory to check.
struct Found {
    path: PathBuf,
    is_link: bool,
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
        return within_limit(files_in(argument, unchecked)?);
    }
    if argument.is_symlink()
        && let Err(error) = fs::metadata(argument)
    {
        return Err(broken(argument, &error));
    }
    let text = argument.to_string_lossy();
    if argument.exists() || !text.contains(GLOB) {
        return Ok(vec![argument.to_owned()]);
    }
    let glob = GlobBuilder::new(&text).literal_separator(true).build();
    let glob = glob.map_err(|error| format!("invalid glob: {}", error.kind()))?.compile_matcher();
    let mut matching = Vec::new();
    // What a glob does not match was not asked for.
    search(&beginning(argument), &mut |path, kind| {
        let is_match = matches(&glob, path);
        matching.extend(is_match.then(|| (path.to_owned(), kind)));
        !is_match
    })?;
    let mut files = Vec::new();
    let has_match = !matching.is_empty();
    for (path, kind) in matching {
        match kind {
            Kind::Directory => files.extend(files_in(&path, unchecked)?),
            Kind::File | Kind::LinkToFile => {
                files.push(Found { path, is_link: kind == Kind::LinkToFile });
            }
            Kind::OtherLink => unchecked.count_link(&path),
        }
    }
    match (files.is_empty(), has_match) {
        (false, _) => within_limit(files),
        (true, false) => Err("the glob matches no file".to_owned()),
        (true, true) => Err("the glob matches only links that lead to no file".to_owned()),
    }
}

/// A directory with a bundle, or the files below it that a loader of models could take.
fn files_in(directory: &Path, unchecked: &mut Unchecked) -> Result<Vec<Found>, String> {
    let itself = || vec![Found { path: directory.to_owned(), is_link: false }];
    let bundle = directory.join(ARCHIVE_NAME);
    if bundle.exists() {
        // The directory stands for the bundle in it, whatever other files of tensors are next to it.
        search(directory, &mut |path, kind| {
            let is_file = matches!(kind, Kind::File | Kind::LinkToFile);
            unchecked.files += usize::from(is_file && path != bundle && FileKind::is_loadable(path));
            false
        })?;
        return Ok(itself());
    }
    if is_content(directory) {
        return Ok(itself());
    }
    let mut files = Vec::new();
    let skipped = search(directory, &mut |path, kind| {
        let is_found = match kind {
            Kind::Directory => is_content(path),
            Kind::File | Kind::LinkToFile => FileKind::is_loadable(path),
            Kind::OtherLink => false,
        };
        match kind {
            Kind::File | Kind::LinkToFile if !is_found => unchecked.files += 1,
            Kind::OtherLink => unchecked.count_link(path),
            Kind::File | Kind::LinkToFile | Kind::Directory => {}
        }
        files.extend(is_found.then(|| Found { path: path.to_owned(), is_link: kind == Kind::LinkToFile }));
        !is_found
    })?;
    unchecked.files += skipped.files;
    unchecked.directories += skipped.directories;
    if files.is_empty() {
        return Err("found no bundle and no file of tensors in this directory".to_owned());
    }
    Ok(files)
}

/// Whether a directory is the content of a bundle or of a file of torch.
fn is_content(directory: &Path) -> bool {
    is_unpacked(directory) || is_unpacked_torch(directory)
}

/// The paths of these files, each file once: a link is left out if its file is among them, or another link to it before.
fn within_limit(found: Vec<Found>) -> Result<Vec<PathBuf>, String> {
    let mut known = BTreeSet::new();
    if found.iter().any(|found| found.is_link) {
        let files = found.iter().filter(|found| !found.is_link);
        known.extend(files.filter_map(|found| fs::canonicalize(&found.path).ok()));
    }
    let is_new = |found: &Found| {
        // What cannot be resolved any more is reported when it is read.
        !found.is_link || fs::canonicalize(&found.path).map_or(true, |file| known.insert(file))
    };
    let files: Vec<PathBuf> = found.into_iter().filter(is_new).map(|found| found.path).collect();
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

impl Unchecked {
    /// Counts a link that leads to no file, and names it.
    fn count_link(&mut self, link: &Path) {
        let (count, why) = match fs::metadata(link) {
            Ok(target) if target.is_dir() => {
                (&mut self.directories, format!("{}, a directory, which is not followed", points_to(link)))
            }
            Ok(_) => (&mut self.files, format!("{}, which is not a regular file", points_to(link))),
            Err(error) => (&mut self.files, broken(link, &error)),
        };
        *count += 1;
        if self.links.len() < MAX_LINKS {
            self.links.push(UncheckedLink { link: link.display().to_string(), why });
        }
    }
}

/// `link to weights/model.pt`.
fn points_to(link: &Path) -> String {
    fs::read_link(link).map_or("link".to_owned(), |target| format!("link to {}", target.display()))
}

/// Why a link cannot be followed.
fn broken(link: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("broken {}, which does not exist", points_to(link)),
        _ => format!("broken {}: {error}", points_to(link)),
    }
}

/// What a link leads to.
fn kind_of_link(link: &Path) -> Kind {
    match fs::metadata(link) {
        Ok(target) if target.is_file() => Kind::LinkToFile,
        Ok(_) | Err(_) => Kind::OtherLink,
    }
}

/// Visits everything below a directory in the order of names, with what it is. Links to directories are not followed, so
/// nothing is visited in a loop, and hidden directories are passed over. Of a directory for which `visit` returns false,
/// nothing is visited. Returns what was not visited otherwise.
fn search(directory: &Path, visit: &mut dyn FnMut(&Path, Kind) -> bool) -> Result<Unchecked, String> {
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
                visit(&path, Kind::File);
            } else if kind.is_symlink() {
                visit(&path, kind_of_link(&path));
            } else if !kind.is_dir() {
                // A special file.
                skipped.files += 1;
            } else if is_hidden {
                skipped.directories += 1;
            } else if visit(&path, Kind::Directory) {
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
