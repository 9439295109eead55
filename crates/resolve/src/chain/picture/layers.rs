//! Where boxes and curves go: a layered drawing from left to right, after Sugiyama, Tagawa and Toda (1981).
//!
//! A repository stands to the right of all that declare it. Connections over several layers pass through points of their
//! own between the boxes. Layers are ordered by the mean place of their neighbours, as often as it makes fewer crossings;
//! then everything moves as near to its neighbours as the order allows. All of it is bounded and deterministic.

use std::collections::BTreeMap;

/// Space between two layers.
const BETWEEN_LAYERS: f64 = 64.0;
/// Space between two boxes of a layer.
const BETWEEN_BOXES: f64 = 18.0;
/// Space around a connection that passes through a layer.
const BETWEEN_LINES: f64 = 12.0;
/// Most points that connections pass through; beyond, long ones go straight.
const MOST_POINTS: usize = 4000;
/// How often the order of all layers is improved.
const SWEEPS: usize = 24;
/// How often all heights are.
const SETTLINGS: usize = 12;

/// A box that was given its place: its left upper corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A connection's way, from the box that declares to the box that is declared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    /// The edge's number.
    pub(super) edge: usize,
    /// Ends of the stretches, pairwise the end of one curve and the beginning of the next; from left to right, but from
    /// right to left where the connection leads back. Empty for a box that declares itself.
    pub(super) points: Vec<(f64, f64)>,
}

/// A finished layout.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) places: Vec<Place>,
    pub(super) ways: Vec<Way>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A box, or the point where a connection passes through a layer.
#[derive(Debug, Clone)]
struct Vertex {
    layer: usize,
    height: f64,
    is_box: bool,
    left: Vec<usize>,
    right: Vec<usize>,
    y: f64,
}

/// A connection between boxes, pointing right, with the points that it passes through.
struct Line {
    edge: usize,
    through: Vec<usize>,
    is_back: bool,
}

/// Lays out boxes of these sizes; `back` marks the edges that close cycles.
pub(super) fn layout(sizes: &[(f64, f64)], edges: &[(usize, usize)], back: &[bool]) -> Layout {
    let layers = layers(sizes.len(), edges, back);
    let mut vertices: Vec<Vertex> = sizes
        .iter()
        .zip(&layers)
        .map(|((_, height), layer)| Vertex {
            layer: *layer,
            height: *height,
            is_box: true,
            left: Vec::new(),
            right: Vec::new(),
            y: 0.0,
        })
        .collect();
    let lines = lines(&mut vertices, edges, back);
    let mut order = first_order(&vertices);
    improve(&mut order, &vertices);
    settle(&order, &mut vertices);

    let mut widths = vec![0.0_f64; order.len()];
    for ((width, _), layer) in sizes.iter().zip(&layers) {
        widths.get_mut(*layer).into_iter().for_each(|known| *known = known.max(*width));
    }
    let mut lefts: Vec<f64> = Vec::with_capacity(widths.len());
    let mut x = 0.0;
    for width in &widths {
        lefts.push(x);
        x += width + BETWEEN_LAYERS;
    }
    let top = vertices.iter().map(|vertex| vertex.y - vertex.height / 2.0).fold(f64::INFINITY, f64::min);
    vertices.iter_mut().for_each(|vertex| vertex.y -= top);
    let places: Vec<Place> = vertices
        .iter()
        .take(sizes.len())
        .map(|vertex| Place {
            x: at(&lefts, vertex.layer),
            y: (vertex.y - vertex.height / 2.0).round(),
            width: at(&widths, vertex.layer),
            height: vertex.height,
        })
        .collect();
    let ways = ways(&lines, &vertices, &places, &lefts, &widths, edges);
    Layout {
        ways,
        width: (x - BETWEEN_LAYERS).max(0.0),
        height: places.iter().map(|place| place.y + place.height).fold(0.0, f64::max),
        places,
    }
}

fn at(numbers: &[f64], place: usize) -> f64 {
    numbers.get(place).copied().unwrap_or_default()
}

/// An edge as it points in the drawing: to the right.
fn oriented((from, to): (usize, usize), is_back: bool) -> (usize, usize) {
    if is_back { (to, from) } else { (from, to) }
}

/// The longest way from the left to each box, in layers.
fn layers(count: usize, edges: &[(usize, usize)], back: &[bool]) -> Vec<usize> {
    let mut right: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut waits = vec![0_usize; count];
    for (edge, is_back) in edges.iter().zip(back) {
        let (from, to) = oriented(*edge, *is_back);
        if from != to
            && let (Some(right), Some(waits)) = (right.get_mut(from), waits.get_mut(to))
        {
            right.push(to);
            *waits += 1;
        }
    }
    let mut layers = vec![0_usize; count];
    let mut ready: Vec<usize> = waits.iter().enumerate().filter(|(_, waits)| **waits == 0).map(|(at, _)| at).collect();
    while let Some(from) = ready.pop() {
        let layer = layers.get(from).copied().unwrap_or_default();
        for to in right.get(from).into_iter().flatten() {
            layers.get_mut(*to).into_iter().for_each(|known| *known = (*known).max(layer + 1));
            if let Some(waits) = waits.get_mut(*to) {
                *waits = waits.saturating_sub(1);
                if *waits == 0 {
                    ready.push(*to);
                }
            }
        }
    }
    layers
}

/// Joins neighbours; adds the points between those that are no neighbours.
fn lines(vertices: &mut Vec<Vertex>, edges: &[(usize, usize)], back: &[bool]) -> Vec<Line> {
    let boxes = vertices.len();
    let mut lines = Vec::with_capacity(edges.len());
    for (edge, (ends, is_back)) in edges.iter().zip(back).enumerate() {
        let (from, to) = oriented(*ends, *is_back);
        let (Some(first), Some(last)) = (vertices.get(from).map(|v| v.layer), vertices.get(to).map(|v| v.layer)) else {
            continue;
        };
        let mut line = Line { edge, through: Vec::new(), is_back: *is_back };
        let mut before = from;
        let fits = vertices.len() - boxes + last.saturating_sub(first) <= MOST_POINTS;
        let between = if fits { first + 1..last } else { 0..0 };
        let is_whole = fits || last == first + 1;
        for layer in between {
            let point = vertices.len();
            let (left, right) = (vec![before], Vec::new());
            vertices.push(Vertex { layer, height: 0.0, is_box: false, left, right, y: 0.0 });
            vertices.get_mut(before).into_iter().for_each(|vertex| vertex.right.push(point));
            line.through.push(point);
            before = point;
        }
        if from != to && is_whole {
            vertices.get_mut(before).into_iter().for_each(|vertex| vertex.right.push(to));
            vertices.get_mut(to).into_iter().for_each(|vertex| vertex.left.push(before));
        }
        lines.push(line);
    }
    lines
}

fn first_order(vertices: &[Vertex]) -> Vec<Vec<usize>> {
    let count = vertices.iter().map(|vertex| vertex.layer + 1).max().unwrap_or_default();
    let mut order = vec![Vec::new(); count];
    for (number, vertex) in vertices.iter().enumerate() {
        order.get_mut(vertex.layer).into_iter().for_each(|layer: &mut Vec<usize>| layer.push(number));
    }
    order
}

/// Sorts layers by the mean place of their neighbours, to the right and back again, and keeps what crosses least.
fn improve(order: &mut Vec<Vec<usize>>, vertices: &[Vertex]) {
    let mut best = (crossings(order, vertices), order.clone());
    for sweep in 0..SWEEPS {
        if best.0 == 0 {
            break;
        }
        let to_the_right = sweep % 2 == 0;
        let mut places = places_in(order, vertices.len());
        let mut layers: Vec<usize> = (0..order.len()).collect();
        if !to_the_right {
            layers.reverse();
        }
        for layer in layers {
            let Some(members) = order.get_mut(layer) else { continue };
            let mean = |member: &usize| {
                let vertex = vertices.get(*member)?;
                let neighbours = if to_the_right { &vertex.left } else { &vertex.right };
                let sum: usize = neighbours.iter().filter_map(|neighbour| places.get(*neighbour)).sum();
                (!neighbours.is_empty()).then(|| sum as f64 / neighbours.len() as f64)
            };
            let own = |member: &usize| places.get(*member).copied().unwrap_or_default() as f64;
            let mut keyed: Vec<(f64, usize)> =
                members.iter().map(|member| (mean(member).unwrap_or_else(|| own(member)), *member)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *members = keyed.into_iter().map(|(_, member)| member).collect();
            for (place, member) in members.iter().enumerate() {
                places.get_mut(*member).into_iter().for_each(|known| *known = place);
            }
        }
        let crossed = crossings(order, vertices);
        if crossed < best.0 {
            best = (crossed, order.clone());
        }
    }
    *order = best.1;
}

fn places_in(order: &[Vec<usize>], count: usize) -> Vec<usize> {
    let mut places = vec![0; count];
    for layer in order {
        for (place, member) in layer.iter().enumerate() {
            places.get_mut(*member).into_iter().for_each(|known| *known = place);
        }
    }
    places
}

/// How many pairs of lines cross between neighbouring layers.
fn crossings(order: &[Vec<usize>], vertices: &[Vertex]) -> u64 {
    let places = places_in(order, vertices.len());
    let mut total = 0;
    for layer in order {
        let mut ends: Vec<(usize, usize)> = Vec::new();
        for member in layer {
            for right in vertices.get(*member).into_iter().flat_map(|vertex| &vertex.right) {
                let place = |at: usize| places.get(at).copied().unwrap_or_default();
                ends.push((place(*member), place(*right)));
            }
        }
        ends.sort_unstable();
        // Inversions, counted with a tree of sums (Fenwick).
        let size = ends.iter().map(|(_, end)| end + 1).max().unwrap_or_default();
        let mut sums = vec![0_u64; size + 1];
        for (seen, (_, end)) in ends.iter().enumerate() {
            let mut not_above = 0;
            let mut at = end + 1;
            while at > 0 {
                not_above += sums.get(at).copied().unwrap_or_default();
                at &= at - 1;
            }
            total += seen as u64 - not_above;
            let mut at = end + 1;
            while let Some(sum) = sums.get_mut(at) {
                *sum += 1;
                at += at & at.wrapping_neg();
            }
        }
    }
    total
}

/// Gives every vertex a height: near its neighbours, in the order of its layer.
fn settle(order: &[Vec<usize>], vertices: &mut [Vertex]) {
    for layer in order {
        let mut y = 0.0;
        for member in layer {
            let Some(vertex) = vertices.get_mut(*member) else { continue };
            vertex.y = y + vertex.height / 2.0;
            y += vertex.height + BETWEEN_BOXES;
        }
        for member in layer {
            vertices.get_mut(*member).into_iter().for_each(|vertex| vertex.y -= y / 2.0);
        }
    }
    for round in 0..SETTLINGS {
        let mut layers: Vec<&Vec<usize>> = order.iter().collect();
        if round % 2 == 1 {
            layers.reverse();
        }
        for layer in layers {
            let wanted: Vec<(f64, f64)> = layer
                .iter()
                .filter_map(|member| {
                    let vertex = vertices.get(*member)?;
                    let last = round + 2 >= SETTLINGS;
                    let side = |number: usize| if number == round % 2 { true } else { last };
                    let (left, right) = (side(0), side(1));
                    let neighbours = vertex.left.iter().filter(|_| left).chain(vertex.right.iter().filter(|_| right));
                    let heights: Vec<f64> =
                        neighbours.filter_map(|neighbour| vertices.get(*neighbour).map(|vertex| vertex.y)).collect();
                    let mean = heights.iter().sum::<f64>() / heights.len() as f64;
                    // Points pull more, so that long lines are straight.
                    let weight = if vertex.is_box { 1.0 + heights.len() as f64 } else { 4.0 };
                    Some(if heights.is_empty() { (vertex.y, 0.5) } else { (mean, weight) })
                })
                .collect();
            let apart: Vec<f64> = layer
                .iter()
                .zip(layer.iter().skip(1))
                .map(|(above, below)| match (vertices.get(*above), vertices.get(*below)) {
                    (Some(above), Some(below)) => {
                        let gap = if above.is_box && below.is_box { BETWEEN_BOXES } else { BETWEEN_LINES };
                        (above.height + below.height) / 2.0 + gap
                    }
                    _ => 0.0,
                })
                .collect();
            for (member, y) in layer.iter().zip(apart_at_least(&wanted, &apart)) {
                vertices.get_mut(*member).into_iter().for_each(|vertex| vertex.y = y);
            }
        }
    }
}

/// The heights nearest to the wanted ones (least squares, by weight) that keep the distances: isotonic regression by
/// pooling neighbours.
fn apart_at_least(wanted: &[(f64, f64)], apart: &[f64]) -> Vec<f64> {
    struct Pool {
        mean: f64,
        weight: f64,
        count: usize,
    }
    let mut offset = 0.0;
    let mut offsets = Vec::with_capacity(wanted.len());
    let mut pools: Vec<Pool> = Vec::new();
    for (number, (height, weight)) in wanted.iter().enumerate() {
        if number > 0 {
            offset += at(apart, number - 1);
        }
        offsets.push(offset);
        let mut pool = Pool { mean: height - offset, weight: *weight, count: 1 };
        while let Some(above) = pools.pop_if(|above| above.mean >= pool.mean) {
            let weight = above.weight + pool.weight;
            pool = Pool {
                mean: (above.mean * above.weight + pool.mean * pool.weight) / weight,
                weight,
                count: above.count + pool.count,
            };
        }
        pools.push(pool);
    }
    let means = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.mean, pool.count));
    means.zip(offsets).map(|(mean, offset)| mean + offset).collect()
}

/// The curves' ends. Where several meet a box they share its side, in the order of where they come from.
fn ways(
    lines: &[Line],
    vertices: &[Vertex],
    places: &[Place],
    lefts: &[f64],
    widths: &[f64],
    edges: &[(usize, usize)],
) -> Vec<Way> {
    // Per box and side: the lines there, by the height of their other end.
    let mut sides: BTreeMap<(usize, bool), Vec<(f64, usize)>> = BTreeMap::new();
    let ends = |line: &Line| edges.get(line.edge).map(|ends| oriented(*ends, line.is_back));
    let y = |vertex: usize| vertices.get(vertex).map_or(0.0, |vertex| vertex.y);
    for (number, line) in lines.iter().enumerate() {
        let Some((from, to)) = ends(line).filter(|(from, to)| from != to) else { continue };
        let next = line.through.first().copied().unwrap_or(to);
        let before = line.through.last().copied().unwrap_or(from);
        sides.entry((from, true)).or_default().push((y(next), number));
        sides.entry((to, false)).or_default().push((y(before), number));
    }
    let mut ports: BTreeMap<(usize, bool), f64> = BTreeMap::new();
    for ((node, is_right), mut meeting) in sides {
        meeting.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let Some(place) = places.get(node) else { continue };
        let count = meeting.len();
        let step = if count > 1 { ((place.height - 16.0) / (count - 1) as f64).clamp(0.0, 12.0) } else { 0.0 };
        for (rank, (_, line)) in meeting.into_iter().enumerate() {
            let shift = (rank as f64 - (count - 1) as f64 / 2.0) * step;
            ports.insert((line, is_right), place.y + place.height / 2.0 + shift);
        }
    }
    let mut ways = Vec::with_capacity(lines.len());
    for (number, line) in lines.iter().enumerate() {
        let mut points: Vec<(f64, f64)> = Vec::new();
        if let Some((from, to)) = ends(line).filter(|(from, to)| from != to)
            && let (Some(start), Some(end)) = (places.get(from), places.get(to))
        {
            let port = |is_right: bool| ports.get(&(number, is_right)).copied().unwrap_or_default();
            points.push((start.x + start.width, port(true)));
            for vertex in line.through.iter().filter_map(|point| vertices.get(*point)) {
                points.push((at(lefts, vertex.layer), vertex.y));
                points.push((at(lefts, vertex.layer) + at(widths, vertex.layer), vertex.y));
            }
            points.push((end.x, port(false)));
            if line.is_back {
                points.reverse();
            }
        }
        ways.push(Way { edge: line.edge, points });
    }
    ways
}
