//! `check` of large bundles against its peers, in one run: a streamed read with CRC-32 of the same bytes for a
//! stored bundle, Python's `zipfile.testzip` for a deflated one.
//!
//! Before the timings it prints the memory that the program took for each bundle. Files are in the page cache
//! when the clock starts, on both sides. `BUNDLEPROOF_BENCH_MIB` makes the bundles smaller than 1024 MiB.

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark may stop where it cannot go on")]

use std::{
    env, fs,
    hint::black_box,
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::OnceLock,
};

use bundleproof::{
    bundle::{
        check::check,
        files::write_bundle,
        nouns::{
            Bundle, BundledModel, Configuration, PYTORCH_BACKEND, ROLES, TrainingConfig, VERSION,
            legacy_params,
        },
    },
    torch_files::{Dtype, ModelState, StateDict, Tensor, zip::Archive},
    value::Value,
};
use divan::{Bencher, counter::BytesCount};
use nix::sys::resource::{UsageWho, getrusage};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// MiB of weights in each bundle, both models together.
const DEFAULT_MIB: usize = 1024;

/// Tensors of each model, all of one size.
const TENSORS: usize = 16;

/// The argument with which this program runs another one and prints the memory it took, in KiB.
const MEASURE: &str = "--measure";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    if arguments.get(1).is_some_and(|word| word == MEASURE) {
        let status = Command::new(&arguments[2]).args(&arguments[3..]).stdout(Stdio::null()).status();
        assert!(status.expect("the program").success());
        println!("{}", getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage of the child").max_rss());
        return ExitCode::SUCCESS;
    }
    for (what, bundle) in [("stored", stored()), ("deflated", deflated())] {
        let largest = largest_entry(bundle);
        println!(
            "check of a {what} bundle of {} MiB: {} MiB of memory; its largest entry has {} MiB",
            fs::metadata(bundle).expect("the bundle").len() >> 20,
            memory_of_check(bundle) >> 10,
            largest >> 20,
        );
    }
    divan::main();
    ExitCode::SUCCESS
}

#[divan::bench_group(sample_count = 5, sample_size = 1)]
mod stored_bundle {
    use super::*;

    #[divan::bench]
    fn check(bencher: Bencher) {
        super::check_of(bencher, stored());
    }

    #[divan::bench]
    fn peer_streamed_read_with_crc32(bencher: Bencher) {
        let path = stored();
        bencher.counter(length(path)).bench_local(|| {
            let mut file = fs::File::open(path).expect("the bundle");
            let mut buffer = vec![0; 256 << 10];
            let mut checksum = crc32fast::Hasher::new();
            loop {
                match file.read(&mut buffer).expect("bytes") {
                    0 => break black_box(checksum.finalize()),
                    read => checksum.update(&buffer[..read]),
                }
            }
        });
    }
}

#[divan::bench_group(sample_count = 3, sample_size = 1)]
mod deflated_bundle {
    use super::*;

    #[divan::bench]
    fn check(bencher: Bencher) {
        super::check_of(bencher, deflated());
    }

    #[divan::bench]
    fn peer_python_testzip(bencher: Bencher) {
        let path = deflated();
        let script = "import sys, zipfile; assert zipfile.ZipFile(sys.argv[1]).testzip() is None";
        bencher.counter(length(path)).bench_local(|| {
            let status = Command::new("python3").args(["-c", script]).arg(path).status();
            assert!(status.expect("python3").success());
        });
    }
}

fn check_of(bencher: Bencher, path: &Path) {
    bencher.counter(length(path)).bench_local(|| {
        let checked = check(path, &|_| ()).expect("a bundle");
        assert!(checked.conforms(), "{:?}", checked.findings);
    });
}

fn length(path: &Path) -> BytesCount {
    BytesCount::new(fs::metadata(path).expect("the bundle").len())
}

fn memory_of_check(bundle: &Path) -> u64 {
    let output = Command::new(env::current_exe().expect("this program"))
        .arg(MEASURE)
        .arg(assert_cmd::cargo::cargo_bin!("bundleproof"))
        .arg("check")
        .arg(bundle)
        .output()
        .expect("this program");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("KiB")
}

fn largest_entry(bundle: &Path) -> u64 {
    let archive = Archive::open(bundle).expect("an archive");
    archive.names().filter_map(|name| archive.entry(name)).map(|entry| entry.bytes).max().expect("an entry")
}

/// A stored bundle, made once and kept in the target directory.
fn stored() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = place("stored");
        if !path.exists() {
            let file = fs::File::create(&path).expect("a file");
            write_bundle(&bundle(), BufWriter::new(file)).expect("a bundle");
        }
        path
    })
}

/// The same bundle with deflated entries, as `zipfile` writes it.
fn deflated() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let path = place("deflated");
        if !path.exists() {
            let mut from = Archive::open(stored()).expect("an archive");
            let mut to = ZipWriter::new(BufWriter::new(fs::File::create(&path).expect("a file")));
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
            let names: Vec<String> = from.names().map(str::to_owned).collect();
            for name in names {
                to.start_file(&name, options).expect("an entry");
                let mut write = |piece: &[u8]| {
                    to.write_all(piece)?;
                    Ok(())
                };
                from.stream(&name, u64::MAX, &mut write).expect("an entry");
            }
            to.finish().expect("an archive");
        }
        path
    })
}

fn place(what: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    fs::create_dir_all(&folder).expect("a folder");
    folder.join(format!("{what}-{}.zip", mebibytes()))
}

fn mebibytes() -> usize {
    env::var("BUNDLEPROOF_BENCH_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_MIB)
}

/// Weights as training leaves them: small numbers around zero, which hardly compress.
fn bundle() -> Bundle {
    let values = [("model".to_owned(), Value::Map(Default::default()))];
    let config = TrainingConfig::from_values(&values.into_iter().collect()).expect("a configuration");
    let mut params = legacy_params::flatten(&Configuration::Training(config));
    params.insert("intensity_scale".to_owned(), Value::Float(1.0));
    params.insert("_version".to_owned(), Value::from(VERSION));
    let elements = (mebibytes() << 20) / ROLES.len() / TENSORS / 4;
    let mut state = 1u64;
    let mut weight = || {
        let mut sum = 0.0;
        for _ in 0..4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sum += (state >> 40) as f32 / (1 << 24) as f32 - 0.5;
        }
        sum * 0.05
    };
    let mut model = || {
        let tensor = |index: usize, data| {
            let tensor =
                Tensor::new(Dtype::Float32, vec![elements], data).expect("as many bytes as elements");
            (format!("layer.{index}.weight"), tensor)
        };
        let tensors = (0..TENSORS).map(|index| {
            let data: Vec<u8> = (0..elements).flat_map(|_| weight().to_le_bytes()).collect();
            tensor(index, data)
        });
        let state = ModelState::Network(StateDict::from_iter(tensors));
        BundledModel { state, params: params.clone() }
    };
    Bundle {
        version: VERSION.to_owned(),
        backend: Some(PYTORCH_BACKEND.to_owned()),
        models: ROLES.into_iter().map(|role| (role.to_owned(), model())).collect(),
    }
}
