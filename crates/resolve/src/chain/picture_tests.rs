//! Pictures of made-up chains, compared with what was looked at once and found right (`snapshots/`), and what has to hold of
//! any picture.

use proptest::prelude::*;

use super::super::{FetchError, Limits, ProjectFacts, resolve};
use super::*;

fn link(text: &str) -> Link {
    if text.contains("://") {
        return Link::External { url: text.to_owned() };
    }
    let mut parts: Vec<&str> = text.split('/').collect();
    if parts.len() == 2 {
        parts.insert(0, "hub.example");
    }
    Link::Project(ProjectRef::new(parts[0], parts[1], parts[2]))
}

/// The chain of the first line's first word; each line is a project and what it declares, `!` before it means that it does
/// not answer.
fn chain(lines: &[&str]) -> Chain {
    let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split_whitespace().collect()).collect();
    let Link::Project(root) = link(words[0][0]) else { panic!("the root is a project") };
    let facts = |asked: &ProjectRef| {
        for line in &words {
            if link(line[0].trim_start_matches('!')) == Link::Project(asked.clone()) {
                if line[0].starts_with('!') {
                    return Err(FetchError::Unreachable("connection refused".to_owned()));
                }
                return Ok(ProjectFacts { dependencies: line[1..].iter().map(|word| link(word)).collect() });
            }
        }
        Err(FetchError::NotFound)
    };
    resolve(&root, facts, Limits { depth: 1000, size: 1000 }).unwrap()
}

fn tree(picture: &Picture, strokes: Strokes) -> String {
    picture.tree(strokes).iter().map(|line| format!("{line}\n")).collect()
}

/// Three projects on top of each other.
fn stacked() -> Picture {
    Picture::new(&chain(&["bob/app alice/libs", "alice/libs @base/toolchain", "@base/toolchain"]))
}

/// All that may happen in a chain.
fn eventful() -> Picture {
    let mut picture = Picture::new(&chain(&[
        "bob/app alice/libs @desktop/next erin/fonts:custom:beta https://mirror.example/extras/$releasever/$basearch/",
        "alice/libs @base/toolchain other.example/carol/codecs",
        "@desktop/next alice/libs @base/toolchain dave/gone alice/libs",
        "erin/fonts:custom:beta",
        "@base/toolchain @base/bootstrap",
        "@base/bootstrap @base/toolchain",
        "!other.example/carol/codecs",
    ]));
    let needed = "needed for libgreet-1.0-1, which app requires";
    picture.mark(&link("alice/libs"), Use::Needed, Some(needed));
    picture.mark(&link("@base/toolchain"), Use::Needed, Some("needed for libgcc-14.2-3, which libgreet requires"));
    picture.mark(&link("@base/bootstrap"), Use::Unneeded, None);
    picture.mark(&link("erin/fonts:custom:beta"), Use::Unneeded, None);
    picture.note(&link("@base/toolchain"), "would replace 12 packages of fedora");
    picture
}

#[test]
fn a_tree_shows_what_needs_what_and_each_thing_once() {
    insta::assert_snapshot!(tree(&eventful(), Strokes::Unicode));
}

#[test]
fn a_tree_can_do_with_ascii() {
    let text = tree(&stacked(), Strokes::Ascii);
    assert_eq!(text, "hub.example/bob/app\n`-- hub.example/alice/libs\n    `-- hub.example/@base/toolchain\n");
}

#[test]
fn graphviz_gets_the_same() {
    insta::assert_snapshot!(eventful().dot());
}

#[test]
fn svg_of_three_stacked() {
    insta::assert_snapshot!(stacked().svg());
}

#[test]
fn svg_of_all_that_may_happen() {
    insta::assert_snapshot!(eventful().svg());
}

#[test]
fn a_project_that_needs_nothing_is_one_box() {
    let picture = Picture::new(&chain(&["bob/app"]));
    assert_eq!(tree(&picture, Strokes::Unicode), "hub.example/bob/app\n");
    assert!(picture.svg().contains("needs no other repository"));
    assert_eq!(picture.svg().matches("class=\"box\"").count(), 1);
}

#[test]
fn an_empty_chain_is_no_reason_to_panic() {
    let picture = Picture::new(&Chain::default());
    assert!(picture.tree(Strokes::Ascii).is_empty());
    assert!(picture.svg().contains("A chain of no repositories") && picture.dot().contains("digraph"));
}

#[test]
fn names_of_strangers_are_escaped_and_cannot_steer_a_terminal() {
    let evil = "https://x.example/\"><script>alert(1)</script>\\\u{1b}[31m\u{202e}&amp;".to_owned();
    let facts = |_: &ProjectRef| Ok(ProjectFacts { dependencies: vec![Link::External { url: evil.clone() }] });
    let picture = Picture::new(&resolve(&ProjectRef::new("h", "o", "p"), facts, Limits::default()).unwrap());
    let (svg, dot, tree) = (picture.svg(), picture.dot(), tree(&picture, Strokes::Unicode));
    assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
    assert!(svg.contains("&amp;amp;"), "what looks escaped is text too");
    assert!(dot.contains("\\\"><script>") && dot.contains("</script>\\\\"), "{dot}");
    for text in [svg, dot, tree] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    }
}

#[test]
fn long_names_are_cut_in_the_drawing_and_whole_in_its_title() {
    let long = format!("https://x.example/{}end/", "long-".repeat(30));
    let picture = Picture::new(&chain(&[&format!("bob/app {long}")]));
    let svg = picture.svg();
    assert!(svg.contains(&format!("<title>{long}")), "{svg}");
    assert!(svg.contains("…") && svg.contains("end</text>"));
    let endless = Picture::new(&chain(&[&format!("bob/app https://x.example/{}", "y".repeat(1 << 20))]));
    assert!(endless.svg().len() < 16 << 10);
}

#[test]
fn a_picture_of_a_thousand_repositories_is_bounded() {
    let wide: String = (0..900).map(|n| format!(" o/p{n}")).collect();
    let mut lines = vec![format!("bob/app{wide}")];
    lines.extend((0..900).map(|n| format!("o/p{n}{wide}")));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let picture = Picture::new(&chain(&lines));
    let svg = picture.svg();
    assert!(svg.len() < 2 << 20, "{}", svg.len());
    assert!(svg.contains("Not drawn: 501 repositories"), "{}", &svg[svg.len() - 300..]);
    assert!(tree(&picture, Strokes::Unicode).lines().count() <= 2002);
    assert!(picture.dot().len() < 1 << 20);
}

#[test]
fn a_deep_chain_with_links_over_all_layers_is_bounded_too() {
    let lines: Vec<String> = (0..300)
        .map(|n| {
            (n + 1..(n + 6).min(300)).chain([299]).map(|to| format!(" o/p{to}")).fold(format!("o/p{n}"), |a, b| a + &b)
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let svg = Picture::new(&chain(&lines)).svg();
    assert!(svg.len() < 4 << 20, "{}", svg.len());
}

/// Position and size of every box.
fn boxes(svg: &str) -> Vec<[f64; 4]> {
    let number = |line: &str, name: &str| -> f64 {
        let rest = line.split_once(&format!(" {name}=\"")).unwrap().1;
        rest.split_once('"').unwrap().0.parse().unwrap()
    };
    svg.lines()
        .filter(|line| line.contains("class=\"box\""))
        .map(|line| ["x", "y", "width", "height"].map(|name| number(line, name)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn boxes_never_overlap_and_stay_on_the_page(edges in prop::collection::vec((0_usize..14, 0_usize..14), 0..40)) {
        let lines: Vec<String> = (0..14)
            .map(|n| edges.iter().filter(|(from, _)| *from == n).fold(format!("o/p{n}"), |line, (_, to)| format!("{line} o/p{to}")))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let chain = chain(&lines);
        let picture = Picture::new(&chain);
        let svg = picture.svg();
        let boxes = boxes(&svg);
        prop_assert_eq!(boxes.len(), chain.repositories.len());
        let page: Vec<f64> = svg.split_once("viewBox=\"0 0 ").unwrap().1.split_once('"').unwrap().0
            .split(' ').map(|number| number.parse().unwrap()).collect();
        for (number, [x, y, width, height]) in boxes.iter().enumerate() {
            prop_assert!(*x >= 0.0 && *y >= 0.0 && x + width < page[0] && y + height < page[1]);
            for [other_x, other_y, other_width, other_height] in &boxes[number + 1..] {
                let apart = x + width < *other_x || other_x + other_width < *x
                    || y + height < *other_y || other_y + other_height < *y;
                prop_assert!(apart, "{svg}");
            }
        }
        prop_assert_eq!(&Picture::new(&chain).svg(), &svg);
        let drawn: std::collections::BTreeSet<_> = chain.repositories.iter()
            .flat_map(|item| item.dependencies.iter().map(|to| (item.link.clone(), to.clone()))).collect();
        prop_assert_eq!(svg.matches("class=\"edge").count(), drawn.len());
    }
}
