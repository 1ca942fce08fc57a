//! Reads JUnit files. They are untrusted: size, depth and number of tests are limited, and nothing is expanded but the five
//! predefined entities and character references.

use quick_xml::{
    Reader, XmlVersion,
    escape::{resolve_predefined_entity, unescape},
    events::{BytesStart, Event},
};

use super::failure;
use crate::{
    harness::runner::{ReportedResult, ReportedTest},
    text::{beginning, ending},
};

/// The longest JUnit file: 64 MiB.
pub const MAX_JUNIT_BYTES: u64 = 64 * 1024 * 1024;
/// The most tests of one file: 200,000.
const MAX_TESTS: usize = 200_000;
/// The longest name or class of one test: 4 KiB.
const MAX_NAME_BYTES: usize = 4 * 1024;
/// The deepest nesting of elements; suites may be nested.
const MAX_DEPTH: usize = 16;
/// The longest text of one failure that is read: 1 MiB. The rest is left out.
const MAX_TEXT_BYTES: usize = 1024 * 1024;
/// The longest message that is kept: 16 KiB.
const MAX_MESSAGE_BYTES: usize = 16 * 1024;
/// The longest text of a failure that is kept: 64 KiB.
const MAX_DETAILS_BYTES: usize = 64 * 1024;

/// One `<testcase>`.
#[derive(Clone, Debug, PartialEq)]
pub struct JunitTest {
    /// Its class name; empty if it has none.
    pub class: String,
    /// Its name.
    pub name: String,
    /// What was reported.
    pub reported: ReportedTest,
    /// Wall time in milliseconds; 0 if the file does not say.
    pub milliseconds: u64,
}

/// Why a file is not read as JUnit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JunitError {
    /// It is not well-formed XML.
    #[error("not well-formed XML at byte {at}: {why}")]
    Xml {
        /// The position in bytes.
        at: u64,
        /// Why.
        why: String,
    },
    /// It is XML of another kind.
    #[error("not JUnit: expected <testsuites> or <testsuite>, found {0}")]
    OtherRoot(String),
    /// It has a document type declaration.
    #[error(
        "a document type declaration (<!DOCTYPE) is refused: JUnit needs none, and its entities could be anything"
    )]
    DocType,
    /// A limit was exceeded.
    #[error("more than {0}")]
    TooMuch(String),
    /// A test has no name.
    #[error("the <testcase> at byte {0} has no name")]
    Unnamed(u64),
}

/// The tests of a JUnit file, in its order.
///
/// # Errors
/// When it is not JUnit, or exceeds a limit.
pub fn read_junit(bytes: &[u8]) -> Result<Vec<JunitTest>, JunitError> {
    let mut reader = Reader::from_reader(bytes);
    reader.config_mut().expand_empty_elements = true;
    let mut file = JunitFile::default();
    loop {
        let event = reader.read_event();
        let at = reader.error_position().max(reader.buffer_position());
        let xml = |why: String| JunitError::Xml { at, why };
        match event.map_err(|error| xml(error.to_string()))? {
            Event::Start(start) => file.start(&start, at)?,
            Event::End(_) => file.end(),
            Event::Text(text) => {
                let text =
                    text.xml_content(XmlVersion::Implicit1_0).map_err(|error| xml(error.to_string()))?;
                file.text(&text);
            }
            Event::CData(text) => {
                let text =
                    text.xml_content(XmlVersion::Implicit1_0).map_err(|error| xml(error.to_string()))?;
                file.text(&text);
            }
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|error| xml(error.to_string()))?;
                let name = reference.decode().map_err(|error| xml(error.to_string()))?;
                match (character, resolve_predefined_entity(&name)) {
                    (Some(character), _) => file.text(character.encode_utf8(&mut [0; 4])),
                    (None, Some(text)) => file.text(text),
                    (None, None) => return Err(xml(format!("unknown entity &{name};"))),
                }
            }
            Event::DocType(_) => return Err(JunitError::DocType),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Empty(_) => {}
            Event::Eof => return file.tests(at),
        }
    }
}

/// What has been read so far.
#[derive(Default)]
struct JunitFile {
    tests: Vec<JunitTest>,
    depth: usize,
    seen_root: bool,
    /// The open `<testcase>` and its depth.
    test: Option<(usize, OpenTest)>,
}

#[derive(Default)]
struct OpenTest {
    class: String,
    name: String,
    milliseconds: u64,
    /// Its direct children that say how it ended: the first of each kind.
    parts: Vec<Part>,
    /// Whether the text is that of the last part.
    in_part: bool,
}

struct Part {
    kind: PartKind,
    type_name: Option<String>,
    message: String,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartKind {
    Failure,
    Error,
    Skipped,
    /// It failed before it passed.
    Flaky,
}

impl JunitFile {
    fn start(&mut self, start: &BytesStart<'_>, at: u64) -> Result<(), JunitError> {
        let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
        if self.depth == 0 {
            if self.seen_root || !matches!(name.as_str(), "testsuites" | "testsuite") {
                return Err(JunitError::OtherRoot(format!("<{}>", beginning(name, 100))));
            }
            self.seen_root = true;
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(JunitError::TooMuch(format!("{MAX_DEPTH} nested elements")));
        }
        match &mut self.test {
            None if name == "testcase" => {
                if self.tests.len() == MAX_TESTS {
                    return Err(JunitError::TooMuch(format!("{MAX_TESTS} tests")));
                }
                let mut test = OpenTest::default();
                for (key, value) in attributes(start, at)? {
                    match key.as_str() {
                        "name" => test.name = value,
                        "classname" => test.class = value,
                        "time" => test.milliseconds = milliseconds(&value),
                        _ => {}
                    }
                }
                if test.name.is_empty() {
                    return Err(JunitError::Unnamed(at));
                }
                for (what, text) in [("name", &test.name), ("class", &test.class)] {
                    if text.len() > MAX_NAME_BYTES {
                        let place = format!("in the {what} of the <testcase> at byte {at}");
                        return Err(JunitError::TooMuch(format!("{MAX_NAME_BYTES} bytes {place}")));
                    }
                }
                self.test = Some((self.depth, test));
            }
            Some((depth, test)) if self.depth == *depth + 1 => {
                let kind = match name.as_str() {
                    "failure" => PartKind::Failure,
                    "error" => PartKind::Error,
                    "skipped" => PartKind::Skipped,
                    "flakyFailure" | "flakyError" => PartKind::Flaky,
                    _ => return Ok(()),
                };
                // Only the first of each kind counts, and a file may have millions.
                if test.parts.iter().any(|part| part.kind == kind) {
                    return Ok(());
                }
                let mut part = Part { kind, type_name: None, message: String::new(), text: String::new() };
                for (key, value) in attributes(start, at)? {
                    match key.as_str() {
                        "type" => part.type_name = Some(value),
                        "message" => part.message = value,
                        _ => {}
                    }
                }
                test.parts.push(part);
                test.in_part = true;
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    fn end(&mut self) {
        if let Some((depth, mut test)) = self.test.take() {
            if self.depth == depth {
                self.tests.push(test.end());
            } else {
                test.in_part &= self.depth != depth + 1;
                self.test = Some((depth, test));
            }
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn text(&mut self, text: &str) {
        let Some((_, test)) =
            self.test.as_mut().filter(|(depth, test)| test.in_part && self.depth == depth + 1)
        else {
            return;
        };
        if let Some(part) = test.parts.last_mut() {
            let room = MAX_TEXT_BYTES.saturating_sub(part.text.len());
            part.text.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
        }
    }

    fn tests(self, at: u64) -> Result<Vec<JunitTest>, JunitError> {
        match (self.seen_root, self.depth) {
            (false, _) => Err(JunitError::OtherRoot("no element".to_owned())),
            (true, 0) => Ok(self.tests),
            (true, _) => Err(JunitError::Xml { at, why: "the file ends before its elements do".to_owned() }),
        }
    }
}

impl OpenTest {
    /// The result. Of several parts, the one that says least about the body counts.
    fn end(self) -> JunitTest {
        let of = |kind| self.parts.iter().find(|part| part.kind == kind);
        let order = [PartKind::Error, PartKind::Skipped, PartKind::Failure, PartKind::Flaky];
        let reported = match order.into_iter().find_map(of) {
            Some(part) => part.reported(),
            None => ReportedTest {
                result: ReportedResult::Passed,
                exception: None,
                message: String::new(),
                details: String::new(),
                raised_at: None,
            },
        };
        JunitTest { class: self.class, name: self.name, reported, milliseconds: self.milliseconds }
    }
}

impl Part {
    fn reported(&self) -> ReportedTest {
        // The words of pytest for a test that was marked to fail and passed.
        let passed = self.message.starts_with("[XPASS(strict)]")
            || self.message == "xfail-marked test passes unexpectedly";
        let is_xfail = self.type_name.as_deref() == Some("pytest.xfail");
        let result = match self.kind {
            PartKind::Failure | PartKind::Skipped if passed => ReportedResult::Xpass,
            PartKind::Skipped if is_xfail => ReportedResult::Xfail,
            PartKind::Skipped => ReportedResult::Skipped,
            PartKind::Failure => ReportedResult::Failed,
            PartKind::Error => ReportedResult::Error,
            PartKind::Flaky => ReportedResult::Flaky,
        };
        let failure = failure::parse(self.type_name.as_deref(), &self.message, &self.text);
        let raised = matches!(self.kind, PartKind::Failure | PartKind::Error);
        ReportedTest {
            result,
            exception: failure.exception.filter(|_| raised && result != ReportedResult::Xpass),
            message: beginning(failure.message, MAX_MESSAGE_BYTES),
            details: ending(self.text.clone(), MAX_DETAILS_BYTES),
            raised_at: failure.raised_at.filter(|_| raised),
        }
    }
}

fn attributes(start: &BytesStart<'_>, at: u64) -> Result<Vec<(String, String)>, JunitError> {
    let xml = |why: String| JunitError::Xml { at, why };
    let mut all = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| xml(error.to_string()))?;
        let key = String::from_utf8_lossy(attribute.key.local_name().as_ref()).into_owned();
        let raw = std::str::from_utf8(&attribute.value).map_err(|error| xml(error.to_string()))?;
        all.push((key, unescape(raw).map_err(|error| xml(error.to_string()))?.into_owned()));
    }
    Ok(all)
}

/// `0.250` seconds in milliseconds; 0 if it is not a duration.
fn milliseconds(seconds: &str) -> u64 {
    let seconds: f64 = seconds.replace(',', "").trim().parse().unwrap_or_default();
    let duration = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rstest::rstest;

    use super::*;

    fn one(inside: &str) -> JunitTest {
        let text = format!(
            "<testsuites><testsuite><properties/><testcase classname=\"a.b\" name=\"c\" time=\"1.25\">{inside}\
             <system-out>x</system-out></testcase></testsuite></testsuites>"
        );
        read_junit(text.as_bytes()).unwrap().remove(0)
    }

    #[rstest]
    #[case("", ReportedResult::Passed)]
    #[case("<failure message='assert 1 == 2'>x</failure>", ReportedResult::Failed)]
    #[case("<error message='failed on setup'/>", ReportedResult::Error)]
    #[case("<failure message='assert 0'/><error message='failed on teardown'/>", ReportedResult::Error)]
    #[case("<skipped type='pytest.skip' message='no torch'/>", ReportedResult::Skipped)]
    #[case("<skipped/>", ReportedResult::Skipped)]
    #[case("<skipped type='pytest.xfail' message='later'/>", ReportedResult::Xfail)]
    #[case("<skipped message='xfail-marked test passes unexpectedly'/>", ReportedResult::Xpass)]
    #[case("<failure message='[XPASS(strict)] later'>x</failure>", ReportedResult::Xpass)]
    #[case("<flakyFailure message='first'/>", ReportedResult::Flaky)]
    #[case("<failure message='assert 0'/><rerunFailure/>", ReportedResult::Failed)]
    #[case("<skipped type='pytest.xfail'/><failure message='assert 0'/>", ReportedResult::Xfail)]
    #[case("<properties><failure/></properties>", ReportedResult::Passed)]
    fn the_children_of_a_test_say_how_it_ended(#[case] inside: &str, #[case] result: ReportedResult) {
        let test = one(inside);
        assert_eq!(test.reported.result, result);
        assert_eq!((test.class.as_str(), test.name.as_str(), test.milliseconds), ("a.b", "c", 1250));
    }

    #[test]
    fn text_attributes_and_cdata_are_read_with_their_references() {
        let test = one(
            "<failure message='&lt;a&gt;&#10;b'>x &amp; <![CDATA[<y>]]>&#x21;\n\nt.py:3: KeyError</failure>",
        );
        assert_eq!(test.reported.message, "<a>\nb");
        assert_eq!(test.reported.details, "x & <y>!\n\nt.py:3: KeyError");
        assert_eq!(test.reported.exception.as_deref(), Some("KeyError"));
    }

    const BOMB: &str =
        "<!DOCTYPE t [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><testsuites>&b;</testsuites>";

    #[rstest]
    #[case::not_xml("{\"tests\": 1}", "not JUnit: expected <testsuites> or <testsuite>, found no element")]
    #[case::empty("", "found no element")]
    #[case::other_xml("<html></html>", "found <html>")]
    #[case::two_roots("<testsuite/><testsuite/>", "found <testsuite>")]
    #[case::bomb(BOMB, "a document type declaration (<!DOCTYPE) is refused")]
    #[case::unknown_entity(
        "<testsuites><testcase name='a'><failure>&b;</failure></testcase></testsuites>",
        "unknown entity &b;"
    )]
    #[case::entity_in_an_attribute("<testsuites><testcase name='&b;'/></testsuites>", "not well-formed XML")]
    #[case::cut_off("<testsuites><testsuite>", "ends before its elements do")]
    #[case::unmatched("<testsuites></testsuite>", "not well-formed XML at byte")]
    #[case::unnamed("<testsuite><testcase/></testsuite>", "has no name")]
    fn anything_else_is_a_clear_error(#[case] text: &str, #[case] says: &str) {
        let error = read_junit(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn only_the_first_part_of_each_kind_is_kept() {
        let test =
            one(&("<error message='first'>1</error>".to_owned()
                + &"<error message='later'>2</error>".repeat(9)));
        assert_eq!((test.reported.message.as_str(), test.reported.details.as_str()), ("first", "1"));
        let mut file = JunitFile::default();
        for element in ["testsuite", "testcase name='a'", "error", "error", "failure"] {
            file.start(&BytesStart::from_content(element, element.find(' ').unwrap_or(element.len())), 0)
                .unwrap();
            if matches!(element, "error" | "failure") {
                file.end();
            }
        }
        assert_eq!(file.test.unwrap().1.parts.len(), 2);
    }

    #[rstest]
    #[case::name("name='{}'", "in the name of the <testcase> at byte")]
    #[case::class("name='a' classname='{}'", "in the class of the <testcase> at byte")]
    fn names_and_classes_are_limited(#[case] attributes: &str, #[case] says: &str) {
        let read = |bytes: usize| {
            let attributes = attributes.replace("{}", &"n".repeat(bytes));
            read_junit(format!("<testsuite><testcase {attributes}/></testsuite>").as_bytes())
        };
        assert_eq!(read(MAX_NAME_BYTES).unwrap().len(), 1);
        let error = read(MAX_NAME_BYTES + 1).unwrap_err().to_string();
        assert!(error.starts_with("more than 4096 bytes ") && error.contains(says), "{error}");
    }

    #[test]
    fn depth_and_the_length_of_texts_are_limited() {
        let deep = "<testsuite>".repeat(MAX_DEPTH + 1);
        assert_eq!(read_junit(deep.as_bytes()), Err(JunitError::TooMuch("16 nested elements".into())));
        let long = format!("<failure message='{}'>{}</failure>", "m".repeat(20_000), "t".repeat(2 << 20));
        let test = one(&long).reported;
        assert_eq!(test.message.len(), MAX_MESSAGE_BYTES + " [cut]".len());
        assert_eq!(test.details.len(), MAX_DETAILS_BYTES + "[cut] ".len());
    }
}
