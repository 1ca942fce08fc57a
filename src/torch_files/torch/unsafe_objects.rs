//! The objects of a file that the safe mode of torch does not take, each with the place where the first of its kind is.

use indexmap::{IndexMap, IndexSet};

/// An object that the safe mode of torch does not take. Globals are indexes among those that the pickle asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnsafeObject {
    /// The place of the first such object, in Python's subscript notation.
    pub subscript: String,
    /// Whether it is the global by itself, and not an object that is made with it.
    pub is_reference: bool,
    /// How many such objects there are.
    pub places: usize,
    /// The other globals that are not allowed and that are used inside of it.
    pub inside: IndexSet<usize>,
}

/// Such objects by their global: those with no other one around them.
#[derive(Debug, Default)]
pub(super) struct UnsafeObjects {
    found: IndexMap<(usize, bool), UnsafeObject>,
    /// The object that is being gone through.
    open: Option<(usize, bool)>,
}

impl UnsafeObjects {
    /// Notes an object. True if no other one is around it.
    pub(super) fn enter(&mut self, global: usize, is_reference: bool, path: &str) -> bool {
        if let Some(outer) = self.open {
            if let Some(outer) = self.found.get_mut(&outer) {
                outer.inside.insert(global);
            }
            return false;
        }
        let key = (global, is_reference);
        let object = self.found.entry(key).or_insert_with(|| UnsafeObject {
            subscript: path.to_owned(),
            is_reference,
            ..UnsafeObject::default()
        });
        object.places += 1;
        self.open = Some(key);
        true
    }

    /// Ends the object for which [`UnsafeObjects::enter`] returned this.
    pub(super) fn leave(&mut self, is_outermost: bool) {
        if is_outermost {
            self.open = None;
        }
    }

    /// The objects with the index of the global of each.
    pub(super) fn into_found(self) -> Vec<(usize, UnsafeObject)> {
        self.found.into_iter().map(|((global, _), object)| (global, object)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_of_an_object_belongs_to_it() {
        let mut objects = UnsafeObjects::default();
        for path in ["['a']", "['b']"] {
            let outer = objects.enter(0, false, path);
            let inner = objects.enter(1, true, "['a'].x");
            objects.leave(inner);
            objects.leave(outer);
        }
        let reference = objects.enter(1, true, "['c']");
        objects.leave(reference);
        let object = |subscript: &str, is_reference, places, inside: &[usize]| UnsafeObject {
            subscript: subscript.to_owned(),
            is_reference,
            places,
            inside: inside.iter().copied().collect(),
        };
        let expected = vec![(0, object("['a']", false, 2, &[1])), (1, object("['c']", true, 1, &[]))];
        assert_eq!(objects.into_found(), expected);
    }
}
