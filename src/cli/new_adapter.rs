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

/// The name that stands in the templates, which run as they are.
const TEMPLATE: &str = "my_adapter";
const PROGRAM: &str = include_str!("../../conformance/adapters/python/template/my_adapter.py");
const FILE: &str = include_str!("../../conformance/adapters/python/template/my_adapter.toml");

/// The longest name of an adapter, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Write the skeleton of an adapter, and the file that says how to start it
///
/// NAME.py is a program on the Python package `bundleproof_adapter`, with a class that has a method for each
/// operation; NAME.toml is for `bundleproof run --impl NAME.toml`. Files that are there are left alone.
#[derive(Debug, Parser)]
pub(super) struct NewAdapter {
    /// What reports call it: lower-case letters, digits and _
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,

    /// In Python
    #[arg(long, required = true)]
    python: bool,

    /// Where the files go
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

impl NewAdapter {
    pub(super) fn execute(&self, console: &Console) -> Result<Exit, Exit> {
        let name = &self.name;
        let files = [(format!("{name}.py"), PROGRAM), (format!("{name}.toml"), FILE)]
            .map(|(file, text)| (self.beside(file), filled(text, name)));
        let told = |path: &Path, error: &io::Error| {
            console.error(&format!("{}: {error}; nothing was written", path.display()));
            Exit::Usage
        };
        if let Some((path, _)) = files.iter().find(|(path, _)| fs::symlink_metadata(path).is_ok()) {
            return Err(told(path, &io::Error::other("it is there already; choose another name or --out")));
        }
        let mut written: Vec<&Path> = Vec::new();
        for (path, text) in &files {
            if let Err(error) = write_new(path, text) {
                // Half a skeleton is none.
                for path in written {
                    let _ = fs::remove_file(path);
                }
                return Err(told(path, &error));
            }
            written.push(path);
        }
        let [program, file] = files.map(|(path, _)| path.display().to_string());
        console.print(&format!("wrote {program} and {file}\n"));
        console.note(&format!("next: bundleproof run --impl {file}"));
        Ok(Exit::Success)
    }

    /// Where a file goes, as a person would write it.
    fn beside(&self, file: String) -> PathBuf {
        if self.out.as_os_str() == "." { file.into() } else { self.out.join(file) }
    }
}

/// The template under another name.
fn filled(text: &str, name: &str) -> String {
    text.replace(TEMPLATE, name).replace("MyAdapter", &class(name))
}

/// `plain_torch` as `PlainTorch`.
fn class(name: &str) -> String {
    let capital = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + rest,
        None => String::new(),
    };
    name.split('_').map(capital).collect()
}

/// The file as a whole, or none; never in the place of another.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = sibling(path)?;
    beside.write_all(text.as_bytes())?;
    beside.persist_noclobber(path)?;
    Ok(())
}

fn name(text: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !text.starts_with(|first: char| first.is_ascii_lowercase())
        || !text.bytes().all(is_name)
        || text.len() > MAX_NAME_BYTES
    {
        return Err(format!(
            "a name begins with a lower-case letter, and has lower-case letters, digits and _, {MAX_NAME_BYTES} at most"
        ));
    }
    if Implementations::of(&BUNDLE.built_ins()).get(text).is_some() {
        return Err("it is the name of an implementation that comes with the suite".to_owned());
    }
    Ok(text.to_owned())
}
