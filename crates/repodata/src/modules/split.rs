//! A stream of YAML documents, cut at their markers.
//!
//! A line that starts with `---` or `...` and a blank (or nothing) behind is a marker wherever it stands, in texts and
//! quotes too: YAML 1.2, 9.1.2, "c-forbidden".

/// One document's text.
pub(super) struct Part {
    /// From the start marker (added if there is none; directives and comments stand before it) up to the end marker,
    /// which is left out. Ends with a newline.
    pub(super) text: String,
    /// Number of its first line in the file, from 1.
    pub(super) line: usize,
}

/// Cuts a stream into its documents.
pub(super) fn split(text: &str) -> impl Iterator<Item = Part> + '_ {
    let mut lines = text.split_inclusive('\n').zip(1..);
    // A start marker that ended the document before.
    let mut held = None;
    std::iter::from_fn(move || {
        let mut part = Part { text: String::new(), line: 0 };
        let mut started = false;
        for (line, number) in held.take().into_iter().chain(lines.by_ref()) {
            if is_marker(line, "...") {
                if part.line == 0 {
                    continue;
                }
                break;
            }
            if is_marker(line, "---") {
                if started {
                    held = Some((line, number));
                    break;
                }
                started = true;
            } else if !started && !is_prefix(line) {
                // A document without start marker.
                started = true;
                part.text.push_str("---\n");
            }
            if part.line == 0 {
                part.line = number;
            }
            part.text.push_str(line);
        }
        if !part.text.is_empty() && !part.text.ends_with('\n') {
            part.text.push('\n');
        }
        (part.line != 0).then_some(part)
    })
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

/// Whether a line may stand before a start marker: a directive, a comment, nothing.
fn is_prefix(line: &str) -> bool {
    line.starts_with(['%', '#']) || line.trim().is_empty()
}
