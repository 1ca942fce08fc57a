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
            says: &["1 unlisted byte between the last entry \"archive/version\" and the central directory"],
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

/// Files of which torch and other readers follow different records, or of which `torch.load` decides by the first bytes
/// what they are: what torch loads with `weights_only=True`, and what zipfile finds.
pub(crate) fn records() -> Vec<Ambiguous> {
    let damaged =
        |name, file, python, says| Ambiguous { name, file, python, breaks: "LOD-015", rule: Rule::Zip, says };
    vec![
        damaged(
            "other_sizes_of_64_bits_in_the_directory",
            listed_in_64_bits(20, &[FULL, FULL], &[4, 4]),
            &["record size (4 bytes) does not match", "BadZipFile"],
            &["compressed size mismatch"],
        ),
        damaged(
            "another_offset_of_64_bits_in_the_directory",
            listed_in_64_bits(42, &[FULL], &[0]),
            &["w = [4.18759", "BadZipFile: File name in directory"],
            &["header inconsistency"],
        ),
        damaged(
            "fewer_entries_in_the_end_record",
            ended([3, 4], None),
            &["failed reading zip archive", ONES],
            &["multi-volume"],
        ),
        damaged(
            "fewer_entries_in_both_fields_of_the_end_record",
            ended([3, 3], None),
            &["hasRecord(\"version\")", ONES],
            &["longer than its entries"],
        ),
        damaged(
            "fewer_entries_in_the_end_record_of_64_bits",
            ended([4, 4], Some([3, 0, 0])),
            &["hasRecord(\"version\")", ONES],
            &["the two end records disagree"],
        ),
        damaged(
            "fewer_entries_than_in_the_end_record_of_64_bits",
            ended([3, 3], Some([4, 0, 0])),
            &[ONES, ONES],
            &["the two end records disagree"],
        ),
        damaged(
            "a_locator_of_no_end_record",
            ended([4, 4], Some([4, 0, 1])),
            &[ONES, ONES],
            &["64-bit end record directly before its locator"],
        ),
        damaged(
            "another_directory_in_the_end_record_of_64_bits",
            two_directories(),
            &[ZEROS, ZEROS],
            &["the two end records disagree"],
        ),
        Ambiguous {
            name: "a_file_of_the_format_before_and_an_archive",
            file: [before_archives(), with_weights(0.0).zip()].concat(),
            python: &[ONES, ZEROS],
            breaks: "LOD-015",
            rule: Rule::UnlistedBytes,
            says: &[" unlisted bytes behind the last storage"],
        },
    ]
}

/// Files that `torch.load` does not take for archives, as it finds by their first bytes.
pub(crate) fn sniffed() -> Vec<Ambiguous> {
    vec![
        Ambiguous {
            name: "a_tar_with_a_pickle",
            file: tar(&[("storages", trap())]),
            python: &[
                "Cannot use ``weights_only=True`` with files saved in the legacy .tar format",
                EXECUTED,
            ],
            breaks: "LOD-015",
            rule: Rule::Zip,
            says: &["tar"],
        },
        Ambiguous {
            name: "a_pickle_after_the_magic_number",
            file: [MAGIC, b"\x80\x02M\xe9\x03.", trap()].concat(),
            python: &["UnpicklingError", EXECUTED],
            breaks: "LOD-013",
            rule: Rule::ForeignGlobal,
            says: &["is not allowed"],
        },
    ]
}

/// The value of a size or offset that is in the extra field.
const FULL: u32 = u32::MAX;

/// The directory of the good file, in which the fields of the storage from an offset on are these, and those of 64 bits
/// are others.
fn listed_in_64_bits(offset: usize, fields: &[u32], wide: &[u64]) -> Vec<u8> {
    let fields: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
    let wide: Vec<u8> = wide.iter().flat_map(|field| field.to_le_bytes()).collect();
    let length = u16::try_from(wide.len()).expect("a short field");
    let patched = Patched::new(good().zip()).central(2, offset, &fields);
    let patched = patched.central(2, 30, &(length + 4).to_le_bytes());
    let next = patched.listed(3);
    let extra = [&[1, 0][..], &length.to_le_bytes(), &wide].concat();
    let mut file = patched.done();
    file.splice(next..next, extra.iter().copied());
    let at = file.len() - 10;
    let bytes = u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
    let longer = bytes + u32::try_from(extra.len()).expect("a short field");
    file[at..at + 4].copy_from_slice(&longer.to_le_bytes());
    file
}

/// The good file with other numbers of entries in its end record, and with an end record of 64 bits that has a number of
/// entries, a directory that begins so many bytes later, and a locator that points so many bytes behind it.
fn ended(entries: [u16; 2], wide: Option<[u64; 3]>) -> Vec<u8> {
    let numbers: Vec<u8> = entries.iter().flat_map(|number| number.to_le_bytes()).collect();
    let patched = Patched::new(good().zip()).end(8, &numbers);
    let (start, mut file) = (patched.start(4) as u64, patched.done());
    if let Some([entries, later, behind]) = wide {
        let at = file.len() - 22;
        let bytes = at as u64 - start;
        file.splice(at..at, end_of_64_bits(entries, bytes, start + later, at as u64 + behind));
    }
    file
}

/// An end record of 64 bits with the locator behind it.
fn end_of_64_bits(entries: u64, bytes: u64, start: u64, at: u64) -> Vec<u8> {
    let record = [&b"PK\x06\x06"[..], &44_u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat();
    let numbers: Vec<u8> = [entries, entries, bytes, start].iter().flat_map(|n| n.to_le_bytes()).collect();
    let locator = [&b"PK\x06\x07\0\0\0\0"[..], &at.to_le_bytes(), &[1, 0, 0, 0]].concat();
    [record, numbers, locator].concat()
}

/// A file with a second storage and a second directory, of which the first is in the end record.
fn two_directories() -> Vec<u8> {
    let twice = Patched::new(good().with_at(3, "archive/data/x", vec![0; 8]).zip());
    let names = twice.both(3, Field::NAME, b"archive/data/0");
    let [start, first, second, last, end] =
        [names.start(5), names.listed(2), names.listed(3), names.listed(4), names.listed(5)];
    let file = names.done();
    let directory = |storage: &[u8]| [&file[start..first], storage, &file[last..end]].concat();
    let (ones, zeros) = (directory(&file[first..second]), directory(&file[second..last]));
    let [bytes, entries] = [ones.len() as u64, 4];
    let (one, other) = (start as u64, start as u64 + bytes);
    let narrow = |number: u64| u32::try_from(number).expect("a small archive").to_le_bytes();
    let tail = [&b"PK\x05\x06\0\0\0\0\x04\0\x04\0"[..], &narrow(bytes), &narrow(one), &[0, 0]].concat();
    let wide = end_of_64_bits(entries, bytes, other, other + bytes);
    [&file[..start], &ones, &zeros, &wide, &tail].concat()
}

/// What a file of the format before PyTorch 1.6 begins with.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.";

/// The weights `w` of two ones in that format.
fn before_archives() -> Vec<u8> {
    let text = |text: &str| [&[b'X', text.len() as u8, 0, 0, 0], text.as_bytes()].concat();
    let storage =
        [&b"("[..], &text("storage"), b"ctorch\nFloatStorage\n", &text("0"), &text("cpu"), b"K\x02NtQ"];
    [
        &[MAGIC, b"\x80\x02M\xe9\x03.\x80\x02}", &text("little_endian"), b"\x88s.\x80\x02}", &text("w")]
            .concat()[..],
        b"ctorch._utils\n_rebuild_tensor_v2\n(",
        &storage.concat(),
        b"K\0K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.\x80\x02]",
        &text("0"),
        b"a.",
        &2_u64.to_le_bytes(),
        &1_f32.to_le_bytes().repeat(2),
    ]
    .concat()
}

/// A tar archive.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, data) in files {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        let fields =
            [(100, "0000644"), (124, &*format!("{:011o}", data.len())), (148, "        "), (156, "0")];
        for (at, text) in [&fields[..], &[(257, "ustar"), (263, "00")]].concat() {
            header[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend(*data);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
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
                "1 unlisted byte between the entries \"autoencoder/model.pth\" and \"autoencoder/params.dill\"",
            ],
        },
    ]
}
