//! Printing: results go to standard output, errors, notes and progress to standard error.

use std::{
    borrow::Cow,
    io::{self, BufWriter, IsTerminal as _, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::{
    Exit,
    output::{Output, Versioned},
    workflow_command::{self, Annotation, inert},
};
use crate::{
    harness::suite::SuiteError,
    text::{line, source, wrapped},
};

pub(super) use crate::text::counted;

/// Bytes of JSON that are written at once.
const OUTPUT_BYTES: usize = 64 << 10;

/// When output is colored.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR or TERM=dumb is set
    Auto,
    Always,
    Never,
}

/// Standard output and error.
#[derive(Debug)]
pub(super) struct Console {
    color_out: bool,
    color_err: bool,
    /// Whether errors are printed as JSON.
    json_errors: bool,
    /// Whether a line could be taken for a workflow command of GitHub Actions.
    reads_commands: bool,
    /// Why standard output takes no more.
    failed: Mutex<Option<io::Error>>,
}

/// An error, in one line.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct JsonError<'a> {
    /// The message.
    error: &'a str,
    /// The file of the suite that it is in.
    #[serde(flatten)]
    place: Option<JsonPlace<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct JsonPlace<'a> {
    /// The file, relative to the suite.
    file: &'a str,
    /// The line, from 1.
    line: usize,
    /// The column, from 1.
    column: usize,
    /// What to do.
    help: Option<&'a str>,
}

impl Console {
    /// Errors are printed as JSON if `json_errors` is set.
    pub(super) fn new(color: Color, json_errors: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let colored = |is_terminal: bool| match color {
            Color::Auto => wanted && is_terminal,
            Color::Always => true,
            Color::Never => false,
        };
        Self {
            color_out: colored(io::stdout().is_terminal()),
            color_err: colored(io::stderr().is_terminal()),
            json_errors,
            reads_commands: workflow_command::is_active(),
            failed: Mutex::new(None),
        }
    }

    /// Prints a result. In GitHub Actions, what would be a workflow command is escaped. After an error, nothing more is
    /// printed.
    pub(super) fn print(&self, text: &str) {
        if self.failure().is_some() {
            return;
        }
        let mut out = io::stdout().lock();
        self.printed(out.write_all(self.shown(text).as_bytes()).and_then(|()| out.flush()));
    }

    /// Prints a result as JSON, piece by piece: what a file contains can make it long.
    pub(super) fn print_json(&self, result: &impl Output) -> Result<(), Exit> {
        if self.failure().is_some() {
            return Ok(());
        }
        let result = Versioned::of(result);
        let unwritten = |error: serde_json::Error| {
            self.error(&format!("cannot write the result as JSON: {error}"));
            Exit::Internal
        };
        if self.reads_commands {
            self.print(&result.text().map_err(unwritten)?);
            return Ok(());
        }
        let mut out = BufWriter::with_capacity(OUTPUT_BYTES, io::stdout().lock());
        let written = serde_json::to_writer_pretty(&mut out, &result);
        if let Err(error) = written {
            if !error.is_io() {
                return Err(unwritten(error));
            }
            self.printed(Err(error.into()));
            return Ok(());
        }
        self.printed(out.write_all(b"\n").and_then(|()| out.flush()));
        Ok(())
    }

    fn failure(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers an error of standard output.
    pub(super) fn printed(&self, result: io::Result<()>) {
        if let Err(error) = result {
            self.failure().get_or_insert(error);
        }
    }

    /// The exit code of a command whose results were printed here. A closed pipe, as in `| head`, is not an error: the
    /// exit code still reports the result. Any other error means that the caller does not have the result.
    pub(super) fn close(&self, exit: Exit) -> Exit {
        match self.failure().as_ref() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.error(&format!("cannot write to standard output: {error}"));
                exit.min(Exit::Usage)
            }
            Some(_) | None => exit,
        }
    }

    /// The columns that lines on standard output should fit: those of its terminal, or else COLUMNS. Without either, as in a
    /// pipe, lines stay whole, so that `grep` finds what belongs together.
    pub(super) fn width(&self) -> Option<usize> {
        let terminal = terminal_size::terminal_size_of(io::stdout());
        let terminal = terminal.map(|(width, _)| usize::from(width.0));
        let stated = || std::env::var("COLUMNS").ok()?.trim().parse().ok();
        terminal.or_else(stated).filter(|width| *width > 0)
    }

    /// Prints a result for people, in lines that fit the terminal.
    pub(super) fn print_wrapped(&self, text: &str) {
        self.print(&wrapped(text, self.width()));
    }

    /// Text for standard output in the color of a good result.
    pub(super) fn good(&self, text: &str) -> String {
        painted(text, AnsiColor::Green, self.color_out)
    }

    /// Text for standard output in the color of a warning.
    pub(super) fn odd(&self, text: &str) -> String {
        painted(text, AnsiColor::Yellow, self.color_out)
    }

    /// Text for standard output in the color of a failure.
    pub(super) fn bad(&self, text: &str) -> String {
        painted(text, AnsiColor::Red, self.color_out)
    }

    /// Prints an error. Messages may contain untrusted text, so control characters are escaped and further lines are
    /// indented: none of them can pass for a message of this program.
    pub(super) fn error(&self, message: &str) {
        if self.json_errors {
            return print_json_error(message, None);
        }
        let head = painted("error:", AnsiColor::Red, self.color_err);
        let lines: Vec<String> = message.lines().map(line).collect();
        let _ = writeln!(io::stderr().lock(), "{head} {}", self.shown(&lines.join("\n  ")));
    }

    /// Prints a note that is not part of the result.
    pub(super) fn note(&self, message: &str) {
        let lines: Vec<String> = message.lines().map(line).collect();
        let _ = writeln!(io::stderr().lock(), "{}", self.shown(&lines.join("\n")));
    }

    /// Prints a workflow command on standard error, which GitHub Actions reads as well as standard output.
    pub(super) fn annotate(&self, annotation: &Annotation) {
        let _ = writeln!(io::stderr().lock(), "{annotation}");
    }

    fn shown<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.reads_commands { inert(text) } else { Cow::Borrowed(text) }
    }

    /// Prints the errors of a suite with the lines they are in.
    pub(super) fn suite_errors(&self, errors: &[SuiteError]) {
        if self.json_errors {
            for error in errors {
                let ((line, column), help) = (error.position(), error.help.as_deref());
                let place = JsonPlace { file: &error.file, line, column, help };
                print_json_error(&error.message, Some(place));
            }
            return;
        }
        let renderer = if self.color_err { Renderer::styled() } else { Renderer::plain() };
        for error in errors {
            let _ = writeln!(io::stderr().lock(), "{}\n", self.shown(&rendered(error, &renderer)));
        }
        self.error(&format!("the suite is invalid: {}", counted(errors.len(), "error")));
    }

    /// A progress bar on standard error; hidden if that is not a terminal.
    pub(super) fn progress(&self, length: usize) -> ProgressBar {
        let cells = bar_cells(terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| width.0));
        let bar = ProgressBar::with_draw_target(u64::try_from(length).ok(), ProgressDrawTarget::hidden());
        drawn_later(bar, &format!("{{bar:{cells}}} {{pos}}/{{len}} {{wide_msg}}"))
    }

    /// Progress for work of unknown length: the number of bytes read.
    pub(super) fn progress_bytes(&self) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        drawn_later(bar, "{spinner} {binary_bytes} ({binary_bytes_per_sec}) {wide_msg}")
    }
}

/// The longest bar, in cells.
const MAX_BAR_CELLS: u16 = 32;

/// How long work takes before its progress is drawn: what is over at once would only flicker.
const DRAWN_AFTER: Duration = Duration::from_millis(500);

/// The cells of a bar in a terminal of this width. Numbers and a message follow it; the message is cut to what is left.
fn bar_cells(width: Option<u16>) -> u16 {
    width.map_or(MAX_BAR_CELLS, |width| (width / 3).clamp(1, MAX_BAR_CELLS))
}

/// A hidden bar in this style, which appears on standard error if that is a terminal and the bar is not over by then.
fn drawn_later(bar: ProgressBar, template: &str) -> ProgressBar {
    // The templates are constants and parse; the default style is good enough if one ever does not.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    if io::stderr().is_terminal() {
        let later = bar.downgrade();
        // Without the thread nothing is drawn.
        _ = thread::Builder::new().spawn(move || {
            thread::sleep(DRAWN_AFTER);
            if let Some(bar) = later.upgrade().filter(|bar| !bar.is_finished()) {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
        });
    }
    bar
}

fn print_json_error(error: &str, place: Option<JsonPlace<'_>>) {
    // Text and numbers only, which JSON can always represent.
    if let Ok(json) = serde_json::to_string(&Versioned::of(&JsonError { error, place })) {
        let _ = writeln!(io::stderr().lock(), "{json}");
    }
}

/// Renders an error with the lines it is in and its help text.
///
/// The text is untrusted. It is escaped in three parts, so that the position in the escaped text is known.
fn rendered(error: &SuiteError, renderer: &Renderer) -> String {
    let (number, column) = error.position();
    let title = format!("{}:{number}:{column}: {}", error.file, error.message);
    let title = title.lines().map(line).collect::<Vec<_>>().join("; ");
    let mut report = Group::with_title(Level::ERROR.primary_title(title));
    let span = error.span.clone();
    let parts = (error.text.get(..span.start), error.text.get(span.clone()), error.text.get(span.end..));
    if let ((Some(before), Some(wrong), Some(after)), true) = (parts, span != (0..0)) {
        let [before, wrong, after] = [before, wrong, after].map(source);
        let place = AnnotationKind::Primary.span(before.len()..before.len() + wrong.len());
        report = report.element(Snippet::source(before + &wrong + &after).annotation(place));
    }
    if let Some(help) = &error.help {
        report = report.element(Level::HELP.message(line(help)));
    }
    renderer.render(&[report])
}

fn painted(text: &str, color: AnsiColor, colored: bool) -> String {
    if !colored {
        return text.to_owned();
    }
    let style = Style::new().fg_color(Some(color.into())).bold();
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::marked("a = 1\nbad = 2\n", 6..9, "e: m\n  |\n2 | bad = 2\n  | ^^^\n  |\n  = help: h")]
    #[case::where_more_should_be("a = \n", 4..4, "e: m\n  |\n1 | a = \n  |     ^\n  |\n  = help: h")]
    #[case::the_file_as_a_whole("a = 1\n", 0..0, "e: m\n |\n = help: h")]
    #[case::outside_the_text("a = 1\n", 90..91, "e: m\n |\n = help: h")]
    #[case::hidden("\u{1b}\u{9b} = \u{202e}1\r\n", 6..9, "e: m\n  |\n1 | \\u{1b}\\u{9b} = \\u{202e}1\n  |                ^^^^^^^^\n  |\n  = help: h")]
    fn an_error_is_shown_in_its_line_with_control_characters_escaped(
        #[case] text: &str,
        #[case] span: std::ops::Range<usize>,
        #[case] shown: &str,
    ) {
        let (file, message, help) = ("f".to_owned(), "m".to_owned(), Some("h".to_owned()));
        let error = SuiteError { file, text: text.into(), span, message, help };
        let (number, column) = error.position();
        let place = format!("error: f:{number}:{column}: m");
        assert_eq!(rendered(&error, &Renderer::plain()), shown.replacen("e: m", &place, 1));
    }

    #[rstest]
    #[case(None, 32)]
    #[case(Some(200), 32)]
    #[case(Some(96), 32)]
    #[case(Some(40), 13)]
    #[case(Some(1), 1)]
    fn a_bar_leaves_room_for_its_numbers(#[case] width: Option<u16>, #[case] cells: u16) {
        assert_eq!(bar_cells(width), cells);
    }

    #[test]
    fn the_text_of_an_error_is_escaped() {
        let (file, message, help) =
            ("f\u{7}".to_owned(), "\u{1b}[1m\nm".to_owned(), Some("\u{202e}".to_owned()));
        let error = SuiteError { file, text: "".into(), span: 0..0, message, help };
        let shown = rendered(&error, &Renderer::plain());
        assert_eq!(shown, "error: f\\u{7}:1:1: \\u{1b}[1m; m\n |\n = help: \\u{202e}");
    }
}
