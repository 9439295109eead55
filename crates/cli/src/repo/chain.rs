//! `copr-repo chain`: what other repositories a project needs, as a tree, a graph, a picture or an object.

mod facts;
mod hubs;

use std::fmt::Write;
use std::process::ExitCode;

use anstyle::Style;
use anyhow::{Context, Result, bail};
use copr_api::names::Chroot;
use copr_resolve::chain::picture::{Kind, Line, Picture, Strokes, Use};
use copr_resolve::chain::{self, ChainError, FetchError, Limits, Link, ProjectRef};
use serde_json::{Value, json};

use super::definition::Chain;
use super::show::{BOLD, CYAN, DIM, GREEN, RED, Styled, YELLOW, complain, plain, say};
use facts::Hubs;

/// Shown, but some of it could not be had.
const PARTLY: u8 = 2;

pub(super) fn run(arguments: &Chain) -> Result<ExitCode> {
    let written: hubs::Written = arguments.project.parse()?;
    let chroot: Option<Chroot> = arguments.chroot.as_deref().map(str::parse).transpose()?;
    let mut hubs = Hubs::new(chroot)?;
    let hub = hubs.add(&hubs::url(written.hub.as_deref(), &arguments.config_dir)?)?;
    let root = ProjectRef::new(hub, written.owner.as_str(), written.dirname.as_str());
    let chain = match chain::resolve(&root, |project| hubs.ask(project), Limits::default()) {
        Ok(chain) => chain,
        Err(ChainError::Root { project, error: FetchError::NotFound }) => {
            let others = hubs.directories(&project);
            if others.is_empty() {
                bail!("project {project} does not exist");
            }
            bail!("project {project} has no such directory; it has: {}", plain(&others.join(", ")));
        }
        Err(error) => bail!("{}", plain(&error.to_string())),
    };
    for warning in &hubs.warnings {
        complain(plain(warning));
    }
    if arguments.json {
        say(object(&root, &chain))?;
    } else {
        let picture = Picture::new(&chain.direct());
        if arguments.dot {
            print(&picture.dot())?;
        } else if let Some(file) = &arguments.svg {
            match file {
                None => print(&picture.svg())?,
                Some(file) => fs_err::write(file, picture.svg())?,
            }
        } else {
            tree(&picture, &chain, if arguments.ascii { Strokes::Ascii } else { Strokes::Unicode })?;
        }
    }
    for problem in &chain.problems {
        complain(plain(&problem.to_string()));
    }
    Ok(if chain.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(PARTLY) })
}

/// A text that ends with a line feed.
fn print(text: &str) -> Result<()> {
    std::io::Write::write_all(&mut anstream::stdout(), text.as_bytes())
        .context("the result cannot be written to standard output")
}

fn tree(picture: &Picture, chain: &chain::Chain, strokes: Strokes) -> Result<()> {
    let mut text = String::new();
    for line in picture.tree(strokes) {
        write_line(&mut text, &line)?;
    }
    for cycle in &chain.cycles {
        let sentence = match cycle.as_slice() {
            [only] => format!("{only} needs itself"),
            _ => {
                let names: Vec<String> = cycle.iter().map(ToString::to_string).collect();
                format!("These projects need each other: {}", names.join(", "))
            }
        };
        writeln!(text, "{}", Styled(YELLOW, plain(&sentence)))?;
    }
    print(&text)
}

/// A line of the tree in colours, which only terminals see.
fn write_line(to: &mut String, line: &Line) -> std::fmt::Result {
    let style = match (line.kind, line.using) {
        (Kind::Root, _) => BOLD,
        (Kind::Lost, _) => RED,
        (_, Use::Unneeded) => DIM,
        (_, Use::Needed) => GREEN,
        (Kind::External, _) => CYAN,
        (Kind::Project, _) => Style::new(),
    };
    write!(to, "{}{}", Styled(DIM, &line.branches), Styled(style, &line.name))?;
    if !line.remarks.is_empty() {
        let style = if line.kind == Kind::Lost { RED } else { DIM };
        write!(to, "  {}", Styled(style, format_args!("({})", line.remarks.join("; "))))?;
    }
    writeln!(to)
}

/// The chain as the hub tells it, for programs.
fn object(root: &ProjectRef, chain: &chain::Chain) -> Value {
    let names = |projects: &[ProjectRef]| projects.iter().map(ToString::to_string).collect::<Vec<_>>();
    let repositories = chain.repositories.iter().map(|item| {
        let mut object = json!({
            "name": item.link.to_string(),
            "depth": item.depth,
            "needed_by": names(&item.needed_by),
            "dependencies": item.dependencies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        let more = match &item.link {
            Link::Project(ProjectRef { hub, owner, dirname }) => {
                json!({ "kind": "project", "hub": hub, "owner": owner, "project": dirname })
            }
            Link::External { url } => json!({ "kind": "external", "url": url }),
        };
        if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
            object.extend(more);
        }
        object
    });
    let problems = chain.problems.iter().map(|problem| {
        json!({
            "project": problem.project.to_string(),
            "needed_by": names(&problem.needed_by),
            "error": problem.error.to_string(),
            "not_found": problem.error == FetchError::NotFound,
        })
    });
    json!({
        "root": root.to_string(),
        "repositories": repositories.collect::<Vec<_>>(),
        "cycles": chain.cycles.iter().map(|cycle| names(cycle)).collect::<Vec<_>>(),
        "problems": problems.collect::<Vec<_>>(),
    })
}
