//! The shell that all pages share: one file without any request, in which everything that a template prints is escaped.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minijinja::{
    AutoEscape, Environment, Error, UndefinedBehavior, Value, context, escape_formatter, filters,
    syntax::SyntaxConfig, value::Serde,
};
use serde::Serialize;

use crate::{text::source, value::Digest};

/// The style of every page, inline.
const STYLE: &str = include_str!("templates/style.css");
/// The script of every page, inline. Without it a page shows everything and filters nothing.
const SCRIPT: &str = include_str!("templates/script.js");

/// The layout that the other templates extend, and the pieces that they share.
const SHARED: [(&str, &str); 2] = [
    ("base.html", include_str!("templates/base.html")),
    ("macros.html", include_str!("templates/macros.html")),
];

/// Why a page cannot be rendered: an error in one of the templates, or a page over the limit of memory.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct HtmlError(#[from] Error);

/// Renders a page. `templates` are its own templates, of which the first is the page; it extends `base.html` and
/// imports `macros.html`. The fields of `view` are its variables.
///
/// Texts in `view` may be hostile. A template cannot print them unescaped, because escaping is not up to it: each
/// printed value loses its control and direction characters and then its markup. The content security policy allows
/// this style and this script by their digests, and nothing else, so that markup which got through could still not run.
///
/// # Errors
/// When a template is wrong, for example names a variable that the view does not have.
pub fn page(templates: &[(&'static str, &'static str)], view: &impl Serialize) -> Result<String, HtmlError> {
    // Without the built-in filters, of which `safe` would get around the escaping.
    let mut environment = Environment::empty();
    environment.add_filter("length", filters::length);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from(source(text))),
        Some(_) | None => escape_formatter(out, state, value),
    });
    for (name, text) in SHARED.iter().chain(templates) {
        environment.add_template(name, text)?;
    }
    let first = templates.first().map_or("base.html", |(name, _)| *name);
    let shell = context! {
        policy => policy(),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
    };
    let view = context! { shell => shell, ..Value::from(Serde(view)) };
    Ok(environment.get_template(first)?.render(view)?)
}

/// The content security policy. An image may be a `data:` address, which is how the page says that it has no icon.
fn policy() -> String {
    let [style, script] = [STYLE, SCRIPT].map(|text| STANDARD.encode(Digest::of(text.as_bytes()).0));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; img-src data:; \
         base-uri 'none'; form-action 'none'"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const ONE: &str = "{% extends 'base.html' %}{% block title %}{{ text }}{% endblock %}\
                       {% block main %}<p title=\"{{ text }}\">{{ text }}</p>{% endblock %}";

    #[test]
    fn every_printed_value_is_escaped() {
        let text = "<script>alert(1)</script>\" onload='x' \u{1b}[31m\u{202e}\u{0}&amp;";
        let html = page(&[("one.html", ONE)], &context! { text }).unwrap();
        let shown = "&lt;script&gt;alert(1)&lt;&#x2f;script&gt;&quot; onload=&#x27;x&#x27; \
                     \\u{1b}[31m\\u{202e}\\u{0}&amp;amp;";
        assert!(html.contains(&format!("<p title=\"{shown}\">{shown}</p>")), "{html}");
        assert!(html.contains(&format!("<title>{shown}</title>")), "{html}");
        assert!(!html.contains(['\u{1b}', '\u{202e}', '\u{0}']), "{html}");
    }

    #[test]
    fn a_variable_that_the_view_does_not_have_is_an_error() {
        let error = page(&[("one.html", ONE)], &context! {}).unwrap_err();
        assert!(error.to_string().contains("undefined"), "{error}");
    }

    #[test]
    fn the_policy_names_the_style_and_the_script_that_are_in_the_page() {
        let html = page(&[("one.html", ONE)], &context! { text => "" }).unwrap();
        for (before, after, directive) in
            [("<style>", "</style>", "style-src"), ("<script>", "</script>", "script-src")]
        {
            let text = html.split_once(before).unwrap().1.split_once(after).unwrap().0;
            let digest = STANDARD.encode(Digest::of(text.as_bytes()).0).replace('/', "&#x2f;");
            assert!(
                html.contains(&format!("{directive} &#x27;sha256-{digest}&#x27;")),
                "{directive} {digest}"
            );
            assert!(!text.contains("</"), "{before}");
        }
        assert_eq!(html.matches("<script").count(), 1);
        assert!(!html.contains(" style=") && !html.contains(" onclick="), "{html}");
    }
}
