//! What an archive is that `torch.save` did not write, by the names of its entries.

use std::path::Path;

use crate::{
    bundle::nouns::{JSON_MANIFEST_ENTRY, MANIFEST_ENTRY},
    torch_files::zip::Archive,
};

/// An archive of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OtherArchive {
    /// What it is, as a message names it.
    pub(super) name: &'static str,
    /// What to do with it.
    pub(super) advice: &'static str,
}

const BUNDLE: OtherArchive = OtherArchive {
    name: "a bundle",
    advice: "check it as one: without --profile torch, or with --profile bundle",
};
const PACKED: OtherArchive = OtherArchive {
    name: "an archive with a bundle in a folder",
    advice: "pack the content of the folder without the folder itself",
};
const TORCH_SCRIPT: OtherArchive =
    OtherArchive { name: "a TorchScript archive", advice: "do not load it: torch executes its code" };
const PACKAGE: OtherArchive = OtherArchive {
    name: "a package that torch.package wrote",
    advice: "ask its author for a file of torch.save: a package holds code, which its importer executes",
};
const EXPORTED: OtherArchive = OtherArchive {
    name: "a model that torch.export wrote (pt2)",
    advice: "load it with torch.export.load; for its weights alone, ask its author for a file of torch.save",
};
const KERAS: OtherArchive =
    OtherArchive { name: "a model of Keras", advice: "load it with Keras: it holds no file of torch.save" };
const MOVED: OtherArchive = OtherArchive {
    name: "a file of torch.save that was packed again, with its entries elsewhere",
    advice: "save it again with torch.save: torch looks for data.pkl in the one folder at the top",
};
const NESTED: OtherArchive =
    OtherArchive { name: "an archive of other archives", advice: "unpack it, and check what is inside" };

impl OtherArchive {
    /// What an archive on disk is; `None` if its names do not tell, or it is none.
    pub(super) fn of(path: &Path) -> Option<Self> {
        Self::by_names(Archive::open(path).ok()?.names())
    }

    fn by_names<'n>(names: impl Iterator<Item = &'n str>) -> Option<Self> {
        let names: Vec<&str> = names.collect();
        let is_there = |name: &str| names.contains(&name);
        let ends = |end: &str| names.iter().any(|name| name.ends_with(end));
        let known = [
            (is_there(MANIFEST_ENTRY) || is_there(JSON_MANIFEST_ENTRY), BUNDLE),
            (ends(&format!("/{MANIFEST_ENTRY}")), PACKED),
            (ends("/constants.pkl") || names.iter().any(|name| name.contains("/code/")), TORCH_SCRIPT),
            (ends("/archive_format") && ends("/models/model.json"), EXPORTED),
            (ends("/.data/extern_modules"), PACKAGE),
            (is_there("config.json") && is_there("model.weights.h5"), KERAS),
            (is_there("data.pkl") || ends("/data.pkl"), MOVED),
            (ends(".zip"), NESTED),
        ];
        known.into_iter().find(|(is_it, _)| *is_it).map(|(_, kind)| kind)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::bundle(&["manifest.dill", "autoencoder/model.pth"], Some(BUNDLE))]
    #[case::later_bundle(&["manifest.json"], Some(BUNDLE))]
    #[case::deeper(&["wts.h5/manifest.dill"], Some(PACKED))]
    #[case::script(&["m/data.pkl", "m/constants.pkl", "m/code/m.py"], Some(TORCH_SCRIPT))]
    #[case::exported(&["export/archive_format", "export/models/model.json"], Some(EXPORTED))]
    #[case::package(&["package/.data/extern_modules", "package/m/x.pkl"], Some(PACKAGE))]
    #[case::keras(&["metadata.json", "config.json", "model.weights.h5"], Some(KERAS))]
    #[case::flat(&["data.pkl", "version", "data/0"], Some(MOVED))]
    #[case::in_folders(&["home/me/ok/data.pkl"], Some(MOVED))]
    #[case::nested(&["run/wts.h5.zip"], Some(NESTED))]
    #[case::other(&["notes.txt"], None)]
    fn an_archive_is_recognized_by_its_names(#[case] names: &[&str], #[case] expected: Option<OtherArchive>) {
        assert_eq!(OtherArchive::by_names(names.iter().copied()), expected);
    }
}
