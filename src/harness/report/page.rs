//! Markdown in the making.

/// A page of Markdown in the making; every piece of text from elsewhere comes in escaped.
pub(super) struct Page(String);

impl Page {
    pub(super) fn new(title: &str) -> Self {
        Self(format!("# {title}\n\n"))
    }

    pub(super) fn line(&mut self, line: &str) {
        self.0 += line;
        self.0.push('\n');
    }

    /// A line with an empty one before it.
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
