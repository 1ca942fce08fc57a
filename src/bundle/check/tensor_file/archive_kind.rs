//! What an archive is that `torch.save` did not write, by the names of its entries.

use std::{fmt, path::Path};

use crate::{
    bundle::nouns::{JSON_MANIFEST_ENTRY, MANIFEST_ENTRY},
    text::counted,
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
const TORCH_SCRIPT: OtherArchive = OtherArchive {
    name: "a TorchScript archive",
    advice: "torch.load(weights_only=True) refuses it, and torch.jit.load and torch.load(weights_only=False) execute its \
             code: ask its author for a file of torch.save(model.state_dict(), ...)",
};
const PACKAGE: OtherArchive = OtherArchive {
    name: "a package that torch.package wrote",
    advice: "ask its author for a file of torch.save: a package holds code, which its importer executes",
};
const EXPORTED: OtherArchive = OtherArchive {
    name: "a model that torch.export wrote (pt2)",
    advice: "torch.load fails on it, and torch.export.load makes a program of it; for its weights alone, ask its author \
             for a file of torch.save(program.state_dict, ...)",
};
const KERAS: OtherArchive =
    OtherArchive { name: "a model of Keras", advice: "load it with Keras: it holds no file of torch.save" };
const MOVED: OtherArchive = OtherArchive {
    name: "a file of torch.save that was packed again, with its entries elsewhere",
    advice: "save it again with torch.save: torch looks for data.pkl in the one folder at the top",
};
const NESTED: OtherArchive =
    OtherArchive { name: "an archive of other archives", advice: "unpack it, and check what is inside" };

/// What is in an archive that torch wrote, by the names of its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inside {
    entries: usize,
    /// The entries with elements of tensors.
    storages: usize,
    /// The entries with the source text of functions.
    code: usize,
}

impl Inside {
    fn of<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let mut inside = Self::default();
        for name in names {
            let (_, entry) = name.split_once('/').unwrap_or(("", name));
            // The folders of a model of torch.export, of which the files of TorchScript have none.
            let folders = ["data/weights/", "data/constants/", "data/"];
            let file = folders.iter().find_map(|folder| entry.strip_prefix(folder));
            let is_storage = file.is_some_and(|file| !file.contains(['/', '.']));
            inside.entries += 1;
            inside.storages += usize::from(is_storage);
            inside.code += usize::from(entry.starts_with("code/") && entry.ends_with(".py"));
        }
        inside
    }

    pub(super) fn has_storages(self) -> bool {
        self.storages > 0
    }
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entries, storages, code } = *self;
        let noun = if entries == 1 { "entry" } else { "entries" };
        write!(f, "{entries} {noun}, {}", counted(storages, "storage"))?;
        if code > 0 { write!(f, ", {}", counted(code, "code file")) } else { Ok(()) }
    }
}

impl OtherArchive {
    /// What an archive on disk is and what is in it; `None` if its names do not tell, or it is none.
    pub(super) fn of(path: &Path) -> Option<(Self, Inside)> {
        let archive = Archive::open(path).ok()?;
        Some((Self::by_names(archive.names())?, Inside::of(archive.names())))
    }

    /// Whether an archive with these names is a model of `torch.export`.
    pub(super) fn is_exported<'n>(names: impl Iterator<Item = &'n str>) -> bool {
        Self::by_names(names) == Some(EXPORTED)
    }

    /// Whether the archive holds code that torch executes.
    pub(super) fn is_torch_script(&self) -> bool {
        *self == TORCH_SCRIPT
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

    #[rstest]
    #[case::script(
        &["m/data.pkl", "m/data/0", "m/data/1", "m/traced_inputs/0", "m/code/m.py", "m/code/m.py.debug_pkl"],
        "6 entries, 2 storages, 1 code file"
    )]
    #[case::exported(
        &["m/archive_format", "m/data/weights/weight_0", "m/data/weights/weights_config.json", "m/data/constants/tensor_0"],
        "4 entries, 2 storages"
    )]
    #[case::one(&["m/constants.pkl"], "1 entry, 0 storages")]
    fn what_is_inside_is_counted(#[case] names: &[&str], #[case] expected: &str) {
        assert_eq!(Inside::of(names.iter().copied()).to_string(), expected);
    }
}
