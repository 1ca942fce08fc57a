//! Files of a case, by name.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::harness::contract::SessionContext;

/// A file that an act reads or writes: `$file` is the file of the request, `$file.tmp` has that name with an end,
/// `$folder/NAME` is next to it, `$work/NAME` in the directory of the case, `$home/NAME` and `$tmp/NAME` in the directories
/// that the environment names HOME and TMPDIR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFile {
    root: Root,
    rest: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    File,
    Folder,
    Work,
    Home,
    Tmp,
}

/// The roots by their names. `$folder` is tested after `$file`, which it does not start with.
const ROOTS: [(&str, Root); 5] = [
    ("$file", Root::File),
    ("$folder/", Root::Folder),
    ("$work/", Root::Work),
    ("$home/", Root::Home),
    ("$tmp/", Root::Tmp),
];

impl CaseFile {
    /// The file of the request, with this end.
    pub fn of_the_request(end: &str) -> Self {
        Self { root: Root::File, rest: end.to_owned() }
    }

    /// A file of this name in the directory of the case.
    pub fn in_work(name: &str) -> Self {
        Self { root: Root::Work, rest: name.to_owned() }
    }

    /// A file of this name in the directory that HOME names.
    pub fn in_home(name: &str) -> Self {
        Self { root: Root::Home, rest: name.to_owned() }
    }

    /// A file of this name in the directory that TMPDIR names.
    pub fn in_tmp(name: &str) -> Self {
        Self { root: Root::Tmp, rest: name.to_owned() }
    }

    /// Its path, if the request has a file where one is needed, and the environment the directory.
    pub(super) fn path(&self, context: &SessionContext, file: Option<&Path>) -> Option<PathBuf> {
        let variable = |name: &str| context.environment().get(name).map(PathBuf::from);
        let directory = match self.root {
            Root::File => {
                let file = file?;
                let name = file.file_name()?.to_str()?;
                return Some(file.with_file_name(format!("{name}{}", self.rest)));
            }
            Root::Folder => file?.parent()?.to_owned(),
            Root::Work => context.root().to_owned(),
            Root::Home => variable("HOME")?,
            Root::Tmp => variable("TMPDIR")?,
        };
        Some(directory.join(&self.rest))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let found = ROOTS.iter().find_map(|(name, root)| Some((*root, text.strip_prefix(name)?)));
        let (root, rest) = found.ok_or_else(|| {
            format!("{text:?} is not a file of a case; expected $file, $folder/…, $work/…, $home/… or $tmp/…")
        })?;
        let is_inside =
            Path::new(rest).components().all(|component| matches!(component, Component::Normal(_)));
        let is_name = match root {
            Root::File => !rest.contains('/'),
            Root::Folder | Root::Work | Root::Home | Root::Tmp => !rest.is_empty() && is_inside,
        };
        if is_name {
            Ok(Self { root, rest: rest.to_owned() })
        } else {
            Err(format!("{text:?} must name a file below its directory"))
        }
    }
}

impl<'de> Deserialize<'de> for CaseFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl fmt::Display for CaseFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = ROOTS.iter().find(|(_, root)| *root == self.root).map_or("", |(name, _)| name);
        write!(f, "{name}{}", self.rest)
    }
}
