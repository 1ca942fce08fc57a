//! A builder for Markdown pages.

/// A Markdown page under construction. Untrusted text must be escaped before it is added.
pub(super) struct Page(String);

impl Page {
    pub(super) fn new(title: &str) -> Self {
        Self(format!("# {title}\n\n"))
    }

    pub(super) fn line(&mut self, line: &str) {
        self.0 += line;
        self.0.push('\n');
    }

    /// Adds a line after an empty one.
    pub(super) fn text(&mut self, line: &str) {
        self.0.push('\n');
        self.line(line);
    }

    pub(super) fn heading(&mut self, title: &str) {
        self.text(&format!("## {title}\n"));
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}
