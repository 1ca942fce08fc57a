//! Ids of tests: those that runners write into JUnit files, and the selectors that people use.

/// A test id in one spelling, with which both kinds are compared.
///
/// pytest is asked for `tests/test_io.py::TestLoad::test_x[a]` and writes the class name `tests.test_io.TestLoad` and the
/// name `test_x[a]`; nextest writes `my-crate` and `tests::loads`. All separators become dots, except in parameters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TestId(String);

impl TestId {
    /// The id of a test in a JUnit file.
    pub(super) fn of_junit(class: &str, name: &str) -> Self {
        let separator = if class.is_empty() { "" } else { "." };
        Self(format!("{}{separator}{}", dotted(class), without_parameter(name, dotted)))
    }

    /// The id that a selector means.
    pub(super) fn of_selector(selector: &str) -> Self {
        Self(without_parameter(selector, |text| dotted(&text.replacen(".py::", "::", 1))))
    }

    /// The start of the same test with any parameter.
    pub(super) fn with_parameter(&self) -> Self {
        Self(format!("{}[", self.0))
    }

    /// Whether this id starts with another.
    pub(super) fn starts_with(&self, start: &Self) -> bool {
        self.0.starts_with(&start.0)
    }

    /// What follows another id, which this one starts with: `[a]`.
    pub(super) fn rest(&self, start: &Self) -> &str {
        self.0.strip_prefix(&start.0).unwrap_or_default()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

fn dotted(text: &str) -> String {
    text.replace("::", ".").replace('/', ".")
}

/// Changes a name and leaves its parameter as it is.
fn without_parameter(text: &str, change: impl Fn(&str) -> String) -> String {
    match text.find('[') {
        Some(at) => {
            let (name, parameter) = text.split_at(at);
            format!("{}{parameter}", change(name))
        }
        None => change(text),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("tests/torch/test_io.py::TestLoad::test_x", "tests.torch.test_io.TestLoad", "test_x")]
    #[case("test_io.py::test_x", "test_io", "test_x")]
    #[case("test_io.py::test_x[a/b::c.py]", "test_io", "test_x[a/b::c.py]")]
    #[case("my-crate::tests::loads", "my-crate", "tests::loads")]
    #[case("my-crate::cli::tests::loads", "my-crate::cli", "tests::loads")]
    #[case("com.example.LoadTest::loads", "com.example.LoadTest", "loads")]
    fn a_selector_and_the_junit_names_of_a_test_are_equal(
        #[case] selector: &str,
        #[case] class: &str,
        #[case] name: &str,
    ) {
        assert_eq!(TestId::of_selector(selector), TestId::of_junit(class, name));
    }

    #[test]
    fn parameters_follow_the_name() {
        let (all, one) = (TestId::of_selector("t.py::x"), TestId::of_junit("t", "x[a/b]"));
        assert!(one.starts_with(&all.with_parameter()));
        assert_eq!(one.rest(&all), "[a/b]");
        assert!(!TestId::of_junit("t", "xy[a]").starts_with(&all.with_parameter()));
    }
}
