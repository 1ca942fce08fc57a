//! The files of a request: the archive that it is about, and where it may write.

use crate::{
    bundle::nouns::{ARCHIVE_NAME, FilePath},
    value::{Map, Value},
};

/// The output directory of a training that gives none.
const DEFAULT_OUTPUT: &str = "training_outputs";

/// The archive of a request with a base path.
pub(crate) fn base_path(request: &Map) -> Option<String> {
    Some(format!("{}.zip", request.get("base_path")?.as_text()?))
}

/// The archive of a request with a bundle directory.
pub(crate) fn bundle_dir(request: &Map) -> Option<String> {
    Some(format!("{}/{ARCHIVE_NAME}", request.get("bundle_dir")?.as_text()?))
}

/// The archive that a workflow writes to the output directory that its configuration gives, if it gives one.
pub(crate) fn output_dir(request: &Map) -> Option<String> {
    let given = FilePath::in_value(config_values(request)?.get("output_dir")?)?;
    (!given.is_empty()).then(|| format!("{given}/{ARCHIVE_NAME}"))
}

/// The values of a request's configuration.
pub(crate) fn config_values(request: &Map) -> Option<&Map> {
    request.get("config")?.as_map()?.get("values")?.as_map()
}

/// The directory in which a workflow writes, given or by default; None if it writes nowhere.
pub(crate) fn workflow_directory(request: &Map) -> Option<String> {
    let given = match config_values(request)?.get("output_dir") {
        None => DEFAULT_OUTPUT,
        Some(Value::None) => return None,
        Some(given) => FilePath::in_value(given).filter(|path| !path.is_empty())?,
    };
    plain(given)
}

/// A relative path as the runner lists files: `./out//wts` is `out/wts`, and `.` is empty. None for a path that leads out
/// of the directory of the case.
pub(crate) fn plain(path: &str) -> Option<String> {
    let parts = || path.split('/').filter(|part| !part.is_empty() && *part != ".");
    let stays = !path.starts_with('/') && parts().all(|part| part != "..");
    stays.then(|| parts().collect::<Vec<_>>().join("/"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("out/wts.h5.zip", Some("out/wts.h5.zip"))]
    #[case("./out//wts/", Some("out/wts"))]
    #[case(".", Some(""))]
    #[case("/out", None)]
    #[case("out/../../a", None)]
    fn a_path_is_compared_in_one_form(#[case] path: &str, #[case] expected: Option<&str>) {
        assert_eq!(plain(path).as_deref(), expected);
    }

    #[rstest]
    #[case::given(r#"{"output_dir": "runs/one"}"#, Some("runs/one"))]
    #[case::by_default("{}", Some("training_outputs"))]
    #[case::none(r#"{"output_dir": null}"#, None)]
    #[case::empty(r#"{"output_dir": {"text": ""}}"#, None)]
    fn a_workflow_writes_where_its_configuration_says(#[case] values: &str, #[case] expected: Option<&str>) {
        let request = format!(r#"{{"config": {{"kind": "training", "values": {values}}}}}"#);
        let Value::Map(request) = serde_json::from_str(&request).unwrap() else { unreachable!() };
        assert_eq!(workflow_directory(&request).as_deref(), expected);
        // The archive itself is known only where the configuration gives the directory.
        let archive = expected.filter(|_| values != "{}").map(|directory| format!("{directory}/wts.h5.zip"));
        assert_eq!(output_dir(&request), archive);
    }
}
