//! Archives that torch or Python's zipfile reads differently from a reader that uses the names in the
//! directory. The interoperability test lets Python load each of them to confirm that.

#![allow(clippy::expect_used, reason = "a test may stop where it cannot go on")]

use std::io::Cursor;

use bundleproof::{
    bundle::nouns::Rule,
    torch_files::{Dtype, ModelState, StateDict, Tensor, torch},
};

use crate::{
    forge::{Field, Forge, Patched},
    traps::TRAPS,
};

/// One archive, the results of Python, and the expected finding.
pub(crate) struct Ambiguous {
    pub(crate) name: &'static str,
    pub(crate) file: Vec<u8>,
    /// The output of Python: `torch.load` with `weights_only=True` and without; or, for a bundle, the params that
    /// zipfile finds, and the result of unpickling the file itself.
    pub(crate) python: &'static [&'static str],
    /// The requirement that it breaks.
    pub(crate) breaks: &'static str,
    /// The rule that the refusal names.
    pub(crate) rule: Rule,
    /// Texts that the finding must contain.
    pub(crate) says: &'static [&'static str],
}

/// The output of Python when the trap was executed.
const EXECUTED: &str = "executed";

/// The output of torch for the weights of [`good`].
pub(crate) const ONES: &str = "w = [1.0, 1.0]";

/// The other weights that are in some of these files.
const ZEROS: &str = "w = [0.0, 0.0]";

/// The weights `w` of two ones, as a careful reader finds them in every one of these files.
pub(crate) fn good() -> Forge {
    with_weights(1.0)
}

fn with_weights(number: f32) -> Forge {
    let weights = Tensor::new(Dtype::Float32, vec![2], number.to_le_bytes().repeat(2)).expect("two elements");
    let state = ModelState::Network(StateDict::from_iter([("w".to_owned(), weights)]));
    let mut file = Cursor::new(Vec::new());
    torch::write(&state, &mut file).expect("a file");
    Forge::of(file)
}

fn trap() -> &'static [u8] {
    TRAPS[0].pickle
}

/// Files of `torch.save`. Which of two twins torch reads depends on their order.
pub(crate) fn files() -> Vec<Ambiguous> {
    let patched = || Patched::new(good().zip());
    let inserted = |entry: usize, more: &[u8]| {
        let at = patched().start(entry);
        patched().inserted(at, more)
    };
    let hidden = [&b"PK\x03\x04\x14"[..], &[0; 13], &[4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0], b"xmore"].concat();
    vec![
        Ambiguous {
            name: "a_pickle_before_the_archive",
            file: patched().inserted(0, trap()),
            python: &["UnpicklingError", EXECUTED],
            breaks: "LOD-013",
            rule: Rule::PickleBeforeArchive,
            says: &[],
        },
        Ambiguous {
            name: "a_twin_of_the_pickle_by_case",
            file: good().with_at(0, "archive/DATA.PKL", trap()).zip(),
            python: &["UnpicklingError", EXECUTED],
            breaks: "LOD-014",
            rule: Rule::CaseTwin,
            says: &["archive/data.pkl", "archive/DATA.PKL"],
        },
        Ambiguous {
            name: "a_twin_of_a_storage_by_case",
            file: good().with_at(2, "archive/DATA/0", vec![0; 8]).zip(),
            python: &["w = [0.0, 0.0]", "w = [0.0, 0.0]"],
            breaks: "LOD-014",
            rule: Rule::CaseTwin,
            says: &["archive/data/0", "archive/DATA/0"],
        },
        Ambiguous {
            name: "a_byte_order_by_case",
            file: good().without("archive/byteorder").with("archive/ByteOrder", "big").zip(),
            python: &["w = [4.600602988224807e-41", "w = [4.600602988224807e-41"],
            breaks: "LOD-014",
            rule: Rule::ReadInPlaceOf,
            says: &["archive/ByteOrder", "byteorder"],
        },
        Ambiguous {
            name: "the_version_of_a_package",
            file: good().with("archive/.data/version", "99\n").zip(),
            python: &["with version 99", "with version 99"],
            breaks: "LOD-014",
            rule: Rule::ReadInPlaceOf,
            says: &["archive/.data/version", "\"version\""],
        },
        Ambiguous {
            name: "an_entry_of_torchscript",
            file: good().with("archive/constants.pkl", "\u{80}").zip(),
            python: &[
                "Cannot use ``weights_only=True`` with TorchScript archives",
                "dispatching to 'torch.jit.load'",
            ],
            breaks: "LOD-013",
            rule: Rule::TorchScript,
            says: &["archive/constants.pkl"],
        },
        Ambiguous {
            name: "code_of_torchscript",
            file: good().with("archive/code/__torch__.py", "").with("archive/constants.pkl", "\u{80}").zip(),
            python: &[
                "Cannot use ``weights_only=True`` with TorchScript archives",
                "dispatching to 'torch.jit.load'",
            ],
            breaks: "LOD-013",
            rule: Rule::TorchScript,
            says: &["archive/code/__torch__.py"],
        },
        Ambiguous {
            name: "a_name_that_torch_cuts",
            file: long_name(),
            python: &[
                "Cannot use ``weights_only=True`` with TorchScript archives",
                "dispatching to 'torch.jit.load'",
            ],
            breaks: "LOD-014",
            rule: Rule::Limit,
            says: &["512 bytes of entry name"],
        },
        Ambiguous {
            name: "an_entry_outside_of_the_directory",
            file: good().with("other/notes", "").zip(),
            python: &["file in archive is not in a subdirectory", "file in archive is not in a subdirectory"],
            breaks: "LOD-014",
            rule: Rule::OutsideDirectory,
            says: &["other/notes", "\"archive\""],
        },
        Ambiguous {
            name: "an_unlisted_entry",
            file: inserted(1, &hidden),
            python: &[ONES, ONES],
            breaks: "LOD-015",
            rule: Rule::Zip,
            says: &["missing from central directory"],
        },
        Ambiguous {
            name: "a_pickle_between_the_entries",
            file: inserted(1, trap()),
            python: &[ONES, ONES],
            breaks: "LOD-015",
            rule: Rule::UnlistedBytes,
            says: &["33 unlisted bytes between the entries \"archive/data.pkl\" and \"archive/byteorder\""],
        },
        Ambiguous {
            name: "a_byte_before_the_directory",
            file: inserted(4, b"x"),
            python: &[ONES, ONES],
            breaks: "LOD-015",
            rule: Rule::UnlistedBytes,
            says: &["1 unlisted bytes between the last entry \"archive/version\" and the central directory"],
        },
    ]
}

/// Files of which zipfile, and what unpacks archives, finds other weights than torch, or none. Python says what torch loads
/// with `weights_only=True`, and what zipfile finds.
pub(crate) fn archives() -> Vec<Ambiguous> {
    let twice = good().with("archive/data/x", vec![0; 8]).zip();
    let comment = [&with_weights(0.0).zip()[..], b"\n"].concat();
    let length = u16::try_from(comment.len()).expect("a short comment").to_le_bytes();
    let commented = Patched::new(good().zip()).end(20, &length).done();
    vec![
        Ambiguous {
            name: "a_storage_twice",
            file: Patched::new(twice).both(4, Field::NAME, b"archive/data/0").done(),
            python: &[ONES, ZEROS],
            breaks: "LOD-014",
            rule: Rule::DuplicateEntry,
            says: &["archive/data/0"],
        },
        Ambiguous {
            name: "another_file_in_the_comment",
            file: [commented, comment].concat(),
            python: &[ONES, ZEROS],
            breaks: "LOD-015",
            rule: Rule::SecondEnd,
            says: &["second end record"],
        },
        Ambiguous {
            name: "another_name_at_the_entry",
            file: Patched::new(good().zip()).local(2, Field::NAME, b"archive/data/1").done(),
            python: &[ONES, "BadZipFile"],
            breaks: "LOD-015",
            rule: Rule::Zip,
            says: &["inconsisten"],
        },
        Ambiguous {
            name: "another_checksum_in_the_directory",
            file: Patched::new(good().zip()).central(2, 16, &[1, 2, 3, 4]).done(),
            python: &[ONES, "BadZipFile"],
            breaks: "LOD-015",
            rule: Rule::Corrupt,
            says: &["archive/data/0", "invalid checksum"],
        },
        Ambiguous {
            name: "bytes_behind_the_pickle",
            file: good()
                .without("archive/data.pkl")
                .with_at(0, "archive/data.pkl", behind_the_pickle())
                .zip(),
            python: &[ONES, ONES],
            breaks: "LOD-013",
            rule: Rule::TrailingBytes,
            says: &["archive/data.pkl", "follow the end of the pickle"],
        },
    ]
}

/// The pickle of the good file with another one behind it, which `pickletools` and scanners read as well.
fn behind_the_pickle() -> Vec<u8> {
    let file = Cursor::new(good().zip());
    let mut archive = bundleproof::torch_files::zip::Archive::new(file).expect("an archive");
    let pickle = archive.read("archive/data.pkl", 1 << 20).expect("the pickle");
    [&pickle[..], trap()].concat()
}

/// A file whose entry `constants.pkl?` has a name of one byte more than torch compares.
fn long_name() -> Vec<u8> {
    let prefix = "a".repeat(511 - "/constants.pkl".len());
    let moved = good().renamed(|name| name.replace("archive", &prefix));
    moved.with(&format!("{prefix}/constants.pkl?"), "").zip()
}

/// Bundles.
pub(crate) fn bundles() -> Vec<Ambiguous> {
    let patched = || Patched::new(Forge::good().zip());
    let in_comment = {
        // Because of the byte behind the second archive its end record is not that of the file.
        let comment = [&Forge::good().params_pickle(trap()).zip()[..], b"\n"].concat();
        let length = u16::try_from(comment.len()).expect("a short comment").to_le_bytes();
        [patched().end(20, &length).done(), comment].concat()
    };
    let between = patched().start(2);
    vec![
        Ambiguous {
            name: "a_bundle_in_the_comment_of_a_bundle",
            file: in_comment,
            python: &[EXECUTED, "UnpicklingError"],
            breaks: "LOD-015",
            rule: Rule::SecondEnd,
            says: &[],
        },
        Ambiguous {
            name: "a_pickle_before_a_bundle",
            file: patched().inserted(0, trap()),
            python: &["loaded", EXECUTED],
            breaks: "LOD-015",
            rule: Rule::UnlistedBytes,
            says: &["33 unlisted bytes before the first entry \"manifest.dill\""],
        },
        Ambiguous {
            name: "a_byte_between_the_entries_of_a_bundle",
            file: patched().inserted(between, b"x"),
            python: &["loaded", "UnpicklingError"],
            breaks: "LOD-015",
            rule: Rule::UnlistedBytes,
            says: &[
                "1 unlisted bytes between the entries \"autoencoder/model.pth\" and \"autoencoder/params.dill\"",
            ],
        },
    ]
}
