//! The text of pickled `pathlib` paths.
//!
//! Up to Python 3.12 a pickle holds the parts of a path. From 3.13 on it holds the segments that the path was made of,
//! which the reader has to join and normalize.

/// A class of `pathlib`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathClass {
    /// The name of the class that is made: calling `Path` makes a `PosixPath`.
    pub name: &'static str,
    /// What separates the parts of its paths.
    pub separator: char,
}

impl PathClass {
    /// The class of this name.
    pub(super) fn find(name: &str) -> Option<Self> {
        let (name, separator) = match name {
            "Path" | "PosixPath" => ("PosixPath", '/'),
            "PurePath" | "PurePosixPath" => ("PurePosixPath", '/'),
            "WindowsPath" => ("WindowsPath", '\\'),
            "PureWindowsPath" => ("PureWindowsPath", '\\'),
            _ => return None,
        };
        Some(Self { name, separator })
    }
}

/// The path of these segments, as Python's `str` prints it. The separator distinguishes POSIX from Windows.
pub(super) fn text(separator: char, segments: &[&str]) -> String {
    let path = if separator == '/' { posix(segments) } else { windows(segments) };
    if path.is_empty() { ".".to_owned() } else { path }
}

fn posix(segments: &[&str]) -> String {
    let mut path = String::new();
    for segment in segments {
        if segment.starts_with('/') {
            path.clear();
        } else if !path.is_empty() && !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(segment);
    }
    let tail = path.trim_start_matches('/');
    // In POSIX exactly two leading slashes have a special meaning; three have none.
    let root = match path.len() - tail.len() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    [root, &parts(tail, '/').join("/")].concat()
}

fn windows(segments: &[&str]) -> String {
    let path = joined(segments);
    let (drive, root, tail) = split(&path);
    let names: Vec<&str> = drive.split('\\').collect();
    // The root of a share is implied when it is not written.
    let is_share = match names.as_slice() {
        _ if drive.ends_with('\\') => false,
        ["", "", server, _] => !["", "?", ".", "?."].contains(server),
        names => names.len() == 6,
    };
    let root = if is_share { "\\" } else { root };
    let mut parts = parts(tail, '\\');
    if drive.is_empty() && root.is_empty() && parts.first().is_some_and(|first| !split(first).0.is_empty()) {
        // Without `.`, the first part would be read as a drive.
        parts.insert(0, ".");
    }
    [drive, root, &parts.join("\\")].concat()
}

/// Joins the segments as `ntpath.join` does.
fn joined(segments: &[&str]) -> String {
    let (mut drive, mut root, mut tail) = (String::new(), "", String::new());
    for segment in segments {
        let segment = segment.replace('/', "\\");
        let (new_drive, new_root, new_tail) = split(&segment);
        let elsewhere = !new_drive.is_empty() && new_drive.to_lowercase() != drive.to_lowercase();
        if !new_drive.is_empty() {
            drive = new_drive.to_owned();
        }
        if elsewhere || !new_root.is_empty() {
            (root, tail) = (if new_root.is_empty() { "" } else { "\\" }, String::new());
        } else if !tail.is_empty() && !tail.ends_with('\\') {
            tail.push('\\');
        }
        tail.push_str(new_tail);
    }
    let is_letter = drive.is_empty() || drive.ends_with([':', '\\']);
    if root.is_empty() && !tail.is_empty() && !is_letter {
        root = "\\";
    }
    [drive.as_str(), root, &tail].concat()
}

/// Splits a Windows path into drive, root and rest, as `ntpath.splitroot` does.
fn split(path: &str) -> (&str, &str, &str) {
    let cut = |drive: usize, root: usize| {
        let (drive, rest) = path.split_at_checked(drive).unwrap_or((path, ""));
        let (root, tail) = rest.split_at_checked(root).unwrap_or((rest, ""));
        (drive, root, tail)
    };
    let next = |from: usize| path.get(from..).and_then(|rest| rest.find('\\')).map(|at| from + at);
    let mut chars = path.chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), Some('\\')) => {
            // A share, `\\server\name`, or a device, `\\.\name`. The prefix `\\?\` marks long names.
            let prefix = path.get(..8).filter(|prefix| prefix.eq_ignore_ascii_case("\\\\?\\UNC\\"));
            let name = next(prefix.map_or(2, str::len)).and_then(|server| next(server + 1));
            cut(name.unwrap_or(path.len()), 1)
        }
        (Some('\\'), _) => cut(0, 1),
        (Some(letter), Some(':')) => {
            let drive = letter.len_utf8() + 1;
            cut(drive, usize::from(path.get(drive..).is_some_and(|rest| rest.starts_with('\\'))))
        }
        _ => cut(0, 0),
    }
}

/// The names between separators, without empty ones and `.`.
fn parts(tail: &str, separator: char) -> Vec<&str> {
    tail.split(separator).filter(|part| !part.is_empty() && *part != ".").collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The pickled forms of the same paths in Python 3.11 and 3.13, and their `str` in both.
    #[rstest]
    #[case(&["a", "b", "c", "..", "d"], &["a//b/./c/../d/"], "a/b/c/../d")]
    #[case(&["/", "b", "c"], &["a", "/b", "c/"], "/b/c")]
    #[case(&["a"], &["", "a"], "a")]
    #[case(&[], &["."], ".")]
    #[case(&["//", "a", "b"], &["//a/b"], "//a/b")]
    #[case(&["/", "a"], &["///a"], "/a")]
    fn a_posix_path_is_read_from_its_parts_and_from_its_segments(
        #[case] parts: &[&str],
        #[case] segments: &[&str],
        #[case] path: &str,
    ) {
        assert_eq!((text('/', parts).as_str(), text('/', segments).as_str()), (path, path));
    }

    #[rstest]
    #[case(&["c:", "a"], &["c:a"], "c:a")]
    #[case(&["a", "b", "c"], &["a/b", "c"], "a\\b\\c")]
    #[case(&["c:\\", "b"], &["c:/a", "/b"], "c:\\b")]
    #[case(&["c:\\", "a", "b"], &["C:/a", "c:b"], "c:\\a\\b")]
    #[case(&["d:", "b"], &["c:/a", "d:b"], "d:b")]
    #[case(&["\\\\h\\s\\", "x"], &["//h/s/x"], "\\\\h\\s\\x")]
    #[case(&["\\\\h\\s\\"], &["//h/s"], "\\\\h\\s\\")]
    #[case(&["\\\\?\\UNC\\h\\s\\", "x"], &["//?/UNC/h/s", "x"], "\\\\?\\UNC\\h\\s\\x")]
    #[case(&["é:", "é"], &["é:é"], "é:é")]
    #[case(&[".\\c:x"], &["./c:x"], ".\\c:x")]
    fn a_windows_path_is_read_from_its_parts_and_from_its_segments(
        #[case] parts: &[&str],
        #[case] segments: &[&str],
        #[case] path: &str,
    ) {
        assert_eq!((text('\\', parts).as_str(), text('\\', segments).as_str()), (path, path));
    }

    /// Results of Python 3.13 only, which joins and splits differently from Python 3.11.
    #[rstest]
    #[case(&["//h"], "\\\\h")]
    #[case(&["//h/"], "\\\\h\\")]
    #[case(&["//./x"], "\\\\.\\x")]
    #[case(&["//?./x"], "\\\\?.\\x")]
    #[case(&["//./x/y"], "\\\\.\\x\\y")]
    #[case(&["//?/c:", "x"], "\\\\?\\c:x")]
    #[case(&["//?/unc/h/s"], "\\\\?\\unc\\h\\s\\")]
    #[case(&["///a/b"], "\\\\\\a\\b")]
    #[case(&["c:a", "C:b"], "C:a\\b")]
    #[case(&["//h/s/y", "//H/S", "z"], "\\\\H\\S\\y\\z")]
    #[case(&["c:/a", "c:"], "c:\\a")]
    #[case(&["c:", "a", "b"], "c:a\\b")]
    #[case(&["c:a/", "b"], "c:a\\b")]
    #[case(&["//h", "x"], "\\\\h\\x\\")]
    #[case(&["", "b:c"], "b:c")]
    #[case(&["x/b:c"], "x\\b:c")]
    fn segments_are_joined_as_python_3_13_joins_them(#[case] segments: &[&str], #[case] path: &str) {
        assert_eq!(text('\\', segments), path);
    }
}
