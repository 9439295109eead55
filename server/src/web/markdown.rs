//! What projects say of themselves, as HTML: Markdown with links and without HTML of its own.

use std::fmt::Write as _;

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Longest text that is shown, in bytes; nobody can store a longer one.
const LIMIT: usize = 256 << 10;
/// Bytes of a text that are looked at for its words.
const PLAIN: usize = 16 << 10;
const OPTIONS: Options = Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH);

/// Renders Markdown. HTML in it is shown as text, only web and mail addresses become links, pictures become links to them (a page
/// shows nothing from elsewhere), and headings are smaller than those of the page.
#[must_use]
pub fn render(text: &str) -> String {
    let text = text.get(..text.floor_char_boundary(LIMIT)).unwrap_or_default();
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    html::push_html(&mut out, Parser::new_ext(text, OPTIONS).map(harmless));
    out
}

/// The words of the beginning of a Markdown text, without its marks; what stands apart there is parted by an empty line.
#[must_use]
pub fn plain(text: &str) -> String {
    let text = text.get(..text.floor_char_boundary(PLAIN)).unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    for event in Parser::new_ext(text, OPTIONS) {
        match event {
            Event::Text(words) | Event::Code(words) | Event::Html(words) | Event::InlineHtml(words) => {
                out.push_str(&words);
            }
            Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::TableCell) => out.push(' '),
            Event::End(
                TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::CodeBlock | TagEnd::TableRow,
            ) => {
                out.push_str("\n\n");
            }
            _ => {}
        }
    }
    out
}

fn harmless(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Link { dest_url, link_type, .. }) => {
            let mail = matches!(link_type, pulldown_cmark::LinkType::Email);
            opening(&if mail { format!("mailto:{dest_url}").into() } else { dest_url })
        }
        Event::Start(Tag::Image { dest_url, .. }) => opening(&dest_url),
        Event::End(TagEnd::Link | TagEnd::Image) => Event::Html(CowStr::Borrowed("</a>")),
        Event::Start(Tag::Heading { level, .. }) => {
            Event::Start(Tag::Heading { level: smaller(level), id: None, classes: Vec::new(), attrs: Vec::new() })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(smaller(level))),
        // Inline styles are forbidden: a table's columns have no alignment.
        Event::Start(Tag::Table(columns)) => {
            Event::Start(Tag::Table(columns.iter().map(|_| pulldown_cmark::Alignment::None).collect()))
        }
        other => other,
    }
}

fn smaller(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

/// The beginning of a link, to nowhere when the address is none that may be followed.
fn opening(address: &str) -> Event<'static> {
    let allowed = url::Url::parse(address).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "mailto"));
    if !allowed {
        return Event::Html(CowStr::Borrowed("<a>"));
    }
    let mut tag = "<a href=\"".to_owned();
    for c in address.chars() {
        match c {
            '"' | '\'' | '<' | '>' | '&' => {
                let _ = write!(tag, "&#{};", u32::from(c));
            }
            c if c.is_control() => {}
            c => tag.push(c),
        }
    }
    tag.push_str("\" rel=\"nofollow noopener\">");
    Event::Html(tag.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_without_their_marks_and_paragraphs_stay_apart() {
        let text =
            "# Head\n\nSome **small** and *friendly* `code`,\n[linked](https://a.example/) <b>x</b>.\n\n* one\n* two\n";
        assert_eq!(plain(text), "Head\n\nSome small and friendly code, linked <b>x</b>.\n\none\n\ntwo\n\n");
        assert_eq!(plain(""), "");
        assert!(plain(&"é*".repeat(PLAIN)).len() <= PLAIN);
    }

    #[test]
    fn text_becomes_paragraphs_lists_code_and_links() {
        let html =
            render("# Greeter\n\nIt *greets*; see <https://example.org/?a=1&b=2> or [mail](mailto:a@b.cd).\n\n- `x`\n");
        assert_eq!(
            html,
            "<h3>Greeter</h3>\n<p>It <em>greets</em>; see <a href=\"https://example.org/?a=1&#38;b=2\" rel=\"nofollow \
             noopener\">https://example.org/?a=1&amp;b=2</a> or <a href=\"mailto:a@b.cd\" rel=\"nofollow \
             noopener\">mail</a>.</p>\n<ul>\n<li><code>x</code></li>\n</ul>\n"
        );
    }

    #[test]
    fn nothing_of_it_runs_or_is_fetched() {
        for hostile in [
            "<script>alert(1)</script>",
            "x <img src=x onerror=alert(1)> y",
            "[x](javascript:alert(1))",
            "[x](JAVA\tSCRIPT:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:x \"title\")",
            "[x](https://a/\"onmouseover=alert(1)//)",
            "[x](<https://a/\"><script>>)",
            "![x](https://elsewhere.example/track.png)",
            "![x\"><script>](javascript:alert(1))",
            "<javascript:alert(1)>",
            "<a@b.cd\"onclick=x>",
            "| a |\n|:-:|\n| <b style=x>1</b> |\n",
            "# <h1 id=x> {#y onclick=alert(1)}",
            "```<script>\n</code></pre><script>\n```",
            "<!-- --><!DOCTYPE x><?php ?><svg/onload=alert(1)>",
            "[a]: javascript:alert(1)\n\n[a]",
            "&lt;script&gt; &#60;script&#62;",
        ] {
            let html = render(hostile);
            for bad in [
                "<script",
                "<img",
                "<svg",
                "href=\"javascript",
                "href=\"data",
                "href=\"vbscript",
                " style=\"",
                "\"onmouseover",
                "<b",
                "<!",
            ] {
                assert!(!html.contains(bad), "{bad} in {html}");
            }
        }
    }

    #[test]
    fn deep_nesting_ends() {
        let html = render(&"> ".repeat(50_000));
        assert!(html.len() < 10_000_000);
        let _ = render(&"[".repeat(100_000));
        let _ = render(&"*a **".repeat(20_000));
    }
}
