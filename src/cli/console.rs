//! What is printed, and where: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal as _, Write as _};

use clap::builder::styling::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};

use crate::{evidence::line, suite::SuiteError};

/// `1 error`, `2 errors`.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Standard output and error, with colour where a person looks at them and has not asked for none.
#[derive(Debug)]
pub(super) struct Console {
    colour_out: bool,
    colour_err: bool,
}

impl Console {
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            colour_out: wanted && io::stdout().is_terminal(),
            colour_err: wanted && io::stderr().is_terminal(),
        }
    }

    /// Prints a result as it is. A reader that is gone, as in `| head`, is no reason to fail: what the
    /// program found is in its exit code.
    pub(super) fn print(&self, text: &str) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Text for standard output in the colour of a good result.
    pub(super) fn good(&self, text: &str) -> String {
        painted(text, AnsiColor::Green, self.colour_out)
    }

    /// Text for standard output in the colour of an odd result.
    pub(super) fn odd(&self, text: &str) -> String {
        painted(text, AnsiColor::Yellow, self.colour_out)
    }

    /// Text for standard output in the colour of a bad result.
    pub(super) fn bad(&self, text: &str) -> String {
        painted(text, AnsiColor::Red, self.colour_out)
    }

    /// Tells what went wrong. A message may quote a stranger: what would move the cursor is spelled, and a further line
    /// stands further in, so that it is none of ours.
    pub(super) fn error(&self, message: &str) {
        let head = painted("error:", AnsiColor::Red, self.colour_err);
        let lines: Vec<String> = message.lines().map(line).collect();
        let _ = writeln!(io::stderr().lock(), "{head} {}", lines.join("\n  "));
    }

    /// Tells something beside the result.
    pub(super) fn note(&self, message: &str) {
        let lines: Vec<String> = message.lines().map(line).collect();
        let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
    }

    /// Shows the mistakes of a suite where they stand.
    pub(super) fn suite_errors(&self, errors: &[SuiteError]) {
        let theme =
            if self.colour_err { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
        for error in errors {
            let (line, column) = error.position();
            let mut diagnostic =
                MietteDiagnostic::new(format!("{}:{line}:{column}: {}", error.file, error.message));
            diagnostic.help = error.help.clone();
            if !error.text.is_empty() && !error.span.is_empty() {
                diagnostic = diagnostic.with_label(LabeledSpan::new_with_span(None, error.span.clone()));
            }
            let report = Report::new(diagnostic).with_source_code(
                NamedSource::new(&error.file, error.text.to_string()).with_language("TOML"),
            );
            let mut shown = String::new();
            if handler.render_report(&mut shown, report.as_ref()).is_err() {
                shown = error.to_string();
            }
            // Painted already, and without hidden characters of its own.
            let _ = writeln!(io::stderr().lock(), "{shown}");
        }
        let count =
            if errors.len() == 1 { "1 mistake".to_owned() } else { format!("{} mistakes", errors.len()) };
        self.error(&format!("the suite is invalid: {count}"));
    }

    /// A bar on standard error while a person waits; nothing where nobody looks.
    pub(super) fn progress(&self, length: usize) -> ProgressBar {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(u64::try_from(length).ok(), target);
        // The template is a constant of ours, so that it parses; the plain bar does as well if it ever does not.
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        bar
    }

    /// The same for work whose length is not known before: how many bytes were looked at.
    pub(super) fn progress_bytes(&self) -> ProgressBar {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {msg} {binary_bytes} ({binary_bytes_per_sec})")
        {
            bar.set_style(style);
        }
        bar
    }
}

fn painted(text: &str, colour: AnsiColor, coloured: bool) -> String {
    if !coloured {
        return text.to_owned();
    }
    let style = Style::new().fg_color(Some(colour.into())).bold();
    format!("{style}{text}{style:#}")
}
