//! The chain in Graphviz' language.

use std::fmt::Write;

use super::{Kind, Node, Picture, Use};

impl Picture {
    /// The chain as a graph that `dot`, `neato` and others of Graphviz draw.
    #[must_use]
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph chain {\n");
        // Writing to a string does not fail.
        let _ = self.write_dot(&mut text);
        text.push_str("}\n");
        text
    }

    fn write_dot(&self, to: &mut String) -> std::fmt::Result {
        writeln!(to, "  label={};", quoted(&self.title()))?;
        writeln!(to, "  rankdir=LR; bgcolor=transparent; fontname=\"sans-serif\"; fontsize=11;")?;
        writeln!(
            to,
            "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f6f8fa\", color=\"#8c959f\", fontname=\"sans-serif\", \
             fontsize=11];"
        )?;
        writeln!(to, "  edge [color=\"#8c959f\", arrowsize=0.7];")?;
        for (number, node) in self.nodes.iter().enumerate() {
            writeln!(to, "  n{number} [label={}{}];", quoted(&label(node)), looks(node))?;
        }
        let edges = self.edges();
        for ((from, to_node), back) in edges.iter().zip(self.backwards(&edges)) {
            let lost = self.nodes.get(*to_node).is_some_and(|node| node.kind == Kind::Lost);
            let looks = match (back, lost) {
                (true, _) => " [style=dashed, color=\"#9a6700\", constraint=false]",
                (_, true) => " [style=dashed, color=\"#cf222e\"]",
                _ => "",
            };
            writeln!(to, "  n{from} -> n{to_node}{looks};")?;
        }
        if self.left_out > 0 {
            let more = quoted(&format!("… and {} repositories more", self.left_out));
            writeln!(to, "  more [label={more}, shape=plaintext, style=\"\"];")?;
        }
        Ok(())
    }
}

fn label(node: &Node) -> String {
    let mut lines = vec![node.short.clone()];
    lines.extend(Some(node.rest.clone()).filter(|rest| !rest.is_empty()));
    lines.extend(node.problem.clone());
    lines.extend((node.using == Use::Unneeded).then(|| "not needed".to_owned()));
    lines.extend(node.notes.iter().cloned());
    lines.join("\n")
}

fn looks(node: &Node) -> &'static str {
    match (node.kind, node.using) {
        (Kind::Lost, _) => {
            ", style=\"rounded,dashed,filled\", fillcolor=\"#ffebe9\", color=\"#cf222e\", fontcolor=\"#a40e26\""
        }
        (Kind::Root, _) => ", fillcolor=\"#ddf4ff\", color=\"#0969da\"",
        (_, Use::Unneeded) => ", style=\"rounded,dotted\", fontcolor=\"#59636e\"",
        (_, Use::Needed) => ", fillcolor=\"#dafbe1\", color=\"#1a7f37\"",
        (Kind::External, _) => ", style=filled",
        (Kind::Project, _) => "",
    }
}

/// A quoted text of Graphviz' language.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
