//! What records must not contain: secrets of the caller, and the caller's home directory in command lines.
//!
//! Files that `import` copies are evidence and stay as they are.

use std::collections::BTreeSet;

use crate::{harness::record::RunRecord, text::shell_word};

/// What stands in a report for a secret.
const REDACTED: &str = "REDACTED";

/// The shortest value that counts as a secret, in characters. Shorter ones, such as `1`, occur everywhere.
const MIN_SECRET_CHARS: usize = 8;

/// The shortest value of an option named like a secret, in characters: a shorter one would also hide ordinary words.
const MIN_NAMED_CHARS: usize = 4;

/// Parts of the names of variables and options whose values are secrets.
const SECRET_NAMES: [&str; 10] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
];

/// Whole words in such names that say the same: `--auth`, `SIGNING_KEY`.
const SECRET_WORDS: [&str; 10] =
    ["AUTH", "KEY", "PASS", "PWD", "SIG", "SIGNATURE", "JWT", "COOKIE", "SESSION", "PAT"];

/// Variables that are named like one and that every shell or desktop sets: directories, a socket and names of sessions.
const NOT_SECRETS: [&str; 5] =
    ["PWD", "SSH_AUTH_SOCK", "DESKTOP_SESSION", "XDG_SESSION_DESKTOP", "XDG_SESSION_PATH"];

/// The shortest run of letters and digits that counts as a token because it looks random, in characters.
const MIN_RANDOM_CHARS: usize = 20;

/// The fields of a record whose texts come from an implementation, a test runner or the command line. All others are
/// names, which other records refer to.
const FREE_TEXTS: [&str; 11] = [
    "selection",
    "options",
    "versions",
    "notes",
    "message",
    "traceback",
    "type_name",
    "detail",
    "details",
    "expected",
    "actual",
];

/// Beginnings of tokens that well-known services issue.
const SECRET_BEGINNINGS: [&str; 11] =
    ["AKIA", "eyJ", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "hf_", "sk-", "xoxb-", "xoxp-"];

/// The secrets of one process: the values of its variables and arguments that look like secrets.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    values: BTreeSet<String>,
    home: Option<String>,
}

impl Secrets {
    /// The secrets of this process.
    pub(super) fn of_process() -> Self {
        let text = |value: std::ffi::OsString| value.into_string().ok();
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        let home = std::env::var_os("HOME").and_then(text);
        let mut secrets = Self::new(variables, home);
        std::env::args_os().skip(1).filter_map(text).for_each(|argument| secrets.learn(&argument));
        secrets
    }

    fn new(variables: impl IntoIterator<Item = (String, String)>, home: Option<String>) -> Self {
        let mut secrets = Self { values: BTreeSet::new(), home: home.filter(|home| home.len() > 1) };
        for (name, value) in variables {
            if names_a_secret(&name) && !NOT_SECRETS.contains(&name.as_str()) {
                secrets.add(&value, MIN_SECRET_CHARS);
            }
            secrets.learn_password(&value);
        }
        secrets
    }

    /// Learns the secrets in an argument: `--token=x`, or a command line such as `adapter --token x`.
    fn learn(&mut self, argument: &str) {
        let words = shell_words::split(argument).unwrap_or_else(|_| vec![argument.to_owned()]);
        let mut is_next_secret = false;
        for word in words {
            let (name, value) =
                word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
            if is_next_secret {
                self.add(&word, MIN_NAMED_CHARS);
            }
            let named = names_a_secret(&name.replace('-', "_"));
            is_next_secret = named && value.is_none() && name.starts_with('-');
            value.into_iter().filter(|_| named).for_each(|value| self.add(value, MIN_NAMED_CHARS));
            let is_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            for part in word.split(|c: char| !is_of_token(c)) {
                if is_random(part) || SECRET_BEGINNINGS.iter().any(|beginning| part.starts_with(beginning)) {
                    self.add(part, MIN_SECRET_CHARS);
                }
            }
            // The query of a URL: `?sig=x&expires=1`.
            for (name, value) in word.split(['?', '&']).skip(1).filter_map(|pair| pair.split_once('=')) {
                if names_a_secret(name) {
                    self.add(value, MIN_NAMED_CHARS);
                }
            }
            // A header: `Authorization: Bearer x`.
            if let Some((_, token)) = word.split_once("Bearer ").or_else(|| word.split_once("Basic ")) {
                self.add(token.trim(), MIN_SECRET_CHARS);
            }
            self.learn_password(&word);
        }
    }

    /// Learns the password of a URL: `https://user:password@host`.
    fn learn_password(&mut self, text: &str) {
        let credentials = text.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        if let Some((_, password)) = credentials.and_then(|(user, _)| user.split_once(':')) {
            self.add(password, MIN_SECRET_CHARS);
        }
    }

    /// Adds a value that has at least this many characters.
    fn add(&mut self, value: &str, min_chars: usize) {
        if value.chars().count() >= min_chars {
            self.values.insert(value.to_owned());
            // As it is in a quoted command.
            self.values.insert(shell_word(value).trim_matches('\'').to_owned());
        }
    }

    /// A text without secrets.
    pub(super) fn redacted(&self, text: &str) -> String {
        // Longer values first, because one may contain another.
        let mut values: Vec<&String> =
            self.values.iter().filter(|value| text.contains(value.as_str())).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), REDACTED))
    }

    /// A shell command with `$HOME` in place of the home directory, which may name a person.
    fn without_home(&self, command: &str) -> String {
        let Some(home) = self.home.as_ref().map(|home| format!("{}/", home.trim_end_matches('/'))) else {
            return command.to_owned();
        };
        let mut parts = command.split(&home);
        let mut text = parts.next().unwrap_or_default().to_owned();
        let mut quoted = text.matches('\'').count() % 2 == 1;
        for part in parts {
            // A variable is expanded in double quotes only.
            text.push_str(if quoted { r#"'"$HOME"'/"# } else { r#""$HOME"/"# });
            text.push_str(part);
            quoted ^= part.matches('\'').count() % 2 == 1;
        }
        text
    }

    /// A run without secrets in any of its texts, and without the home directory in its command lines.
    ///
    /// # Errors
    /// When the run cannot be written as JSON or read back, which is a defect of the program.
    pub(super) fn redact(&self, mut run: RunRecord) -> Result<RunRecord, serde_json::Error> {
        for command in run.selection.iter_mut().chain(run.options.values_mut()) {
            *command = self.without_home(command);
        }
        if self.values.is_empty() {
            return Ok(run);
        }
        let mut json = serde_json::to_value(&run)?;
        self.redact_json(&mut json, false);
        let mut redacted: RunRecord = serde_json::from_value(json)?;
        // Times of checks are not part of the JSON.
        for (outcome, original) in redacted.outcomes.iter_mut().zip(&run.outcomes) {
            outcome.milliseconds = original.milliseconds;
        }
        Ok(redacted)
    }

    /// Redacts the texts in the fields of [`FREE_TEXTS`]. `is_free` says that this value is in one.
    fn redact_json(&self, json: &mut serde_json::Value, is_free: bool) {
        match json {
            serde_json::Value::String(text) if is_free => *text = self.redacted(text),
            serde_json::Value::Array(items) => {
                items.iter_mut().for_each(|item| self.redact_json(item, is_free));
            }
            serde_json::Value::Object(fields) => {
                for (name, field) in fields {
                    self.redact_json(field, is_free || FREE_TEXTS.contains(&name.as_str()));
                }
            }
            serde_json::Value::String(_)
            | serde_json::Value::Null
            | serde_json::Value::Bool(_)
            | serde_json::Value::Number(_) => {}
        }
    }
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
        || name.split('_').any(|word| SECRET_WORDS.contains(&word))
}

/// Whether a word has a long run that mixes digits and letters of both cases, as only a token does: names of files have
/// hyphens between words, and a digest in hexadecimal has one case.
fn is_random(word: &str) -> bool {
    word.split(['-', '_']).any(|run| {
        let has = |is: fn(&char) -> bool| run.chars().any(|c| is(&c));
        run.len() >= MIN_RANDOM_CHARS
            && has(char::is_ascii_digit)
            && has(char::is_ascii_lowercase)
            && has(char::is_ascii_uppercase)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn learned(argument: &str) -> Secrets {
        let mut secrets = Secrets::new([], Some("/home/ada".to_owned()));
        secrets.learn(argument);
        secrets
    }

    #[rstest]
    #[case::next_word("adapter --api-token s3cretvalue --plain value-of-it", "s3cretvalue")]
    #[case::same_word("--password=s3cretvalue", "s3cretvalue")]
    #[case::variable("env HF_TOKEN=s3cretvalue adapter", "s3cretvalue")]
    #[case::quoted("adapter --secret 'two words!'", "two words!")]
    #[case::known_beginning("adapter ghp_0123456789", "ghp_0123456789")]
    #[case::short("adapter --token hunter2", "hunter2")]
    #[case::inside_a_word("adapter https://ghp_0123456789@host/x", "ghp_0123456789")]
    #[case::header("adapter --header 'Authorization: Bearer abcdefghijk12345'", "abcdefghijk12345")]
    #[case::word_of_a_name("adapter --signing-key s3cretvalue", "s3cretvalue")]
    #[case::authentication("adapter --auth=s3cretvalue --author ada", "s3cretvalue")]
    #[case::query("adapter 'https://host/x?v=1&sig=s3cretvalue'", "s3cretvalue")]
    #[case::web_token("adapter eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJIUzI1NiJ9")]
    #[case::random(
        "adapter aB3dE6gH9jK2mN5pQ8sT1vW4x 0123456789abcdef0123456789abcdef",
        "aB3dE6gH9jK2mN5pQ8sT1vW4x"
    )]
    #[case::of_a_url("adapter https://ada:s3cretvalue@host/x", "s3cretvalue")]
    fn a_secret_of_a_command_line_is_not_recorded(#[case] argument: &str, #[case] secret: &str) {
        let secrets = learned(argument);
        assert_eq!(secrets.values.iter().collect::<Vec<_>>(), [secret]);
        let recorded = secrets.redacted(argument);
        assert!(recorded.contains(REDACTED) && !recorded.contains(secret), "{recorded}");
    }

    #[rstest]
    #[case("adapter --reports results/My-Project-2025-Results-of-November")]
    #[case("adapter 0123456789abcdef0123456789abcdef01234567")]
    #[case("adapter --stamp 2025-10-17T112849Z")]
    fn an_ordinary_word_is_recorded(#[case] argument: &str) {
        assert_eq!(learned(argument).redacted(argument), argument);
    }

    #[test]
    fn a_secret_with_a_quote_is_found_in_a_quoted_command() {
        let secrets = learned("adapter --password \"it's-a-secret\"");
        let quoted = shell_word("adapter --password \"it's-a-secret\"");
        assert!(!secrets.redacted(&quoted).contains("a-secret"), "{}", secrets.redacted(&quoted));
    }

    #[test]
    fn variables_are_secrets_by_their_name_and_length_or_as_the_password_of_a_url() {
        let variables = [
            ("MY_TOKEN", "abcdefgh"),
            ("A_PASSWORD", "short"),
            ("EDITOR", "plain-editor"),
            ("DATABASE", "postgres://ada:of-the-url@host/x"),
            ("PWD", "/srv/models-of-ada"),
            ("DB_PWD", "of-the-database"),
        ];
        let own = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::new(own, None);
        let text = "abcdefgh short plain-editor of-the-url ada /srv/models-of-ada/a.py of-the-database";
        let redacted = "REDACTED short plain-editor REDACTED ada /srv/models-of-ada/a.py REDACTED";
        assert_eq!(secrets.redacted(text), redacted);
    }

    #[rstest]
    #[case("--impl /home/ada/a.toml", r#"--impl "$HOME"/a.toml"#)]
    #[case(
        "--impl-cmd 'python /home/ada/a.py /home/ada/b'",
        r#"--impl-cmd 'python '"$HOME"'/a.py '"$HOME"'/b'"#
    )]
    #[case("--impl /home/adam/a.toml", "--impl /home/adam/a.toml")]
    fn the_home_directory_is_a_variable(#[case] command: &str, #[case] recorded: &str) {
        assert_eq!(learned("x").without_home(command), recorded);
    }
}
