//! What is printed, and where: results to standard output, everything else to standard error.

use std::io::{self, IsTerminal as _, Write as _};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use clap::builder::styling::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    harness::suite::SuiteError,
    text::{line, source},
};

/// `1 error`, `2 errors`.
pub(super) fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Standard output and error, with color where a person looks at them and has not asked for none.
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

    /// Text for standard output in the color of a good result.
    pub(super) fn good(&self, text: &str) -> String {
        painted(text, AnsiColor::Green, self.colour_out)
    }

    /// Text for standard output in the color of an odd result.
    pub(super) fn odd(&self, text: &str) -> String {
        painted(text, AnsiColor::Yellow, self.colour_out)
    }

    /// Text for standard output in the color of a bad result.
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
        let renderer = if self.colour_err { Renderer::styled() } else { Renderer::plain() };
        for error in errors {
            let _ = writeln!(io::stderr().lock(), "{}\n", rendered(error, &renderer));
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

/// A mistake with the lines it is in, and what to do about it.
///
/// The text is a stranger's. It is escaped in three parts, so that the place is known in the escaped text too.
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

fn painted(text: &str, colour: AnsiColor, coloured: bool) -> String {
    if !coloured {
        return text.to_owned();
    }
    let style = Style::new().fg_color(Some(colour.into())).bold();
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
    #[case::outside_of_the_text("a = 1\n", 90..91, "e: m\n |\n = help: h")]
    #[case::hidden("\u{1b}\u{9b} = \u{202e}1\r\n", 6..9, "e: m\n  |\n1 | \\u{1b}\\u{9b} = \\u{202e}1\n  |                ^^^^^^^^\n  |\n  = help: h")]
    fn a_mistake_is_shown_in_its_line_and_hides_nothing(
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

    #[test]
    fn what_a_mistake_says_hides_nothing() {
        let (file, message, help) =
            ("f\u{7}".to_owned(), "\u{1b}[1m\nm".to_owned(), Some("\u{202e}".to_owned()));
        let error = SuiteError { file, text: "".into(), span: 0..0, message, help };
        let shown = rendered(&error, &Renderer::plain());
        assert_eq!(shown, "error: f\\u{7}:1:1: \\u{1b}[1m; m\n |\n = help: \\u{202e}");
    }
}
