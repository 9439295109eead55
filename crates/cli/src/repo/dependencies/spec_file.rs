//! BuildRequires of a spec file, as far as they can be read without rpm's macros.
//!
//! `Name`, `Version`, `Release`, `Epoch` and macros that `%global` or `%define` give a plain value are put in. What needs
//! more than that, and what stands under a condition, is left out and named.

use std::collections::BTreeMap;

use copr_rpm::Dependency;

/// Bytes that a spec file may have.
pub(super) const LONGEST: u64 = 4 << 20;
/// Macros within macros.
const DEEPEST: usize = 16;
/// Bytes that a line may have once its macros are put in.
const LONGEST_LINE: usize = 64 << 10;

/// What a spec file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) requires: Vec<Dependency>,
    /// Lines that were left out: number, text, why.
    pub(super) left_out: Vec<(usize, String, &'static str)>,
}

/// Reads a spec file for machines of `arch`.
pub(super) fn read(text: &str, arch: &str) -> Spec {
    let mut spec = Spec::default();
    let mut macros: BTreeMap<String, String> = BTreeMap::new();
    macros.extend(isa(arch).map(|isa| ("_isa".to_owned(), isa.to_owned())));
    macros.insert("_arch".to_owned(), arch.to_owned());
    let mut conditions = 0_usize;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let number = number + 1;
        let word = line.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
        match word {
            "%if" | "%ifarch" | "%ifnarch" | "%ifos" | "%ifnos" => conditions += 1,
            "%endif" => conditions = conditions.saturating_sub(1),
            "%global" | "%define" => define(&mut macros, line, conditions > 0),
            _ => {}
        }
        let Some((tag, value)) = line.split_once(':') else { continue };
        let (tag, value) = (tag.trim_end().to_ascii_lowercase(), value.trim());
        match tag.as_str() {
            "name" | "version" | "release" | "epoch" if conditions == 0 && !macros.contains_key(&tag) => {
                macros.insert(tag, value.to_owned());
            }
            "buildrequires" => {
                let left_out = if conditions > 0 {
                    Some("it stands under a condition")
                } else {
                    match expand(value, &macros, 0) {
                        None => Some("it has macros that only rpm can expand"),
                        Some(value) => dependencies(&value).map(|found| spec.requires.extend(found)).err(),
                    }
                };
                spec.left_out.extend(left_out.map(|why| (number, line.to_owned(), why)));
            }
            _ => {}
        }
    }
    spec
}

/// What `%{?_isa}` stands for.
fn isa(arch: &str) -> Option<&'static str> {
    Some(match arch {
        "x86_64" => "(x86-64)",
        "i386" | "i486" | "i586" | "i686" => "(x86-32)",
        "aarch64" => "(aarch-64)",
        "ppc64le" | "ppc64" => "(ppc-64)",
        "s390x" => "(s390-64)",
        "riscv64" => "(riscv-64)",
        _ => return None,
    })
}

/// `%global NAME VALUE`. One with parameters, or under a condition, is known to be unknown.
fn define(macros: &mut BTreeMap<String, String>, line: &str, conditional: bool) {
    let mut words = line.splitn(3, char::is_whitespace);
    let (_, Some(name)) = (words.next(), words.next()) else { return };
    let name = name.trim();
    match words.next().map(str::trim) {
        Some(value) if !conditional && !name.contains('(') => macros.insert(name.to_owned(), value.to_owned()),
        _ => macros.remove(name),
    };
}

/// A text with its macros put in; `None` where one is not known.
fn expand(text: &str, macros: &BTreeMap<String, String>, depth: usize) -> Option<String> {
    if depth > DEEPEST {
        return None;
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let body = from.get(1..)?;
        if let Some(tail) = body.strip_prefix('%') {
            out.push('%');
            rest = tail;
            continue;
        }
        let (name, tail) = match body.strip_prefix('{') {
            Some(inner) => inner.split_once('}')?,
            None => body.split_at(body.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(body.len())),
        };
        let name = name.strip_prefix('?').unwrap_or(name);
        out.push_str(&expand(macros.get(name)?, macros, depth + 1)?);
        if out.len() > LONGEST_LINE {
            return None;
        }
        rest = tail;
    }
    out.push_str(rest);
    (out.len() <= LONGEST_LINE).then_some(out)
}

/// `a, b >= 1 c (d or e)`: dependencies with commas or blanks between them.
fn dependencies(text: &str) -> Result<Vec<Dependency>, &'static str> {
    let mut words = words(text).into_iter().peekable();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let comparison =
            words.peek().is_some_and(|next| matches!(*next, "<" | "<=" | "=" | "==" | ">=" | ">" | "=<" | "=>"));
        let whole = match (comparison, words.next_if(|_| comparison), words.next_if(|_| comparison)) {
            (true, Some(symbol), Some(version)) => format!("{word} {symbol} {version}"),
            (true, ..) => return Err("a version is missing"),
            (false, ..) => word.to_owned(),
        };
        found.push(whole.parse().map_err(|_| "it cannot be understood")?);
    }
    Ok(found)
}

/// Words between commas and blanks; what is in parentheses stays together.
fn words(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let split = |c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (c == ',' || c.is_whitespace())
    };
    text.split(split).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(spec: &Spec) -> Vec<String> {
        spec.requires.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn plain_lines_are_read_with_commas_or_blanks_between() {
        let spec =
            read("BuildRequires: a, b >= 1.2 c\nbuildrequires:pkgconfig(x) = 3 (d or e)\nRequires: z\n", "x86_64");
        assert_eq!(texts(&spec), ["a", "b >= 1.2", "c", "pkgconfig(x) = 3", "(d or e)"]);
        assert_eq!(spec.left_out, []);
    }

    #[test]
    fn plain_macros_are_put_in() {
        let text =
            "Name: hello\nVersion: 2.%{minor}\n%global minor 5\nBuildRequires: %{name}-data = %version, libz%{?_isa}\n";
        assert_eq!(texts(&read(text, "x86_64")), ["hello-data = 2.5", "libz(x86-64)"]);
    }

    #[test]
    fn what_cannot_be_known_is_left_out_and_named() {
        let text = "BuildRequires: %{py3dep a}\n%if 0%{?fedora}\nBuildRequires: f\n%else\n%define x 1\n%endif\n\
                    BuildRequires: b >=\nBuildRequires: c-%x\n";
        let spec = read(text, "x86_64");
        assert_eq!(texts(&spec), [""; 0]);
        let why: Vec<(usize, &str)> = spec.left_out.iter().map(|(number, _, why)| (*number, *why)).collect();
        let macros = "it has macros that only rpm can expand";
        let expected = [(1, macros), (3, "it stands under a condition"), (7, "a version is missing"), (8, macros)];
        assert_eq!(why, expected);
    }

    #[test]
    fn macros_that_name_each_other_come_to_an_end() {
        let text = "%global a %{b}%{b}\n%global b %{a}%{a}\nBuildRequires: x%{a}\n";
        assert_eq!(read(text, "x86_64").left_out.len(), 1);
    }
}
