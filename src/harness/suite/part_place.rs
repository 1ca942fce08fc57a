//! Where a part of an expectation is written: in a step, or in the example that a step takes it from.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Check,
    document::placeholder,
    each_after_each::{EACH_AFTER_EACH, STEPS},
    part::{PartPath, Segment},
    position::LineStarts,
};

/// The key of a step that has its expectations.
const EXPECT: &str = "expect";

/// The place of a part in the text of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartPlace {
    /// The byte offset. Checks of one case share a part if it is at the same offset.
    pub offset: usize,
    /// The line, from 1.
    pub line: usize,
}

/// A case file, parsed to find the places of its parts.
pub struct CasePlaces<'a> {
    lines: LineStarts,
    tree: DeTable<'a>,
}

impl<'a> CasePlaces<'a> {
    /// Parses the text of a case, which was valid when the suite was read.
    ///
    /// # Errors
    /// When it is not valid TOML.
    pub fn read(text: &'a str) -> Result<Self, toml::de::Error> {
        Ok(Self { lines: LineStarts::of(text), tree: DeTable::parse(text)?.into_inner() })
    }

    /// The place of a part of the expectation with this name in a check. A value that a variant gives is at
    /// the placeholder of its field.
    pub fn of(&self, check: &Check, expectation: &str, part: &PartPath) -> PartPlace {
        let found = self.expectation(expectation).map(|table| self.within(check, table, part.segments()));
        let offset = found.unwrap_or_default();
        PartPlace { offset, line: self.lines.line(offset) }
    }

    fn expectation(&self, name: &str) -> Option<&Spanned<DeValue<'a>>> {
        let lists = [STEPS, EACH_AFTER_EACH].into_iter().filter_map(|key| self.tree.get(key));
        let mut steps = lists.filter_map(|list| list.get_ref().as_array()).flat_map(|list| list.iter());
        steps.find_map(|step| step.get_ref().as_table()?.get(EXPECT)?.get_ref().as_table()?.get(name))
    }

    /// The place of the part, or of the smallest table around it that the file has.
    fn within(&self, check: &Check, value: &Spanned<DeValue<'a>>, path: &[Segment]) -> usize {
        let value = match value.get_ref() {
            DeValue::String(text) => {
                placeholder(text).and_then(|field| self.field(check, field)).unwrap_or(value)
            }
            _ => value,
        };
        let inner = match (value.get_ref(), path) {
            (DeValue::Table(table), [Segment::Key(key), rest @ ..]) => {
                table.get(key.as_str()).map(|inner| (inner, rest))
            }
            (DeValue::Array(items), [Segment::Index(index), rest @ ..]) => {
                items.get(*index).map(|inner| (inner, rest))
            }
            _ => None,
        };
        inner.map_or(value.span().start, |(inner, rest)| self.within(check, inner, rest))
    }

    /// A field of the example of this check.
    fn field(&self, check: &Check, field: &str) -> Option<&Spanned<DeValue<'a>>> {
        let id = check.id.strip_prefix(check.case.id.as_str())?;
        let name = id.strip_prefix('[')?.strip_suffix(']')?;
        let examples = self.tree.get("examples")?.get_ref().as_table()?;
        // The name of a variant may follow that of the example.
        let is_own = |example: &str| {
            name.strip_prefix(example).is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
        };
        let own = examples.iter().find(|(example, _)| is_own(example.get_ref()))?;
        own.1.get_ref().as_table()?.get(field)
    }
}
