//! `bundleproof new-adapter`.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Parser;

use super::{Exit, console::Console};
use crate::{
    bundle::BUNDLE,
    fs_util::sibling,
    harness::{contract::Contract as _, runner::Implementations},
};

/// The name in the templates, which are working programs themselves.
const TEMPLATE: &str = "my_adapter";
const PROGRAM: &str = include_str!("../../conformance/adapters/python/template/my_adapter.py");
const FILE: &str = include_str!("../../conformance/adapters/python/template/my_adapter.toml");

/// Maximum length of an adapter name, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Create an adapter from a template, with the implementation file that starts it
///
/// NAME.py uses the Python package `bundleproof_adapter`: a class with a method for each operation. Run it with
/// `bundleproof run --impl NAME.toml`. Existing files are never overwritten.
#[derive(Debug, Parser)]
pub(super) struct NewAdapter {
    /// Name in reports: lowercase letters, digits and _
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,

    /// Use the Python template
    #[arg(long, required = true)]
    python: bool,

    /// Directory for the files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

impl NewAdapter {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let name = &self.name;
        let files = [(format!("{name}.py"), PROGRAM), (format!("{name}.toml"), FILE)]
            .map(|(file, text)| (self.path_of(file), filled(text, name)));
        let fail = |path: &Path, error: &io::Error| {
            console.error(&format!("cannot create {}: {error}; nothing was written", path.display()));
            Exit::Usage
        };
        if let Some((path, _)) = files.iter().find(|(path, _)| fs::symlink_metadata(path).is_ok()) {
            return Err(fail(path, &io::Error::other("already exists; choose another name or --out")));
        }
        let mut written: Vec<&Path> = Vec::new();
        for (path, text) in &files {
            if let Err(error) = write_new(path, text) {
                // One file without the other is of no use.
                for path in written {
                    let _ = fs::remove_file(path);
                }
                return Err(fail(path, &error));
            }
            written.push(path);
        }
        let [program, file] = files.map(|(path, _)| path.display().to_string());
        console.print(&format!("wrote {program} and {file}\n"));
        console.note(&format!("next: bundleproof run --impl {file}"));
        Ok(Exit::Success)
    }

    /// The path of a file, without a leading `./`.
    fn path_of(&self, file: String) -> PathBuf {
        if self.out.as_os_str() == "." { file.into() } else { self.out.join(file) }
    }
}

/// Replaces the name in a template.
fn filled(text: &str, name: &str) -> String {
    text.replace(TEMPLATE, name).replace("MyAdapter", &class_name(name))
}

/// Converts `plain_torch` to `PlainTorch`.
fn class_name(name: &str) -> String {
    let capital = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + rest,
        None => String::new(),
    };
    name.split('_').map(capital).collect()
}

/// Creates the file in one step, and never replaces an existing one.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut temporary = sibling(path)?;
    temporary.write_all(text.as_bytes())?;
    temporary.persist_noclobber(path)?;
    Ok(())
}

fn name(text: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !text.starts_with(|first: char| first.is_ascii_lowercase())
        || !text.bytes().all(is_name)
        || text.len() > MAX_NAME_BYTES
    {
        return Err(format!(
            "expected a lowercase letter followed by lowercase letters, digits and _, at most {MAX_NAME_BYTES} in all"
        ));
    }
    if Implementations::of(&BUNDLE.built_ins()).get(text).is_some() {
        return Err("name of a built-in implementation; choose another".to_owned());
    }
    Ok(text.to_owned())
}
