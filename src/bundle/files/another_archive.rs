//! What an archive without a manifest is, by the names of its entries.

use crate::{
    bundle::nouns::MANIFEST_ENTRY,
    torch_files::{FormatErrorKind, error::excerpt},
};

fn another(found: String, advice: &'static str) -> FormatErrorKind {
    FormatErrorKind::AnotherArchive { missing: MANIFEST_ENTRY, found, advice }
}

/// Names what an archive is that has no manifest; None if its names do not tell.
pub(super) fn recognize<'n>(names: impl Iterator<Item = &'n str>) -> Option<FormatErrorKind> {
    let names: Vec<&str> = names.collect();
    let ends_with = |end: &str| names.iter().find(|name| name.ends_with(end));
    let has = |base: &str| names.iter().any(|name| name.rsplit('/').next() == Some(base));
    let manifest_inside = names.iter().find_map(|name| name.strip_suffix(MANIFEST_ENTRY)?.strip_suffix('/'));
    if let Some(folder) = manifest_inside {
        let found = format!("the bundle is inside a folder, {:?}", excerpt(folder));
        return Some(another(found, "pack the content of the folder without the folder itself"));
    }
    if !names.is_empty() && names.iter().all(|name| name.ends_with(".npy")) {
        let found = "this is a dataset of NumPy (npz)".to_owned();
        return Some(another(found, "give the bundle of a training, wts.h5.zip; this may be its dataset"));
    }
    if has("constants.pkl") {
        let found = "this is a TorchScript archive".to_owned();
        return Some(another(found, "do not load this file: torch executes its code"));
    }
    if has("data.pkl") {
        let found = "this is a file of torch.save, not a bundle".to_owned();
        return Some(another(found, "give the bundle that has it as model.pth, or save a bundle"));
    }
    if has("saved_model.pb") || has("model.weights.h5") {
        let found = "this is a model of Keras or TensorFlow".to_owned();
        return Some(another(found, "load it with Keras: a bundle has networks of PyTorch"));
    }
    let inner = ends_with(".zip")?;
    let found = format!("there is an archive inside, {:?}", excerpt(inner));
    Some(another(found, "unpack this archive: the bundle may be the one inside"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::deeper(&["wts.h5/manifest.dill", "wts.h5/autoencoder/model.pth"], "the bundle is inside a folder, \"wts.h5\"")]
    #[case::dataset(&["xcoords.npy", "diff3d.npy"], "this is a dataset of NumPy (npz)")]
    #[case::script(&["m/data.pkl", "m/constants.pkl"], "this is a TorchScript archive")]
    #[case::weights(&["archive/data.pkl", "archive/version"], "this is a file of torch.save, not a bundle")]
    #[case::keras(&["config.json", "model.weights.h5"], "this is a model of Keras or TensorFlow")]
    #[case::inner(&["notes.txt", "run/wts.h5.zip"], "there is an archive inside, \"run/wts.h5.zip\"")]
    fn an_archive_is_recognized_by_its_names(#[case] names: &[&str], #[case] expected: &str) {
        let found = recognize(names.iter().copied()).map(|kind| kind.to_string());
        assert_eq!(found, Some(format!("missing entry \"manifest.dill\": {expected}")));
    }

    #[rstest]
    #[case::empty(&[])]
    #[case::bundle_without_its_manifest(&["autoencoder/model.pth", "autoencoder/params.dill"])]
    #[case::another_name(&["a/manifest.dill.txt"])]
    fn other_names_do_not_tell(#[case] names: &[&str]) {
        assert_eq!(recognize(names.iter().copied()), None);
    }
}
