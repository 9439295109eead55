//! The chain as SVG: boxes in layers, the root at the left, curves between them.
//!
//! One file without anything from elsewhere: no script, no font, no image. Colours follow the reader's light or dark scheme.
//! All names stand as escaped text; screen readers get a title and a description.

use std::fmt::{self, Write};

use super::layers::{self, Layout};
use super::{Kind, MOST_EDGES, Node, Picture, Use};

/// Space around the drawing.
const MARGIN: f64 = 24.0;
/// Space within a box, left and right.
const PADDING: f64 = 14.0;
const NARROWEST: f64 = 96.0;
/// Width of the longest text; longer ones lose their middle.
const WIDEST_TEXT: f64 = 290.0;
/// Height of the first line and of the others.
const FIRST_LINE: f64 = 17.0;
const OTHER_LINE: f64 = 16.0;
/// Font sizes: of names, which are bold and so as wide as larger ones, and of all else.
const NAME_SIZE: f64 = 14.5;
const SIZE: f64 = 11.5;
/// Most notes in a box, and most lines of each; all are in its title.
const NOTES_SHOWN: usize = 3;
const NOTE_LINES: usize = 2;
/// Most characters of the description.
const DESCRIPTION: usize = 2000;

const STYLE: &str = "
.copr-chain{font-family:system-ui,-apple-system,'Segoe UI','Noto Sans','DejaVu Sans',sans-serif}
.copr-chain .page{fill:#ffffff}
.copr-chain .box{fill:#f6f8fa;stroke:#b9c1ca;stroke-width:1.25}
.copr-chain .external .box{fill:#ffffff}
.copr-chain .root .box{fill:#ddf4ff;stroke:#0969da;stroke-width:1.75}
.copr-chain .needed .box{fill:#e6f8ea;stroke:#1a7f37}
.copr-chain .unneeded .box{fill:none;stroke:#b9c1ca;stroke-dasharray:2 3}
.copr-chain .lost .box{fill:#fff1f0;stroke:#cf222e;stroke-dasharray:6 4}
.copr-chain text{font-size:11.5px;fill:#59636e}
.copr-chain .name{font-size:13px;font-weight:600;fill:#1f2328}
.copr-chain .unneeded .name{fill:#6e7781}
.copr-chain .lost .name,.copr-chain .why{fill:#a40e26}
.copr-chain .needed .note{fill:#116329}
.copr-chain .edge{fill:none;stroke:#8c959f;stroke-width:1.4}
.copr-chain .edge.to-lost{stroke:#cf222e;stroke-dasharray:5 4}
.copr-chain .edge.cycle{stroke:#9a6700;stroke-dasharray:5 4}
.copr-chain .edge.to-unneeded{stroke:#c4cbd3}
.copr-chain .head{fill:#8c959f}
.copr-chain .head.to-lost{fill:#cf222e}
.copr-chain .head.cycle{fill:#9a6700}
.copr-chain .head.to-unneeded{fill:#c4cbd3}
.copr-chain .foot.cycle{fill:#7d4e00}
@media (prefers-color-scheme:dark){
.copr-chain .page{fill:#0d1117}
.copr-chain .box{fill:#161b22;stroke:#4b535d}
.copr-chain .external .box{fill:#0d1117}
.copr-chain .root .box{fill:#0c2a4d;stroke:#4493f8}
.copr-chain .needed .box{fill:#0f2a18;stroke:#3fb950}
.copr-chain .unneeded .box{fill:none;stroke:#4b535d}
.copr-chain .lost .box{fill:#2d1214;stroke:#f85149}
.copr-chain text{fill:#9198a1}
.copr-chain .name{fill:#f0f6fc}
.copr-chain .unneeded .name{fill:#8b949e}
.copr-chain .lost .name,.copr-chain .why{fill:#ff938a}
.copr-chain .needed .note{fill:#7ee787}
.copr-chain .edge{stroke:#6e7681}
.copr-chain .edge.to-lost{stroke:#f85149}
.copr-chain .edge.cycle{stroke:#d29922}
.copr-chain .edge.to-unneeded{stroke:#3d444d}
.copr-chain .head{fill:#6e7681}
.copr-chain .head.to-lost{fill:#f85149}
.copr-chain .head.cycle{fill:#d29922}
.copr-chain .head.to-unneeded{fill:#3d444d}
.copr-chain .foot.cycle{fill:#e3b341}
}
";

/// The looks of an edge, each with an arrow of its own colour.
const LOOKS: [&str; 4] = ["", "to-lost", "cycle", "to-unneeded"];

impl Picture {
    /// The chain as a whole SVG document, without an XML declaration, so that it may stand in a page of HTML too.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_svg(&mut text);
        text
    }

    fn write_svg(&self, to: &mut String) -> fmt::Result {
        let edges = self.edges();
        let back = self.backwards(&edges);
        let lines: Vec<Vec<Text>> = self.nodes.iter().map(lines_of).collect();
        let sizes: Vec<(f64, f64)> = lines.iter().map(|lines| size(lines)).collect();
        let layout = layers::layout(&sizes, &edges, &back);
        let foot = self.foot();
        let foot_width = foot.iter().map(|(_, line)| width(line, SIZE)).fold(0.0, f64::max);
        let loops = if edges.iter().any(|(from, to)| from == to) { 12.0 } else { 0.0 };
        let page_width = (layout.width.max(foot_width) + 2.0 * MARGIN).ceil();
        let foot_height = if foot.is_empty() { 0.0 } else { 10.0 + OTHER_LINE * foot.len() as f64 };
        let page_height = (layout.height + foot_height + loops + 2.0 * MARGIN).ceil();

        writeln!(
            to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"copr-chain\" role=\"img\" \
             aria-labelledby=\"copr-chain-title copr-chain-desc\" viewBox=\"0 0 {page_width} {page_height}\" \
             width=\"{page_width}\" height=\"{page_height}\">"
        )?;
        writeln!(to, "<title id=\"copr-chain-title\">{}</title>", Escaped(&self.title()))?;
        writeln!(to, "<desc id=\"copr-chain-desc\">{}</desc>", Escaped(&self.description()))?;
        writeln!(to, "<style>{STYLE}</style>\n<defs>")?;
        for look in LOOKS {
            writeln!(
                to,
                "<marker id=\"copr-chain-{}\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" \
                 markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"head {look}\" \
                 d=\"M0 0.5L8 4L0 7.5L2 4Z\"/></marker>",
                if look.is_empty() { "arrow" } else { look }
            )?;
        }
        writeln!(to, "</defs>\n<rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"8\"/>")?;
        writeln!(to, "<g transform=\"translate({MARGIN} {})\">", MARGIN + loops)?;
        self.write_edges(to, &layout, &edges, &back)?;
        for ((node, lines), place) in self.nodes.iter().zip(&lines).zip(&layout.places) {
            write_box(to, node, lines, *place)?;
        }
        writeln!(to, "</g>")?;
        let mut y = MARGIN + loops + layout.height + 10.0;
        for (class, line) in &foot {
            y += OTHER_LINE;
            writeln!(to, "<text class=\"foot {class}\" x=\"{MARGIN}\" y=\"{y}\">{}</text>", Escaped(line))?;
        }
        writeln!(to, "</svg>")
    }

    fn write_edges(&self, to: &mut String, layout: &Layout, edges: &[(usize, usize)], back: &[bool]) -> fmt::Result {
        for way in &layout.ways {
            let Some((from, target)) = edges.get(way.edge) else { continue };
            let node = self.nodes.get(*target);
            let look = match node {
                _ if back.get(way.edge) == Some(&true) => "cycle",
                Some(node) if node.kind == Kind::Lost => "to-lost",
                Some(node) if node.using == Use::Unneeded => "to-unneeded",
                _ => "",
            };
            let marker = if look.is_empty() { "arrow" } else { look };
            write!(to, "<path class=\"edge {look}\" marker-end=\"url(#copr-chain-{marker})\" d=\"")?;
            if from == target {
                let Some(place) = layout.places.get(*from) else { continue };
                let (x, y) = (place.x + place.width - 40.0, place.y);
                write!(to, "M{x} {y}C{} {} {} {} {} {y}", x + 2.0, y - 22.0, x + 24.0, y - 22.0, x + 26.0)?;
            }
            for (number, pair) in way.points.chunks(2).enumerate() {
                let [(x, y), (end_x, end_y)] = pair else { continue };
                let (y, end_y) = (y.round(), end_y.round());
                if number == 0 {
                    write!(to, "M{x} {y}")?;
                } else {
                    write!(to, "L{x} {y}")?;
                }
                let bend = (end_x - x) / 2.0;
                write!(to, "C{} {y} {} {end_y} {end_x} {end_y}", x + bend, end_x - bend)?;
            }
            writeln!(to, "\"/>")?;
        }
        Ok(())
    }

    /// What stands below the drawing.
    fn foot(&self) -> Vec<(&'static str, String)> {
        let mut foot: Vec<(&str, String)> =
            self.cycles.iter().take(3).map(|cycle| ("cycle", shortened(cycle, 600.0, SIZE))).collect();
        if self.cycles.len() > 3 {
            foot.push(("cycle", format!("… and {} cycles more", self.cycles.len() - 3)));
        }
        let all: usize = self.nodes.iter().map(|node| node.declares.len()).sum();
        if self.left_out > 0 || all > MOST_EDGES {
            let left = all.saturating_sub(MOST_EDGES);
            foot.push(("", format!("Not drawn: {} repositories and {left} connections more", self.left_out)));
        }
        foot
    }

    /// The whole drawing in words.
    fn description(&self) -> String {
        let mut text = String::new();
        let mut say = |sentence: String| {
            if text.chars().count() + sentence.chars().count() < DESCRIPTION {
                text.push_str(&sentence);
            }
        };
        for node in &self.nodes {
            let needs: Vec<&str> =
                node.declares.iter().filter_map(|at| self.nodes.get(*at)).map(|node| node.full.as_str()).collect();
            if !needs.is_empty() {
                say(format!("{} needs {}. ", node.full, needs.join(", ")));
            }
        }
        for node in &self.nodes {
            if let Some(problem) = &node.problem {
                say(format!("{} is left out: {problem}. ", node.full));
            }
            if node.using == Use::Unneeded {
                say(format!("{} is not needed. ", node.full));
            }
        }
        self.cycles.iter().for_each(|cycle| say(format!("{cycle}. ")));
        text.truncate(text.trim_end().len());
        text
    }
}

/// One line within a box.
struct Text {
    class: &'static str,
    text: String,
}

fn lines_of(node: &Node) -> Vec<Text> {
    let mut lines = vec![Text { class: "name", text: shortened(&node.short, WIDEST_TEXT, NAME_SIZE) }];
    if !node.rest.is_empty() {
        lines.push(Text { class: "rest", text: shortened(&node.rest, WIDEST_TEXT, SIZE) });
    }
    let mut add = |class, text: &str| lines.extend(wrapped(text).into_iter().map(|text| Text { class, text }));
    if let Some(problem) = &node.problem {
        add("why", problem);
    }
    if node.using == Use::Unneeded {
        add("note", "not needed");
    }
    let more = node.notes.len().saturating_sub(NOTES_SHOWN);
    node.notes.iter().take(NOTES_SHOWN).for_each(|note| add("note", note));
    if more > 0 {
        add("note", &format!("… {more} more"));
    }
    lines
}

fn size(lines: &[Text]) -> (f64, f64) {
    let widest = lines
        .iter()
        .map(|line| width(&line.text, if line.class == "name" { NAME_SIZE } else { SIZE }))
        .fold(NARROWEST, f64::max);
    let others = lines.len().saturating_sub(1) as f64;
    ((widest + 2.0 * PADDING).ceil(), 18.0 + FIRST_LINE + OTHER_LINE * others)
}

fn write_box(to: &mut String, node: &Node, lines: &[Text], place: layers::Place) -> fmt::Result {
    let kind = match node.kind {
        Kind::Root => "root",
        Kind::Project => "project",
        Kind::External => "external",
        Kind::Lost => "lost",
    };
    let using = match node.using {
        Use::Unknown => "",
        Use::Needed => " needed",
        Use::Unneeded => " unneeded",
    };
    // The whole text, as some of it is shortened.
    let mut whole = vec![node.full.clone()];
    whole.extend((node.kind == Kind::External).then(|| "not a Copr project".to_owned()));
    whole.extend(node.problem.iter().map(|problem| format!("left out: {problem}")));
    whole.extend((node.using == Use::Unneeded).then(|| "not needed".to_owned()));
    whole.extend(node.notes.iter().cloned());
    writeln!(to, "<g class=\"{kind}{using}\"><title>{}</title>", Escaped(&whole.join("\n")))?;
    let layers::Place { x, y, width, height } = place;
    let round = if node.kind == Kind::External { 2 } else { 8 };
    writeln!(to, "<rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>")?;
    let mut baseline = y + 9.0 + FIRST_LINE - 4.0;
    for line in lines {
        writeln!(
            to,
            "<text class=\"{}\" x=\"{}\" y=\"{baseline}\">{}</text>",
            line.class,
            x + PADDING,
            Escaped(&line.text)
        )?;
        baseline += OTHER_LINE;
    }
    writeln!(to, "</g>")
}

/// About how wide a text is in the fonts of the style, rather too wide.
fn width(text: &str, size: f64) -> f64 {
    let of = |c: char| match c {
        'i' | 'j' | 'l' | '\'' | '|' | '!' | '.' | ',' | ':' | ';' => 0.32,
        'f' | 't' | 'r' | 'I' | '(' | ')' | '[' | ']' | '/' | '-' | ' ' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' | '→' => 0.98,
        'A'..='Z' => 0.74,
        c if c.is_ascii() => 0.62,
        // Most letters of other scripts are narrower, those of China and Japan are this wide.
        _ => 1.0,
    };
    text.chars().map(of).sum::<f64>() * size
}

/// A sentence in lines, [`NOTE_LINES`] at most; what does not fit is cut.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match longer.filter(|line| width(line, SIZE) <= WIDEST_TEXT) {
            Some(longer) => lines.last_mut().into_iter().for_each(|line| line.clone_from(&longer)),
            _ if lines.len() >= NOTE_LINES => {
                lines.last_mut().into_iter().for_each(|line| line.push('…'));
                break;
            }
            _ => lines.push(shortened(word, WIDEST_TEXT, SIZE)),
        }
    }
    lines
}

/// A text that is no wider than this; a longer one loses its middle, because names differ at both ends.
fn shortened(text: &str, widest: f64, size: f64) -> String {
    if width(text, size) <= widest {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let kept = |count: usize| -> String {
        let head = count.div_ceil(2);
        let tail = letters.len().saturating_sub(count - head);
        letters.iter().take(head).chain(&['…']).chain(letters.iter().skip(tail)).collect()
    };
    let mut count = letters.len().saturating_sub(1);
    while count > 1 && width(&kept(count), size) > widest {
        count -= 1;
    }
    kept(count)
}

/// Text as it stands in XML.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
