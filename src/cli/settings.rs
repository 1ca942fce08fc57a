//! `bundleproof.toml`: the options of a project, found in the current directory or above it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, builder::ArgPredicate, parser::ValueSource};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Exit, console::Console};
use crate::{
    fs_util::{is_of_this_user, read_regular},
    text::shell_argument,
};

/// The name of the file.
const NAME: &str = "bundleproof.toml";

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 10;

/// An option that can be set, and the commands that have it.
struct Setting {
    /// The name of the option, which is also the key in the file.
    option: &'static str,
    /// The name of its argument in the program.
    argument: &'static str,
    commands: &'static [&'static str],
    /// Its value in a file in this folder.
    value: fn(&Contents, &Path) -> Option<String>,
}

/// What can be set. Nothing of it decides what `check` says of a file: a file from a stranger can come with settings.
const SETTINGS: [Setting; 5] = [
    Setting {
        option: "impl",
        argument: "implementation",
        commands: &["run", "doctor"],
        value: implementation,
    },
    Setting {
        option: "reports",
        argument: "reports",
        commands: &["run", "prove", "ledger", "merge"],
        value: |contents, folder| contents.reports.as_deref().map(|path| below(folder, path)),
    },
    Setting {
        option: "deadline",
        argument: "deadline",
        commands: &["run"],
        value: |contents, _| contents.deadline.map(|seconds| seconds.to_string()),
    },
    Setting {
        option: "workers",
        argument: "workers",
        commands: &["run"],
        value: |contents, _| contents.workers.map(|workers| workers.to_string()),
    },
    Setting {
        option: "max-unsupported",
        argument: "max_unsupported",
        commands: &["run"],
        value: |contents, _| contents.max_unsupported.map(|most| most.to_string()),
    },
];

/// The options of `run` with which no implementation is set: they name those that take part, or none.
const NAMES_OTHERS: [&str; 5] = ["command", "plan", "phase", "red", "green"];

/// The contents of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Contents {
    r#impl: Option<String>,
    reports: Option<PathBuf>,
    #[serde(default, deserialize_with = "whole")]
    deadline: Option<u32>,
    #[serde(default, deserialize_with = "whole")]
    workers: Option<u16>,
    #[serde(default, deserialize_with = "whole")]
    max_unsupported: Option<u32>,
}

/// A whole number, or an error that says which of them are possible.
fn whole<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64> + Bounded,
{
    let found = toml::Value::deserialize(deserializer)?;
    let number = found.as_integer().and_then(|number| T::try_from(number).ok());
    number.map(Some).ok_or_else(|| {
        D::Error::custom(format!("expected a whole number from 0 to {}, found {found}", T::MOST))
    })
}

/// The largest number of a type.
trait Bounded {
    const MOST: u32;
}

impl Bounded for u16 {
    const MOST: u32 = u16::MAX as u32;
}

impl Bounded for u32 {
    const MOST: u32 = u32::MAX;
}

/// The settings of a project.
pub(super) struct Settings {
    file: PathBuf,
    /// Option and value.
    values: Vec<(&'static Setting, String)>,
}

impl Settings {
    /// The settings for a command; `None` where there are none for it.
    ///
    /// # Errors
    /// [`Exit::Usage`] if the file is not valid; the message names it.
    pub(super) fn of(command: &str, console: &Console) -> Result<Option<Self>, Exit> {
        if SETTINGS.iter().all(|setting| !setting.commands.contains(&command)) {
            return Ok(None);
        }
        let Some(file) = find(console) else { return Ok(None) };
        let contents = read(&file).map_err(|error| {
            console.error(&format!("{}: {error}", file.display()));
            Exit::Usage
        })?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let values = SETTINGS.iter().filter(|setting| setting.commands.contains(&command));
        let values = values.filter_map(|setting| Some((setting, (setting.value)(&contents, folder)?)));
        Ok(Some(Self { values: values.collect(), file }))
    }

    /// The program with these settings as the defaults of a command.
    pub(super) fn apply(&self, program: clap::Command, command: &str) -> clap::Command {
        program.mut_subcommand(command, |mut command| {
            for (setting, value) in &self.values {
                command = command.mut_arg(setting.argument, |argument| {
                    let argument = argument.default_value(value);
                    if setting.option != "impl" {
                        return argument;
                    }
                    argument.default_value_ifs(
                        NAMES_OTHERS.map(|other| (other, ArgPredicate::IsPresent, None::<&str>)),
                    )
                });
            }
            command
        })
    }

    /// Says which settings a command follows.
    pub(super) fn note(&self, command: &ArgMatches, console: &Console) {
        let is_default =
            |setting: &Setting| command.value_source(setting.argument) == Some(ValueSource::DefaultValue);
        let followed = self.values.iter().filter(|(setting, _)| is_default(setting));
        let followed: Vec<String> = followed
            .map(|(setting, value)| format!("--{} {}", setting.option, shell_argument(value)))
            .collect();
        if !followed.is_empty() {
            console.note(&format!("{}: {}", self.file.display(), followed.join(" ")));
        }
    }
}

/// The name of an implementation, or the path of its file.
fn implementation(contents: &Contents, folder: &Path) -> Option<String> {
    let name = contents.r#impl.as_deref()?;
    Some(if name.ends_with(".toml") { below(folder, Path::new(name)) } else { name.to_owned() })
}

/// A path that is relative to the folder of the file.
fn below(folder: &Path, path: &Path) -> String {
    folder.join(path).to_string_lossy().into_owned()
}

/// The file in the current directory, or in the nearest one above it. What belongs to another user is not followed: it
/// would decide which program is started.
fn find(console: &Console) -> Option<PathBuf> {
    let current = std::env::current_dir().ok()?;
    let mut folder = PathBuf::new();
    for _ in current.ancestors() {
        let file = folder.join(NAME);
        match fs::symlink_metadata(&file) {
            Ok(found) if is_of_this_user(&found) => return Some(file),
            Ok(_) => console.note(&format!("note: ignored {}: it belongs to another user", file.display())),
            Err(_) => {}
        }
        folder.push("..");
    }
    None
}

fn read(file: &Path) -> Result<Contents, String> {
    let bytes = read_regular(file, MAX_BYTES).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "expected text in UTF-8".to_owned())?;
    toml::from_str(&text).map_err(|error| error.to_string())
}
