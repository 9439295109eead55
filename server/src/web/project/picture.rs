//! A chain as a picture: who needs the project on the left, what it needs on the right, a column a step.

use askama::Template;

use super::needs::Chain;

/// Width of a letter, for want of a font here; texts are cut so that they fit their boxes.
const LETTER: usize = 8;
/// Most letters of a label.
const LETTERS: usize = 26;
/// Height of a box.
const BOX: usize = 30;
/// Between boxes of a column.
const GAP: usize = 14;
/// Between columns.
const ALLEY: usize = 64;
/// Around all.
const MARGIN: usize = 4;
/// Most projects that are drawn as needing it; a list below the picture has the others.
const NEEDING: usize = 8;
/// Most boxes of a column.
const COLUMN: usize = 16;

/// The picture, an SVG for a page's own style sheet.
#[derive(Debug, Template)]
#[template(path = "project/picture.html")]
pub(super) struct Picture {
    width: usize,
    height: usize,
    boxes: Vec<Shape>,
    arrows: Vec<Arrow>,
    /// What it shows, in words.
    about: String,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shape {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    label: String,
    /// The whole label, when it was cut.
    whole: String,
    url: Option<String>,
    class: &'static str,
}

/// A line from who needs to what is needed.
#[derive(Debug, PartialEq, Eq)]
struct Arrow {
    path: String,
    class: &'static str,
}

/// One thing that is drawn, before it has its place.
struct Item {
    label: String,
    url: Option<String>,
    class: &'static str,
    column: usize,
}

impl Picture {
    /// Draws a chain; `None`: there is nothing to draw but the project.
    pub(super) fn of(chain: &Chain) -> Option<Self> {
        let root = chain.nodes.first()?;
        if chain.nodes.len() == 1 && chain.needing.is_empty() {
            return None;
        }
        let shift = usize::from(!chain.needing.is_empty());
        let mut items: Vec<Item> = Vec::new();
        // Where each node of the chain stands among the items; `None`: not drawn.
        let mut places: Vec<Option<usize>> = Vec::new();
        let mut filled: Vec<usize> = Vec::new();
        let mut more = 0;
        for node in &chain.nodes {
            let column = node.level + shift;
            filled.resize(filled.len().max(column + 1), 0);
            let room = filled.get_mut(column)?;
            if *room >= COLUMN {
                more += 1;
                places.push(None);
                continue;
            }
            *room += 1;
            places.push(Some(items.len()));
            let class = match (node.level, node.missing, node.url.is_some()) {
                (0, ..) => "root",
                (_, true, _) => "missing",
                (_, _, true) => "project",
                _ => "external",
            };
            let url = node.url.clone().filter(|_| node.level > 0);
            items.push(Item { label: node.label.clone(), url, class, column });
        }
        let mut lines: Vec<(usize, usize, bool)> = chain
            .edges
            .iter()
            .filter_map(|edge| Some(((*places.get(edge.from)?)?, (*places.get(edge.to)?)?, edge.run)))
            .collect();
        for needing in chain.needing.iter().take(NEEDING) {
            lines.push((items.len(), 0, needing.run));
            let (label, url) = (needing.label.clone(), Some(needing.url.clone()));
            items.push(Item { label, url, class: "project", column: 0 });
        }
        let others = chain.needing.len().saturating_sub(NEEDING);
        if others > 0 {
            items.push(Item { label: format!("and {others} more"), url: None, class: "more", column: 0 });
        }
        if more > 0 || chain.cut {
            let column = chain.nodes.last().map_or(shift, |node| node.level + shift);
            items.push(Item { label: "and more".to_owned(), url: None, class: "more", column });
        }
        let needs = chain.nodes.len() - 1;
        let about =
            format!("{} needs {needs} other repositories; {} projects need it", root.label, chain.needing.len());
        Some(Self::laid_out(&items, &lines, about))
    }

    fn laid_out(items: &[Item], lines: &[(usize, usize, bool)], about: String) -> Self {
        let columns = items.iter().map(|item| item.column + 1).max().unwrap_or(1);
        let order = ordered(items, lines, columns);
        let tallest = order.iter().map(Vec::len).max().unwrap_or(1);
        let inner = tallest * BOX + tallest.saturating_sub(1) * GAP;
        let mut shapes: Vec<Option<Shape>> = vec![None; items.len()];
        let mut x = MARGIN;
        for column in &order {
            let of_column = || column.iter().filter_map(|place| items.get(*place));
            let width = of_column().map(|item| width(&item.label)).max().unwrap_or(0);
            let height = column.len() * BOX + column.len().saturating_sub(1) * GAP;
            let top = MARGIN + inner.saturating_sub(height) / 2;
            for (row, place) in column.iter().enumerate() {
                let (Some(item), Some(shape)) = (items.get(*place), shapes.get_mut(*place)) else { continue };
                let label = cut(&item.label);
                let whole = if label == item.label { String::new() } else { item.label.clone() };
                let y = top + row * (BOX + GAP);
                let (url, class) = (item.url.clone(), item.class);
                *shape = Some(Shape { x, y, width, height: BOX, label, whole, url, class });
            }
            x += width + ALLEY;
        }
        let at = |place: usize| shapes.get(place).and_then(Option::as_ref);
        let arrows = lines.iter().filter_map(|(from, to, run)| Some(arrow(at(*from)?, at(*to)?, *run))).collect();
        let (width, height) = ((x + MARGIN).saturating_sub(ALLEY), inner + 2 * MARGIN);
        Self { width, height, arrows, boxes: shapes.into_iter().flatten().collect(), about }
    }

    /// The dashed lines are told about only where there are some.
    pub(super) fn has_build(&self) -> bool {
        self.arrows.iter().any(|arrow| arrow.class == "build")
    }
}

/// The items of each column, from top to bottom: as far up as what they hang together with in the column before, so that few lines
/// cross.
fn ordered(items: &[Item], lines: &[(usize, usize, bool)], columns: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); columns];
    for (place, item) in items.iter().enumerate() {
        if let Some(column) = order.get_mut(item.column) {
            column.push(place);
        }
    }
    for number in 1..columns {
        let before = order.get(number - 1).cloned().unwrap_or_default();
        let row = |place: usize| before.iter().position(|other| *other == place);
        // In thousandths of a row; who hangs on nothing there stays last.
        let weight = |place: usize| {
            let rows: Vec<usize> = lines
                .iter()
                .filter_map(|(from, to, _)| match (*from == place, *to == place) {
                    (true, _) => row(*to),
                    (_, true) => row(*from),
                    _ => None,
                })
                .collect();
            (rows.iter().sum::<usize>() * 1000).checked_div(rows.len()).unwrap_or(usize::MAX)
        };
        if let Some(column) = order.get_mut(number) {
            column.sort_by_key(|place| weight(*place));
        }
    }
    order
}

fn width(label: &str) -> usize {
    label.chars().count().min(LETTERS) * LETTER + 24
}

/// The label as it fits: of long ones the end, which tells more.
fn cut(label: &str) -> String {
    let letters = label.chars().count();
    if letters <= LETTERS {
        return label.to_owned();
    }
    let mut text = "…".to_owned();
    text.extend(label.chars().skip(letters - LETTERS + 1));
    text
}

fn arrow(from: &Shape, to: &Shape, run: bool) -> Arrow {
    let class = if run { "run" } else { "build" };
    let (y1, y2) = (from.y + BOX / 2, to.y + BOX / 2);
    let path = if to.x > from.x {
        let (x1, x2) = (from.x + from.width, to.x - 6);
        let bend = (x2.saturating_sub(x1) / 2).max(ALLEY / 2);
        format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2.saturating_sub(bend))
    } else if to.x == from.x {
        // Within a column: round the right side.
        let (x1, x2) = (from.x + from.width, to.x + to.width + 6);
        format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + ALLEY / 2, x2 + ALLEY / 2)
    } else {
        // Back to the left, a cycle.
        let (x1, x2) = (from.x, to.x + to.width + 6);
        let bend = (x1.saturating_sub(x2) / 2).max(ALLEY / 2);
        format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1.saturating_sub(bend), x2 + bend)
    };
    Arrow { path, class }
}

#[cfg(test)]
mod tests {
    use super::{
        super::needs::{Edge, Needing, Node},
        *,
    };

    fn node(label: &str, level: usize) -> Node {
        Node { label: label.to_owned(), url: Some(format!("/coprs/{label}/")), missing: false, level }
    }

    fn edge(from: usize, to: usize, run: bool) -> Edge {
        Edge { from, to, run, build: !run }
    }

    #[test]
    fn a_project_alone_is_no_picture() {
        let chain = Chain { nodes: vec![node("a/p", 0)], ..Chain::default() };
        assert!(Picture::of(&chain).is_none());
    }

    #[test]
    fn boxes_stand_in_columns_and_none_on_another() {
        let mut chain =
            Chain { nodes: vec![node("a/p", 0), node("a/q", 1), node("a/r", 1), node("a/s", 2)], ..Chain::default() };
        chain.edges = vec![edge(0, 1, true), edge(0, 2, false), edge(1, 3, true), edge(3, 0, true), edge(1, 2, true)];
        chain.needing.push(Needing { label: "b/x".to_owned(), url: "/coprs/b/x/".to_owned(), run: true });
        let picture = Picture::of(&chain).unwrap();
        let x = |label: &str| picture.boxes.iter().find(|shape| shape.label == label).unwrap().x;
        assert!(x("b/x") < x("a/p") && x("a/p") < x("a/q") && x("a/q") == x("a/r") && x("a/r") < x("a/s"));
        for (n, one) in picture.boxes.iter().enumerate() {
            assert!(one.x + one.width <= picture.width && one.y + one.height <= picture.height, "{one:?}");
            for other in picture.boxes.iter().skip(n + 1) {
                let apart = one.x + one.width <= other.x
                    || other.x + other.width <= one.x
                    || one.y + one.height <= other.y
                    || other.y + other.height <= one.y;
                assert!(apart, "{one:?} {other:?}");
            }
        }
        assert_eq!(picture.arrows.len(), 6);
        assert!(picture.has_build());
        let svg = picture.render().unwrap();
        assert!(svg.contains("href=\"/coprs/a/q/\"") && !svg.contains(" style="), "{svg}");
    }

    #[test]
    fn a_large_chain_stays_a_picture() {
        let mut chain = Chain { nodes: vec![node("a/p", 0)], ..Chain::default() };
        for number in 1..80 {
            chain.nodes.push(node(&format!("a/{}{number}", "long".repeat(number)), 1));
            chain.edges.push(edge(0, number, true));
            let label = format!("b/{number}");
            chain.needing.push(Needing { url: String::new(), label, run: false });
        }
        let picture = Picture::of(&chain).unwrap();
        assert!(picture.boxes.len() < 40 && picture.width < 1500 && picture.height < 1500, "{picture:?}");
        assert!(picture.boxes.iter().any(|shape| shape.label == "and 71 more"));
        assert!(picture.boxes.iter().any(|shape| shape.label.starts_with('…') && shape.whole.starts_with("a/long")));
    }

    #[test]
    fn labels_can_not_become_markup() {
        let mut chain = Chain { nodes: vec![node("a/p", 0), node("x", 1)], ..Chain::default() };
        chain.nodes[1].label = "\"><script>alert(1)</script>".to_owned();
        chain.edges.push(edge(0, 1, true));
        let svg = Picture::of(&chain).unwrap().render().unwrap();
        assert!(!svg.contains("<script") && svg.contains("&#60;script"), "{svg}");
    }
}
