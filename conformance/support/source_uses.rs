//! Which file uses which: every path of a [`SourceTree`] resolved to the file that declares what it names.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;

use crate::source_tree::{Import, Mention, SourceTree, paths_in, words_in};

/// One file using another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) line: usize,
    pub(crate) path: String,
    pub(crate) kind: UseKind,
}

/// What is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UseKind {
    /// Something that the other file declares.
    Item,
    /// A module, for what is in it; each thing is a use of its own.
    Module,
    /// Only its name, for others.
    Reexport,
}

/// A path that leaves the package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExternalUse {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) path: String,
}

/// What all paths of the sources lead to.
#[derive(Default)]
pub(crate) struct Uses {
    pub(crate) internal: BTreeSet<Use>,
    pub(crate) external: BTreeSet<ExternalUse>,
    /// Paths into the package that lead nowhere: what the resolver does not understand.
    pub(crate) unresolved: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Module(usize),
    /// Something declared in this module.
    Item(usize),
    External(Vec<String>),
    Unresolved,
}

type Seen = BTreeSet<(usize, String)>;

impl Uses {
    /// Resolves every path.
    pub(crate) fn of(tree: &SourceTree) -> Self {
        let mut uses = Self::default();
        for (index, module) in tree.modules.iter().enumerate() {
            for import in &module.imports {
                uses.add_import(tree, index, import);
            }
            for mention in &module.mentions {
                uses.add_mention(tree, index, mention);
            }
            for call in &module.calls {
                uses.add_call(tree, index, &call.name, &mut BTreeSet::new());
            }
        }
        uses
    }

    fn add_import(&mut self, tree: &SourceTree, module: usize, import: &Import) {
        let path = match import.name {
            Some(_) => import.path.join("::"),
            None => format!("{}::*", import.path.join("::")),
        };
        let mention = Mention { path: import.path.clone(), line: import.line };
        for target in resolve(tree, module, &import.path, &mut Seen::new()) {
            let kind = match (&target, import.is_reexport) {
                (_, true) => UseKind::Reexport,
                (Target::Module(_), false) => UseKind::Module,
                (Target::Item(_) | Target::External(_) | Target::Unresolved, false) => UseKind::Item,
            };
            self.add(tree, module, target, &mention, &path, kind);
        }
    }

    fn add_mention(&mut self, tree: &SourceTree, module: usize, mention: &Mention) {
        if matches!(&*mention.path.join("::"), "crate" | "self" | "super" | "Self") {
            return;
        }
        let mut targets = resolve(tree, module, &mention.path, &mut Seen::new());
        if targets.iter().any(|target| matches!(target, Target::Item(_))) {
            targets.retain(|target| matches!(target, Target::Item(_)));
        }
        for target in targets {
            let kind = match &target {
                Target::Module(_) => UseKind::Module,
                Target::Item(_) | Target::External(_) | Target::Unresolved => UseKind::Item,
            };
            self.add(tree, module, target, mention, &mention.path.join("::"), kind);
        }
    }

    /// The macro itself, and the paths in its rules: they are resolved where it is called.
    fn add_call(&mut self, tree: &SourceTree, module: usize, name: &Mention, called: &mut BTreeSet<String>) {
        let path = name.path.join("::");
        if !called.insert(path.clone()) {
            return;
        }
        for target in resolve(tree, module, &name.path, &mut Seen::new()) {
            let rules = match &target {
                Target::Item(declared) => {
                    name.path.last().and_then(|name| tree.modules[*declared].macros.get(name))
                }
                Target::External(_) => None,
                // `matches` may be a module of ours too; a macro is not in it.
                Target::Module(_) | Target::Unresolved => continue,
            };
            let (mentions, calls) = rules.cloned().map(paths_in).unwrap_or_default();
            for mention in mentions {
                self.add_mention(tree, module, &Mention { line: name.line, ..mention });
            }
            for call in calls {
                self.add_call(tree, module, &Mention { line: name.line, ..call.name }, called);
            }
            self.add(tree, module, target, name, &format!("{path}!"), UseKind::Item);
        }
    }

    fn add(
        &mut self,
        tree: &SourceTree,
        module: usize,
        target: Target,
        mention: &Mention,
        path: &str,
        kind: UseKind,
    ) {
        let (from, line) = (tree.modules[module].file.clone(), mention.line);
        match target {
            Target::Module(to) | Target::Item(to) => {
                let to = tree.modules[to].file.clone();
                if to != from {
                    self.internal.insert(Use { from, to, line, path: path.to_owned(), kind });
                }
            }
            Target::External(found) => {
                let mark = ["!", "::*"].into_iter().find(|mark| path.ends_with(mark)).unwrap_or_default();
                let path = format!("{}{mark}", found.join("::"));
                self.external.insert(ExternalUse { file: from, line, path });
            }
            Target::Unresolved => self.unresolved.push(format!("{from}:{line}: {path} leads nowhere")),
        }
    }
}

/// What a path names, as seen in a module. A name may stand for a module and for a function at once.
fn resolve(tree: &SourceTree, module: usize, path: &[String], seen: &mut Seen) -> Vec<Target> {
    let Some((first, mut rest)) = path.split_first() else { return Vec::new() };
    let mut targets = match first.as_str() {
        "crate" => vec![Target::Module(tree.root(module))],
        "self" => vec![Target::Module(module)],
        "super" => {
            let mut above = tree.modules[module].parent;
            while let Some((word, after)) = rest.split_first()
                && word == "super"
            {
                above = above.and_then(|above| tree.modules[above].parent);
                rest = after;
            }
            vec![above.map_or(Target::Unresolved, Target::Module)]
        }
        "Self" => return vec![Target::Item(module)],
        name => {
            let found = lookup(tree, module, name, seen);
            let library = tree.library().filter(|library| *library != tree.root(module));
            match library {
                _ if !found.is_empty() => found,
                Some(library) if name == "bundleproof" => vec![Target::Module(library)],
                Some(_) | None => vec![Target::External(vec![name.to_owned()])],
            }
        }
    };
    for word in rest {
        let mut next = BTreeSet::new();
        for target in &targets {
            match target {
                Target::Module(inside) => next.extend(lookup(tree, *inside, word, seen)),
                Target::External(known) => {
                    next.insert(Target::External(known.iter().chain([word]).cloned().collect()));
                }
                Target::Item(_) | Target::Unresolved => {}
            }
        }
        if next.is_empty() {
            // A variant, or an associated function or constant.
            next.extend(targets.into_iter().filter(|target| matches!(target, Target::Item(_))));
        }
        if next.is_empty() {
            return vec![Target::Unresolved];
        }
        targets = next.into_iter().collect();
    }
    targets
}

/// What a name stands for in a module: declared there, imported, in a glob, or made by a macro.
fn lookup(tree: &SourceTree, module: usize, name: &str, seen: &mut Seen) -> Vec<Target> {
    if !seen.insert((module, name.to_owned())) {
        return Vec::new();
    }
    let own = &tree.modules[module];
    let mut found = BTreeSet::new();
    found.extend(own.children.get(name).copied().map(Target::Module));
    if own.items.contains(name) || own.macros.contains_key(name) {
        found.insert(Target::Item(module));
    }
    for import in own.imports.iter().filter(|import| import.name.as_deref() == Some(name)) {
        found.extend(resolve(tree, module, &import.path, seen));
    }
    if found.is_empty() && is_made_by_a_macro(tree, module, name, seen) {
        found.insert(Target::Item(module));
    }
    if found.is_empty() {
        for import in own.imports.iter().filter(|import| import.name.is_none()) {
            for target in resolve(tree, module, &import.path, &mut seen.clone()) {
                if let Target::Module(inside) = target {
                    found.extend(lookup(tree, inside, name, seen));
                }
            }
        }
    }
    seen.remove(&(module, name.to_owned()));
    found.retain(|target| *target != Target::Unresolved);
    found.into_iter().collect()
}

/// Whether a macro that is called among the items declares the name: its rules do, or its arguments name a type so.
fn is_made_by_a_macro(tree: &SourceTree, module: usize, name: &str, seen: &mut Seen) -> bool {
    tree.modules[module].calls.iter().filter(|call| call.is_item).any(|call| {
        let mut words = Vec::new();
        words_in(call.arguments.clone(), &mut words);
        if name.starts_with(char::is_uppercase) && words.iter().any(|(word, _)| word == name) {
            return true;
        }
        words.clear();
        words_in(rules_of(tree, module, &call.name.path, seen), &mut words);
        words.windows(2).any(|pair| {
            ["const", "static", "fn", "struct", "enum", "trait", "type"].contains(&&*pair[0].0)
                && pair[1].0 == name
        })
    })
}

/// The rules of a macro of the package.
fn rules_of(tree: &SourceTree, module: usize, path: &[String], seen: &mut Seen) -> TokenStream {
    let targets = resolve(tree, module, path, seen);
    let rules = targets.into_iter().find_map(|target| match target {
        Target::Item(declared) => tree.modules[declared].macros.get(path.last()?).cloned(),
        Target::Module(_) | Target::External(_) | Target::Unresolved => None,
    });
    rules.unwrap_or_default()
}
