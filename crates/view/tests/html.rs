//! Reading pages as strictly as they are written: every tag and attribute is one of ours, and every link leads somewhere.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// Tags, and attributes that may lead somewhere or say something.
const TAGS: &[&str] = &[
    "!DOCTYPE", "html", "head", "meta", "title", "link", "body", "a", "header", "div", "nav", "main", "h1", "h2", "p",
    "ul", "ol", "li", "section", "dl", "dt", "dd", "span", "time", "table", "thead", "tbody", "tr", "th", "td",
    "strong", "details", "summary", "pre", "code", "br",
];
const ATTRIBUTES: &[&str] = &[
    "html",
    "lang",
    "charset",
    "name",
    "content",
    "http-equiv",
    "rel",
    "href",
    "type",
    "title",
    "class",
    "id",
    "scope",
    "open",
    "aria-label",
    "aria-labelledby",
    "aria-current",
    "datetime",
    "role",
    "tabindex",
];

/// Checks a page and gives the addresses that it links to, as a browser understands them.
pub(crate) fn links(html: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a > that ends no tag: {:?}", &rest[..at]);
        rest = &rest[at + 1..];
        let mut quoted = false;
        let end = rest.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let tag = &rest[..end.expect("a tag that does not end")];
        rest = &rest[tag.len() + 1..];
        let tag = tag.trim_start_matches('/');
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(TAGS.contains(&name), "<{tag}>");
        let mut attributes = attributes.trim();
        while !attributes.is_empty() {
            let name_end = attributes.find(['=', ' ']).unwrap_or(attributes.len());
            let name = &attributes[..name_end];
            assert!(ATTRIBUTES.contains(&name), "{name} in <{tag}>");
            attributes = &attributes[name_end..];
            if let Some(value) = attributes.strip_prefix("=\"") {
                let (value, behind) = value.split_once('"').unwrap();
                attributes = behind;
                if name == "href" {
                    links.push(unescaped(value));
                }
            }
            attributes = attributes.trim_start();
        }
    }
    links
}

pub(crate) fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let (name, behind) = behind.split_once(';').expect("an & that is no reference");
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            _ => char::from_u32(name.strip_prefix('#').unwrap().parse().unwrap()).unwrap(),
        });
        rest = behind;
    }
    out + rest
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut from = text.bytes();
    while let Some(byte) = from.next() {
        let hex = |from: &mut std::str::Bytes<'_>| char::from(from.next().unwrap()).to_digit(16).unwrap();
        bytes.push(if byte == b'%' { u8::try_from(hex(&mut from) * 16 + hex(&mut from)).unwrap() } else { byte });
    }
    String::from_utf8(bytes).unwrap()
}

/// Every file of a site, from its folder.
pub(crate) fn files(site: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![site.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(site).unwrap().to_owned());
            }
        }
    }
    found
}

/// Checks every page of a site. Links to packages are those that begin with `packages`; the others lead to files of the site or
/// to the web. Gives how many pages there are.
pub(crate) fn check(site: &Path, packages: &str) -> usize {
    let files = files(site);
    let mut reached: BTreeSet<PathBuf> = ["index.html"].map(PathBuf::from).into();
    let mut pages = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "html")) {
        pages += 1;
        let html = fs_err::read_to_string(site.join(file)).unwrap();
        for link in links(&html) {
            let to_web = link.starts_with("https://") || link.starts_with("http://");
            if to_web || link.starts_with('#') {
                continue;
            }
            let link = link.trim_start_matches("./");
            if !packages.is_empty() && link.trim_start_matches("../").starts_with(packages) {
                continue;
            }
            assert!(!link.split(['/', '?', '#']).next().unwrap().contains(':'), "{link} has a scheme");
            let mut place = file.parent().unwrap().to_owned();
            for part in Path::new(&percent_decoded(link)).components() {
                match part {
                    Component::ParentDir => assert!(place.pop(), "{link} in {} leads out", file.display()),
                    Component::Normal(part) => place.push(part),
                    _ => panic!("{link} in {}", file.display()),
                }
            }
            assert!(files.contains(&place), "{link} in {} leads nowhere", file.display());
            reached.insert(place);
        }
    }
    let pages_of = |files: &BTreeSet<PathBuf>| -> BTreeSet<PathBuf> {
        files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "html")).cloned().collect()
    };
    let lost: Vec<_> = pages_of(&files).difference(&pages_of(&reached)).cloned().collect();
    assert!(lost.is_empty(), "nothing leads to {lost:?}");
    pages
}
