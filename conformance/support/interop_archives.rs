//! Archives that Python reads differently from the names in their directory are refused by name, and archives
//! of regular writers are accepted.

use std::{
    fs,
    io::Cursor,
    path::Path,
    process::Command,
    sync::{Arc, OnceLock},
};

use bundleproof::{
    bundle::{check::check, files::BundleReader},
    torch_files::torch,
};
use libtest_mimic::{Failed, Trial};

use crate::{
    Python,
    hostile_torch::{Ambiguous, ONES, archives, bundles, files, good, records, sniffed},
};

/// Prints what `torch.load` makes of the file `trap` in each folder, first with `weights_only=True`: its weights, or how it
/// failed.
const LOAD: &str = r#"
import itertools, os, sys, warnings
import torch
for folder, weights_only in itertools.product(sys.argv[1:], (True, False)):
    os.chdir(folder)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = f"w = {torch.load('trap', weights_only=weights_only)['w'].tolist()}"
        except Exception as error:
            found = f"{type(error).__name__}: {error}"
    found = " ".join([found, *(str(warning.message) for warning in warned)]).replace("\n", " ")
    if os.path.exists("executed"):
        os.remove("executed")
        found = "executed"
    print(found)
"#;

/// Prints what `torch.load(weights_only=True)` makes of the file `trap` in each folder, and what zipfile finds in it: the
/// weights, or how it failed.
const UNPACK: &str = r#"
import os, sys, warnings, zipfile
import numpy, torch
warnings.simplefilter("ignore")
def unpacked():
    return numpy.frombuffer(zipfile.ZipFile("trap").read("archive/data/0"), "<f4").tolist()
for folder in sys.argv[1:]:
    os.chdir(folder)
    for read in (lambda: torch.load("trap", weights_only=True)["w"].tolist(), unpacked):
        try:
            print("w =", read())
        except Exception as error:
            print(f"{type(error).__name__}: {error}".replace("\n", " "))
"#;

/// Loads the params that zipfile finds in the bundle `trap`, and then the bundle itself as a pickle, which is what
/// `torch.load` does with a file that does not begin as an archive.
const EXTRACT: &str = r#"
import os, pickle, zipfile
for load in (
    lambda: pickle.loads(zipfile.ZipFile("trap").read("autoencoder/params.dill")),
    lambda: pickle.load(open("trap", "rb")),
):
    found = "loaded"
    try:
        load()
    except Exception as error:
        found = type(error).__name__
    if os.path.exists("executed"):
        os.remove("executed")
        found = "executed"
    print(found)
"#;

/// Saves a module as TorchScript.
const SCRIPT: &str = r#"
import torch
torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), "trap")
print(type(torch.load("trap", weights_only=False)).__name__)
"#;

/// Packs the bundle `bundle` again in every way that zipfile has, and with `zip` where it is installed.
const REPACK: &str = r#"
import io, os, shutil, subprocess, zipfile

class Pipe(io.RawIOBase):
    def __init__(self, file):
        self.file = file
    def writable(self):
        return True
    def write(self, data):
        return self.file.write(data)

with zipfile.ZipFile("bundle") as bundle:
    entries = [(name, bundle.read(name)) for name in bundle.namelist()]
    bundle.extractall("folder")

def pack(name, method=zipfile.ZIP_STORED, pipe=False, large=False, folders=False, comment=b""):
    with open(name, "wb") as file, zipfile.ZipFile(Pipe(file) if pipe else file, "w", method) as packed:
        packed.comment = comment
        for entry, data in entries:
            if folders and entry.endswith("/model.pth"):
                packed.mkdir(os.path.dirname(entry))
            with packed.open(zipfile.ZipInfo(entry) if method == zipfile.ZIP_STORED else entry, "w", force_zip64=large) as into:
                into.write(data)
    print(name)

for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
    for pipe in (False, True):
        for large in (False, True):
            pack(f"zipfile-{method}-{pipe}-{large}", method, pipe, large)
pack("folders", folders=True)
pack("comment", comment=b"written by hand")
if shutil.which("zip"):
    subprocess.run(["zip", "-qr", "../zip.zip", "."], cwd="folder", check=True)
    print("zip.zip")
    with open("piped.zip", "wb") as file:
        file.write(subprocess.run(["zip", "-qr", "-", "."], cwd="folder", check=True, stdout=subprocess.PIPE).stdout)
    print("piped.zip")
"#;

pub(crate) fn trials(python: &Python) -> Vec<Trial> {
    let loads = Arc::new(Loads::new(LOAD, files().into_iter().chain(sniffed()).collect()));
    let unpacked = Arc::new(Loads::new(UNPACK, archives().into_iter().chain(records()).collect()));
    let good = Arc::clone(&loads);
    let mut trials = vec![
        python.trial("torch_reads_otherwise::nothing_of_a_good_file", move |it| nothing(it, &good)),
        python.trial("torch_reads_otherwise::a_whole_torchscript_archive", script),
        python.trial("what_honest_writers_pack_conforms", honest),
    ];
    for (at, trap) in loads.traps.iter().enumerate() {
        let (name, loads) = (format!("torch_reads_otherwise::{}", trap.name), Arc::clone(&loads));
        trials.push(python.trial(name, move |it| load(it, &loads, at)));
    }
    for (at, trap) in unpacked.traps.iter().enumerate() {
        let (name, loads) = (format!("zipfile_reads_otherwise::{}", trap.name), Arc::clone(&unpacked));
        trials.push(python.trial(name, move |it| load(it, &loads, at)));
    }
    for trap in bundles() {
        let name = format!("zipfile_reads::{}", trap.name);
        trials.push(python.trial(name, move |it| extract(it, &trap)));
    }
    trials
}

/// What torch makes of the file on which all others are based, and of each trap. All are loaded by one process, when the
/// first is asked for: most of the time is the start of PyTorch.
struct Loads {
    /// Prints two lines for each folder.
    script: &'static str,
    traps: Vec<Ambiguous>,
    said: OnceLock<Result<Vec<Vec<String>>, String>>,
}

impl Loads {
    fn new(script: &'static str, traps: Vec<Ambiguous>) -> Self {
        Self { script, traps, said: OnceLock::new() }
    }

    /// The two lines about a file; the first file is the good one.
    fn said(&self, python: &Python, at: usize) -> Result<&[String], Failed> {
        let all = self.said.get_or_init(|| self.loaded(python).map_err(|error| format!("{error:?}")));
        let all = all.as_ref().map_err(|error| Failed::from(error.clone()))?;
        Ok(all.get(at).ok_or("nothing was said of it")?)
    }

    fn loaded(&self, python: &Python) -> Result<Vec<Vec<String>>, Failed> {
        let directory = tempfile::tempdir()?;
        let mut folders = Vec::new();
        let good = good().zip();
        for (at, file) in [&good].into_iter().chain(self.traps.iter().map(|trap| &trap.file)).enumerate() {
            let folder = directory.path().join(at.to_string());
            fs::create_dir(&folder)?;
            fs::write(folder.join("trap"), file)?;
            folders.push(folder.display().to_string());
        }
        let lines = run(python, self.script, &folders, directory.path())?;
        Ok(lines.chunks(2).map(<[String]>::to_vec).collect())
    }
}

/// The output of Python when it runs this script in this folder.
fn run(python: &Python, script: &str, arguments: &[String], folder: &Path) -> Result<Vec<String>, Failed> {
    let mut command = Command::new(python.0.as_deref().ok_or("Python is not available")?);
    let output = command.args(["-c", script]).args(arguments).current_dir(folder).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

fn said(python: &Python, script: &str, file: &[u8]) -> Result<Vec<String>, Failed> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("trap"), file)?;
    run(python, script, &[], directory.path())
}

fn as_said(trap: &Ambiguous, said: &[String]) -> Result<(), Failed> {
    let same = said.len() == trap.python.len();
    if same && said.iter().zip(trap.python).all(|(said, expected)| said.contains(expected)) {
        return Ok(());
    }
    Err(format!("Python should say {:?} and says {said:?}", trap.python).into())
}

fn by_name(trap: &Ambiguous, refusal: &str) -> Result<(), Failed> {
    if trap.says.iter().all(|word| refusal.contains(word)) { Ok(()) } else { Err(refusal.into()) }
}

fn load(python: &Python, loads: &Loads, at: usize) -> Result<(), Failed> {
    let trap = loads.traps.get(at).ok_or("no such trap")?;
    as_said(trap, loads.said(python, at + 1)?)?;
    let refusal = torch::read(Cursor::new(&trap.file)).err().ok_or("it is read")?;
    by_name(trap, &refusal.to_string().replace("\\\"", "\""))
}

fn extract(python: &Python, trap: &Ambiguous) -> Result<(), Failed> {
    as_said(trap, &said(python, EXTRACT, &trap.file)?)?;
    let refusal = BundleReader::new(Cursor::new(&trap.file)).err().ok_or("it is read")?;
    by_name(trap, &refusal.to_string())
}

/// Both sides read the same from the file on which all others are based.
fn nothing(python: &Python, loads: &Loads) -> Result<(), Failed> {
    let found = loads.said(python, 0)?;
    torch::read(Cursor::new(good().zip()))?;
    if found == [ONES, ONES] { Ok(()) } else { Err(format!("{found:?}").into()) }
}

fn script(python: &Python) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let found = run(python, SCRIPT, &[], directory.path())?;
    if found != ["RecursiveScriptModule"] {
        return Err(format!("torch.load gives {found:?}").into());
    }
    let file = fs::read(directory.path().join("trap"))?;
    let refusal = torch::read(Cursor::new(file)).err().ok_or("it is read")?.to_string();
    if refusal.contains("TorchScript") { Ok(()) } else { Err(refusal.into()) }
}

fn honest(python: &Python) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bundles/gs1/wts.h5.zip");
    fs::copy(fixture, directory.path().join("bundle"))?;
    let names = run(python, REPACK, &[], directory.path())?;
    if names.len() < 10 {
        return Err(format!("only {names:?} were packed").into());
    }
    for name in names {
        let findings = check(&directory.path().join(&name), &|_| ())?.findings.shown;
        if !findings.is_empty() {
            return Err(format!("{name}: {findings:#?}").into());
        }
    }
    Ok(())
}
