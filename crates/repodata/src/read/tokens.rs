//! The fast reader of one element: XML as every repository tool writes it, as slices of the text.
//!
//! It knows elements, attributes, texts and references, and nothing else. Comments, CDATA, processing instructions
//! and whatever is not well-formed are [`Unusual`]: then the general reader ([`super::elements`]) takes over, which reads
//! them or says what is wrong.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// Something that the fast reader leaves to the general one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unusual;

/// Attributes that one element may have here; `rpm:entry`, the richest, has six.
const MAX_ATTRIBUTES: usize = 10;

/// A piece of text as it stands in the document, with its references (`&amp;`) unresolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Raw<'a>(pub(crate) &'a str);

impl<'a> Raw<'a> {
    /// The text as it stands in the document.
    pub fn as_written(self) -> &'a str {
        self.0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The text with its references resolved, and line ends as XML has them (CR LF is LF). A reference that means
    /// nothing stays as it is; readers refuse such text before they hand it out.
    pub fn text(self) -> Cow<'a, str> {
        resolve(self.0).unwrap_or(Cow::Borrowed(self.0))
    }

    /// The number written here; 0 if it is none, as in `createrepo_c`.
    pub(crate) fn number(self) -> u64 {
        self.0.trim().parse().unwrap_or(0)
    }
}

/// Resolves references; borrows where there are none.
fn resolve(raw: &str) -> Result<Cow<'_, str>, Unusual> {
    if memchr2(b'&', b'\r', raw.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(raw));
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr2(b'&', b'\r', rest.as_bytes()) {
        let (plain, tail) = rest.split_at_checked(at).ok_or(Unusual)?;
        out.push_str(plain);
        if let Some(tail) = tail.strip_prefix('\r') {
            out.push('\n');
            rest = tail.strip_prefix('\n').unwrap_or(tail);
            continue;
        }
        let end = memchr(b';', tail.as_bytes()).filter(|end| *end <= 12).ok_or(Unusual)?;
        let name = tail.get(1..end).ok_or(Unusual)?;
        out.push(character(name).ok_or(Unusual)?);
        rest = tail.get(end + 1..).ok_or(Unusual)?;
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// The character of a reference between `&` and `;`.
fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) if hex.bytes().all(|c| c.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok()?,
                None if digits.bytes().all(|c| c.is_ascii_digit()) => digits.parse().ok()?,
                _ => return None,
            };
            char::from_u32(code).filter(|c| *c != '\0')?
        }
    })
}

/// An element's start or end. Names are without namespace prefix. The attributes of a start are with the reader until it
/// reads on ([`Tokens::attribute`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Start { name: &'a str, empty: bool },
    End { name: &'a str },
}

/// Reads tokens from the text of one element.
#[derive(Debug, Clone)]
pub(crate) struct Tokens<'a> {
    text: &'a str,
    /// Byte offset of what has not been read.
    at: usize,
    /// The attributes of the last start; as many as `count` says.
    list: [(&'a str, Raw<'a>); MAX_ATTRIBUTES],
    count: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, list: [("", Raw("")); MAX_ATTRIBUTES], count: 0 }
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The value of an attribute of the last start, empty if it is not there.
    pub(crate) fn attribute(&self, name: &str) -> Raw<'a> {
        self.attributes().iter().find(|(key, _)| *key == name).map_or(Raw(""), |(_, value)| *value)
    }

    /// The attributes of the last start.
    pub(crate) fn attributes(&self) -> &[(&'a str, Raw<'a>)] {
        self.list.get(..self.count).unwrap_or_default()
    }

    fn rest(&self) -> Result<&'a str, Unusual> {
        self.text.get(self.at..).ok_or(Unusual)
    }

    /// The next start or end; `None` at the end of the text. Text on the way is passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, Unusual> {
        let rest = self.rest()?;
        let Some(open) = memchr(b'<', rest.as_bytes()) else {
            self.at = self.text.len();
            return Ok(None);
        };
        self.at += open + 1;
        self.tag().map(Some)
    }

    /// Reads a tag; `at` stands behind its `<`.
    fn tag(&mut self) -> Result<Token<'a>, Unusual> {
        let rest = self.rest()?;
        if let Some(tail) = rest.strip_prefix('/') {
            let close = memchr(b'>', tail.as_bytes()).ok_or(Unusual)?;
            self.at += close + 2;
            return Ok(Token::End { name: local(tail.get(..close).ok_or(Unusual)?.trim_end()) });
        }
        // One pass over the few bytes of a name, for its end and its prefix.
        let (mut end, mut local) = (0, 0);
        for byte in rest.bytes() {
            match byte {
                b'>' | b'/' | b' ' | b'\n' | b'\t' | b'\r' => break,
                b':' if local == 0 => local = end + 1,
                _ => {}
            }
            end += 1;
        }
        let name = rest.get(..end).ok_or(Unusual)?;
        if !name.bytes().next().is_some_and(|c| c.is_ascii_alphabetic() || c == b'_') {
            return Err(Unusual); // `<!`, `<?` and worse
        }
        self.at += end;
        let empty = self.read_attributes()?;
        Ok(Token::Start { name: name.get(local..).unwrap_or_default(), empty })
    }

    /// Reads attributes up to the tag's end; tells whether the element is empty.
    fn read_attributes(&mut self) -> Result<bool, Unusual> {
        self.count = 0;
        loop {
            let rest = self.rest()?;
            let trimmed = rest.trim_start_matches([' ', '\n', '\t', '\r']);
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with('>') {
                self.at += 1;
                return Ok(false);
            }
            if trimmed.starts_with("/>") {
                self.at += 2;
                return Ok(true);
            }
            let equal = trimmed.bytes().position(|c| c == b'=' || c == b'>' || c == b'<').ok_or(Unusual)?;
            let key = trimmed.get(..equal).ok_or(Unusual)?.trim_end();
            let value =
                trimmed.get(equal + 1..).filter(|_| trimmed.as_bytes().get(equal) == Some(&b'=')).ok_or(Unusual)?;
            let quoted = value.trim_start_matches([' ', '\n', '\t', '\r']);
            let quote = *quoted.as_bytes().first().filter(|c| matches!(**c, b'"' | b'\'')).ok_or(Unusual)?;
            let inside = quoted.get(1..).ok_or(Unusual)?;
            let close = memchr(quote, inside.as_bytes()).ok_or(Unusual)?;
            let raw = checked(inside.get(..close).ok_or(Unusual)?)?;
            // White space in attributes means blanks, which a slice cannot say.
            if key.is_empty() || raw.0.bytes().any(|c| matches!(c, b'<' | b'\n' | b'\t' | b'\r')) {
                return Err(Unusual);
            }
            *self.list.get_mut(self.count).ok_or(Unusual)? = (key, raw);
            self.count += 1;
            self.at += equal + 1 + (value.len() - quoted.len()) + close + 2;
        }
    }

    /// The text of the element `name` whose start was read last, up to its end. Unusual if it has elements inside.
    pub(crate) fn text_of(&mut self, name: &str) -> Result<Raw<'a>, Unusual> {
        let rest = self.rest()?;
        let open = memchr(b'<', rest.as_bytes()).ok_or(Unusual)?;
        let (text, end) = rest.split_at_checked(open).ok_or(Unusual)?;
        let text = checked(text)?;
        // Nearly always the end is written just so.
        let plain =
            end.strip_prefix("</").and_then(|end| end.strip_prefix(name)).is_some_and(|end| end.starts_with('>'));
        if plain {
            self.at += open + name.len() + 3;
            return Ok(text);
        }
        self.at += open + 1;
        match self.tag()? {
            Token::End { name: ended } if ended == name => Ok(text),
            _ => Err(Unusual),
        }
    }

    /// The text of the next element, if that is written `<name>text</name>` to the letter; else nothing is read. `start`
    /// and `end` are the two tags. For the millions of `<file>`.
    pub(crate) fn plain(&mut self, start: &str, end: &str) -> Result<Option<Raw<'a>>, Unusual> {
        let rest = self.rest()?;
        let blank = rest.bytes().take_while(|c| matches!(c, b' ' | b'\n')).count();
        let Some(inside) = rest.get(blank..).and_then(|rest| rest.strip_prefix(start)) else { return Ok(None) };
        let length = memchr(b'<', inside.as_bytes()).ok_or(Unusual)?;
        let (text, behind) = inside.split_at_checked(length).ok_or(Unusual)?;
        if !behind.starts_with(end) {
            return Ok(None);
        }
        self.at += blank + start.len() + length + end.len();
        checked(text).map(Some)
    }

    /// Passes over the element whose start was read last.
    pub(crate) fn skip(&mut self) -> Result<(), Unusual> {
        let mut depth = 0u32;
        while let Some(token) = self.next()? {
            match token {
                Token::Start { empty: true, .. } => {}
                Token::Start { .. } => depth = depth.checked_add(1).filter(|d| *d < super::MAX_DEPTH).ok_or(Unusual)?,
                Token::End { .. } if depth == 0 => return Ok(()),
                Token::End { .. } => depth -= 1,
            }
        }
        Err(Unusual)
    }
}

/// The text, if all its references mean something.
fn checked(raw: &str) -> Result<Raw<'_>, Unusual> {
    match memchr(b'&', raw.as_bytes()) {
        None => Ok(Raw(raw)),
        Some(_) => resolve(raw).map(|_| Raw(raw)),
    }
}

/// A name without its namespace prefix.
fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_and_nonsense_is_left_to_the_general_reader() {
        assert_eq!(Raw("a &amp; &lt;b&gt; &#233;&#xE9;&quot;&apos;\r\n").text(), "a & <b> éé\"'\n");
        for text in ["&nbsp;", "&", "&#x;", "&#0;", "&#xFFFFFFFFF;", "&#+1;", "&amp"] {
            assert_eq!(checked(text), Err(Unusual), "{text}");
        }
    }

    #[test]
    fn attributes_come_in_either_quotes_and_any_spacing() {
        let mut tokens = Tokens::new("<rpm:entry name = 'a>b'\n flags=\"EQ\"/><x></x >");
        assert_eq!(tokens.next(), Ok(Some(Token::Start { name: "entry", empty: true })));
        let values = ["name", "flags", "x"].map(|name| tokens.attribute(name).0);
        assert_eq!(values, ["a>b", "EQ", ""]);
        assert_eq!(tokens.next(), Ok(Some(Token::Start { name: "x", empty: false })));
        assert_eq!(tokens.text_of("x"), Ok(Raw("")));
        assert!(matches!(tokens.next(), Ok(None)));
    }

    #[test]
    fn what_is_not_plain_elements_is_unusual() {
        for text in ["<!-- -->", "<![CDATA[x]]>", "<?x?>", "<a b>", "<a b=c>", "<a b=\"c>", "<a", "< a>", "<1>"] {
            assert!(Tokens::new(text).next().is_err(), "{text}");
        }
        let mut nested = Tokens::new("<a>x<b/></a>");
        nested.next().unwrap();
        assert_eq!(nested.text_of("a"), Err(Unusual));
    }
}
