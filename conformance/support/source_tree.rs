//! The modules of Rust sources, with what each declares, imports and mentions. Code for tests is left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::{
    Attribute, Item, ItemMacro, ItemMod, ItemUse, LitStr, Macro, UseTree, Visibility,
    visit::{self, Visit},
};

/// The crate that the programs use by its name.
pub(crate) const LIBRARY: &str = "src/lib.rs";

/// The programs.
const PROGRAMS: [&str; 2] = ["src/main.rs", "src/torch/main.rs"];

/// Every module of the library and of the programs.
pub(crate) struct SourceTree {
    pub(crate) modules: Vec<Module>,
}

/// A file, or a module written out in one.
#[derive(Default)]
pub(crate) struct Module {
    pub(crate) file: String,
    pub(crate) parent: Option<usize>,
    pub(crate) children: BTreeMap<String, usize>,
    /// Names of functions, types, traits and values.
    pub(crate) items: BTreeSet<String>,
    /// The rules of each `macro_rules!`.
    pub(crate) macros: BTreeMap<String, TokenStream>,
    pub(crate) imports: Vec<Import>,
    /// Paths in expressions, types, patterns, attributes and the arguments of macros.
    pub(crate) mentions: Vec<Mention>,
    /// Macros that are called.
    pub(crate) calls: Vec<Call>,
    /// Identifiers and string literals.
    pub(crate) words: Vec<(String, usize)>,
}

/// One name that a `use` brings into a module.
pub(crate) struct Import {
    /// `None` for a glob.
    pub(crate) name: Option<String>,
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
    /// Whether others may use the name through this module.
    pub(crate) is_reexport: bool,
}

/// A path in the text of a module.
#[derive(Clone)]
pub(crate) struct Mention {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

/// A call of a macro.
pub(crate) struct Call {
    pub(crate) name: Mention,
    pub(crate) arguments: TokenStream,
    /// Whether it stands where items do, and so may declare some.
    pub(crate) is_item: bool,
}

impl SourceTree {
    /// The sources of the package in this folder.
    pub(crate) fn of_package(root: &Path) -> Self {
        let mut texts = BTreeMap::new();
        let mut folders = vec![root.join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(root).expect("a path below the root");
                    let text = fs::read_to_string(&path).expect("a source file");
                    texts.insert(name.to_str().expect("a name in UTF-8").to_owned(), text);
                }
            }
        }
        Self::of(&texts)
    }

    /// The sources with these names and texts.
    ///
    /// # Panics
    /// When one is not Rust, or no `mod` leads to it.
    pub(crate) fn of(texts: &BTreeMap<String, String>) -> Self {
        let mut tree = Self { modules: Vec::new() };
        let mut unread: BTreeSet<&str> = texts.keys().map(String::as_str).collect();
        for root in [LIBRARY, PROGRAMS[0], PROGRAMS[1]] {
            if texts.contains_key(root) {
                tree.read(root, None, texts, &mut unread);
            }
        }
        unread.retain(|file| !is_for_tests(file, texts));
        assert!(unread.is_empty(), "no `mod` leads to {unread:?}");
        tree
    }

    /// The module that `crate` stands for.
    pub(crate) fn root(&self, module: usize) -> usize {
        self.modules[module].parent.map_or(module, |parent| self.root(parent))
    }

    /// The library, as a program sees it.
    pub(crate) fn library(&self) -> Option<usize> {
        self.modules.iter().position(|module| module.file == LIBRARY)
    }

    fn read<'a>(
        &mut self,
        file: &str,
        parent: Option<usize>,
        texts: &'a BTreeMap<String, String>,
        unread: &mut BTreeSet<&'a str>,
    ) -> usize {
        unread.remove(file);
        let tokens: TokenStream = texts[file].parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        let parsed: syn::File =
            syn::parse2(without_tests(tokens)).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.module(file, &parsed.items, parent, texts, unread)
    }

    fn module<'a>(
        &mut self,
        file: &str,
        items: &[Item],
        parent: Option<usize>,
        texts: &'a BTreeMap<String, String>,
        unread: &mut BTreeSet<&'a str>,
    ) -> usize {
        let own = self.modules.len();
        let mut reader = ModuleReader {
            module: Module { file: file.to_owned(), parent, ..Module::default() },
            nested: Vec::new(),
        };
        for item in items {
            reader.visit_item(item);
        }
        self.modules.push(reader.module);
        for nested in reader.nested {
            let name = nested.ident.to_string();
            let child = match &nested.content {
                Some((_, items)) => self.module(file, items, Some(own), texts, unread),
                None => self.read(&file_of_child(file, &name, texts), Some(own), texts, unread),
            };
            self.modules[own].children.insert(name, child);
        }
        own
    }
}

/// The file of a module that is declared in this one.
fn file_of_child(file: &str, name: &str, texts: &BTreeMap<String, String>) -> String {
    let (folder, own) = file.rsplit_once('/').expect("a file in src");
    let folder = match own {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        own => format!("{folder}/{}", own.trim_end_matches(".rs")),
    };
    let candidates = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
    let found = candidates.into_iter().find(|candidate| texts.contains_key(candidate));
    found.unwrap_or_else(|| panic!("{file}: no file of `mod {name}`"))
}

/// Whether the file is declared as a module for tests only.
fn is_for_tests(file: &str, texts: &BTreeMap<String, String>) -> bool {
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let declarations = ["mod", "pub mod", "pub(crate) mod"].map(|words| format!("{words} {stem};"));
    texts.values().any(|text| {
        let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "#[cfg(test)]");
        lines.any(|line| declarations.iter().any(|declaration| declaration == line))
    })
}

/// The tokens without items, fields and attributes that are compiled for tests only.
fn without_tests(tokens: TokenStream) -> TokenStream {
    let mut kept: Vec<TokenTree> = Vec::new();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        if is_punctuation(&token, '#')
            && let Some(TokenTree::Group(attribute)) = rest.peek()
            && attribute.delimiter() == Delimiter::Bracket
        {
            let text = attribute.stream().to_string().replace(' ', "");
            if text.starts_with("cfg(test") || text.starts_with("cfg(all(test") {
                rest.next();
                skip_item(&mut rest);
                // The attributes and doc comments above it.
                while let [.., mark, TokenTree::Group(above)] = &kept[..]
                    && is_punctuation(mark, '#')
                    && above.delimiter() == Delimiter::Bracket
                {
                    kept.truncate(kept.len() - 2);
                }
                continue;
            }
            if text.starts_with("cfg_attr(test") {
                rest.next();
                continue;
            }
        }
        kept.push(match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_tests(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => token,
        });
    }
    kept.into_iter().collect()
}

/// Skips to behind the item: a `;`, or the braces of its body.
fn skip_item(rest: &mut impl Iterator<Item = TokenTree>) {
    let mut ends_with_body = true;
    for token in rest {
        match &token {
            TokenTree::Ident(word) if ["use", "static", "type", "let"].contains(&&*word.to_string()) => {
                ends_with_body = false;
            }
            TokenTree::Group(group) if ends_with_body && group.delimiter() == Delimiter::Brace => return,
            TokenTree::Punct(mark) if mark.as_char() == ';' => return,
            TokenTree::Ident(_) | TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn is_punctuation(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punctuation) if punctuation.as_char() == mark)
}

struct ModuleReader {
    module: Module,
    nested: Vec<ItemMod>,
}

impl<'ast> Visit<'ast> for ModuleReader {
    fn visit_item(&mut self, item: &'ast Item) {
        let name = match item {
            Item::Const(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Fn(item) => Some(&item.sig.ident),
            Item::Static(item) => Some(&item.ident),
            Item::Struct(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            // The rest declares no name, or has a method of its own below. `Item` may grow.
            _ => None,
        };
        self.module.items.extend(name.map(Ident::to_string));
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.nested.push(item.clone());
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let is_reexport = !matches!(item.vis, Visibility::Inherited);
        self.import(&item.tree, &mut Vec::new(), is_reexport);
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        match &item.ident {
            Some(name) => {
                self.module.macros.insert(name.to_string(), item.mac.tokens.clone());
                words_in(item.mac.tokens.clone(), &mut self.module.words);
            }
            None => self.call(&item.mac, true),
        }
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.call(called, false);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.module.mentions.push(mention(path));
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        if let syn::Meta::List(list) = &attribute.meta {
            let (mentions, _) = paths_in(list.tokens.clone());
            self.module.mentions.extend(mentions);
            let mut words = Vec::new();
            words_in(list.tokens.clone(), &mut words);
            if attribute.path().is_ident("serde") {
                // Paths of functions and types are strings there.
                for (text, line) in &words {
                    let tokens = text.parse::<TokenStream>().unwrap_or_default();
                    let (mentions, _) = paths_in(tokens);
                    let mentions = mentions.into_iter().filter(|mention| mention.path.len() > 1);
                    let at_line = mentions.map(|mention| Mention { line: *line, ..mention });
                    self.module.mentions.extend(at_line);
                }
            }
            self.module.words.extend(words);
        }
    }

    /// `pub(super)` and `pub(in path)` use nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_ident(&mut self, word: &'ast Ident) {
        self.module.words.push((word.to_string(), line(word.span())));
    }

    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        self.module.words.push((text.value(), line(text.span())));
    }
}

impl ModuleReader {
    fn import(&mut self, tree: &UseTree, path: &mut Vec<String>, is_reexport: bool) {
        let mut add = |name: Option<String>, word: Option<&Ident>, at: proc_macro2::Span| {
            let path = path.iter().cloned().chain(word.map(Ident::to_string)).collect::<Vec<_>>();
            self.module.words.extend(path.last().map(|word| (word.clone(), line(at))));
            self.module.imports.push(Import { name, path, line: line(at), is_reexport });
        };
        match tree {
            UseTree::Name(used) if used.ident == "self" => {
                add(path.last().cloned(), None, used.ident.span());
            }
            UseTree::Name(used) => add(Some(used.ident.to_string()), Some(&used.ident), used.ident.span()),
            UseTree::Rename(used) => {
                let word = Some(&used.ident).filter(|word| *word != "self");
                add(Some(used.rename.to_string()), word, used.ident.span());
            }
            UseTree::Glob(used) => add(None, None, used.star_token.spans[0]),
            UseTree::Path(used) => {
                path.push(used.ident.to_string());
                self.import(&used.tree, path, is_reexport);
                path.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, path, is_reexport);
                }
            }
        }
    }

    fn call(&mut self, called: &Macro, is_item: bool) {
        let (mentions, calls) = paths_in(called.tokens.clone());
        self.module.mentions.extend(mentions);
        self.module.calls.push(Call {
            name: mention(&called.path),
            arguments: called.tokens.clone(),
            is_item,
        });
        self.module.calls.extend(calls);
        words_in(called.tokens.clone(), &mut self.module.words);
    }
}

fn mention(path: &syn::Path) -> Mention {
    let words = path.segments.iter().map(|segment| segment.ident.to_string());
    let first = path.segments.first().map_or(0, |segment| line(segment.ident.span()));
    Mention { path: words.collect(), line: first }
}

/// The paths in tokens that may be anything, and the macros that they call.
pub(crate) fn paths_in(tokens: TokenStream) -> (Vec<Mention>, Vec<Call>) {
    let (mut mentions, mut calls) = (Vec::new(), Vec::new());
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut index = 0;
    while index < tokens.len() {
        match &tokens[index] {
            TokenTree::Group(group) => {
                let (inner, called) = paths_in(group.stream());
                mentions.extend(inner);
                calls.extend(called);
            }
            TokenTree::Ident(first) => {
                let before = |back: usize, mark| index >= back && is_punctuation(&tokens[index - back], mark);
                let is_variable = before(1, '$') && first != "crate";
                let is_member = before(1, '.') && !before(2, '.');
                let is_lifetime = before(1, '\'');
                let mut path = vec![first.to_string()];
                while let [_, one, two, TokenTree::Ident(next), ..] = &tokens[index..]
                    && is_punctuation(one, ':')
                    && is_punctuation(two, ':')
                {
                    path.push(next.to_string());
                    index += 3;
                }
                let mention = Mention { path, line: line(first.span()) };
                if let [_, mark, TokenTree::Group(arguments), ..] = &tokens[index..]
                    && is_punctuation(mark, '!')
                {
                    let (name, arguments) = (mention, arguments.stream());
                    calls.push(Call { name, arguments, is_item: false });
                } else if !is_variable && !is_member && !is_lifetime {
                    mentions.push(mention);
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        index += 1;
    }
    (mentions, calls)
}

/// The identifiers and string literals among tokens.
pub(crate) fn words_in(tokens: TokenStream, words: &mut Vec<(String, usize)>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => words_in(group.stream(), words),
            TokenTree::Ident(word) => words.push((word.to_string(), line(word.span()))),
            TokenTree::Literal(literal) => {
                let at = line(literal.span());
                if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                    words.push((text.value(), at));
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

fn line(span: proc_macro2::Span) -> usize {
    span.start().line
}
