//! Paths in the work directory of a check.

use std::path::{Component, Path};

/// How case files refer to the work directory of a check.
pub const WORK: &str = "$work";

/// `$work/out` relative to the work directory: `out`. `$work` itself is `.`.
///
/// # Errors
/// When the path is not below `$work`.
pub fn work_path(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix(WORK).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = rest.ok_or_else(|| format!("{text:?} is not a path below $work"))?.trim_start_matches('/');
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    match path {
        "" => Ok(".".to_owned()),
        path if inside => Ok(path.to_owned()),
        _ => Err(format!("{text:?} leads out of $work")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("$work", Some("."))]
    #[case("$work/out/wts.h5", Some("out/wts.h5"))]
    #[case("$work/../out", None)]
    #[case("$work/a/../../b", None)]
    #[case("$workout", None)]
    #[case("/etc/passwd", None)]
    fn only_places_under_work_are_taken(#[case] text: &str, #[case] path: Option<&str>) {
        assert_eq!(work_path(text).ok().as_deref(), path);
    }
}
