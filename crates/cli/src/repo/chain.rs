//! `copr-repo chain`: what other repositories a project needs, as a tree, a graph, a picture or an object.

mod facts;
mod hubs;
pub(super) mod kickstart;

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;

use anstyle::Style;
use anyhow::{Context, Result, bail};
use copr_api::names::Chroot;
use copr_resolve::chain::needed::Needed;
use copr_resolve::chain::picture::{Kind, Line, Picture, Strokes, Use};
use copr_resolve::chain::{self, ChainError, FetchError, Limits, Link, ProjectRef};
use serde_json::{Value, json};

use super::definition::Chain;
use super::dependencies::chain::{Members, Replaced};
use super::show::{BOLD, CYAN, DIM, GREEN, RED, Styled, YELLOW, complain, plain, say};
use facts::Hubs;

/// Shown, but some of it could not be had.
const PARTLY: u8 = 2;

pub(super) fn run(arguments: &Chain) -> Result<ExitCode> {
    let chroot: Option<Chroot> = arguments.chroot.as_deref().map(str::parse).transpose()?;
    let mut hubs = Hubs::new(chroot)?;
    let (root, chain) = resolve(&mut hubs, &arguments.project, &arguments.config_dir)?;
    for warning in &hubs.warnings {
        complain(plain(warning));
    }
    let found = packages(arguments, &chain, &hubs)?;
    if arguments.repositories.json {
        say(object(&root, &chain, &found))?;
    } else {
        let mut picture = Picture::new(&chain.direct());
        if let Some((needed, members)) = &found.needed {
            picture.mark_needed(needed, |number| members.link_of(number));
        }
        for replaced in &found.replaced {
            picture.note(&replaced.link, &replaced.summary.to_string());
        }
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

/// The project that is written so, and its chain.
fn resolve(hubs: &mut Hubs, written: &str, config_dir: &Path) -> Result<(ProjectRef, chain::Chain)> {
    let written: hubs::Written = written.parse()?;
    let hub = hubs.add(&hubs::url(written.hub.as_deref(), config_dir)?)?;
    let root = ProjectRef::new(hub, written.owner.as_str(), written.dirname.as_str());
    match chain::resolve(&root, |project| hubs.ask(project), Limits::default()) {
        Ok(chain) => Ok((root, chain)),
        Err(ChainError::Root { project, error: FetchError::NotFound }) => {
            let others = hubs.directories(&project);
            if others.is_empty() {
                bail!("project {project} does not exist");
            }
            bail!("project {project} has no such directory; it has: {}", plain(&others.join(", ")));
        }
        Err(error) => bail!("{}", plain(&error.to_string())),
    }
}

/// What the packages tell, where anybody asked.
#[derive(Default)]
struct Found {
    needed: Option<(Needed, Rc<Members>)>,
    replaced: Vec<Replaced>,
}

fn packages(arguments: &Chain, chain: &chain::Chain, hubs: &Hubs) -> Result<Found> {
    if arguments.needed.is_empty() && !arguments.replaces {
        return Ok(Found::default());
    }
    let members = chain.repositories.iter().map(|item| hubs.member(&item.link)).collect::<Result<Vec<_>>>()?;
    let mut repositories = arguments.repositories.clone();
    if repositories.arch.is_none() {
        repositories.arch = hubs.arch();
    }
    let members = Rc::new(Members::load(&repositories, &members, &arguments.needed)?);
    let replaced = if arguments.replaces { members.replaced() } else { Vec::new() };
    let needed = match arguments.needed.as_slice() {
        [] => None,
        specs => Some((members.needed(specs, !arguments.no_weak)?, members)),
    };
    Ok(Found { needed, replaced })
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

/// What the packages tell of one repository.
fn told(link: &Link, found: &Found) -> Vec<(String, Value)> {
    let mut told = Vec::new();
    if let Some((needed, members)) = &found.needed {
        let is_it = |number: usize| members.link_of(number) == Some(link);
        let of = needed.repositories.iter().find(|of| is_it(of.repository));
        // The project itself is neither needed nor unneeded.
        if of.is_some() || needed.unneeded.iter().any(|number| is_it(*number)) {
            told.push(("needed".to_owned(), json!(of.is_some())));
        }
        let packages = of.iter().flat_map(|of| &of.packages).map(ToString::to_string);
        told.push(("needed_for".to_owned(), json!(packages.collect::<Vec<_>>())));
    }
    let replaced: Vec<Value> = found
        .replaced
        .iter()
        .filter(|replaced| replaced.link == *link)
        .map(|Replaced { summary, lines, .. }| {
            json!({
                "repository": summary.other, "replaced": summary.replaced, "newer": summary.newer, "same": summary.same,
                "older": summary.older, "obsoleted": summary.obsoleted, "vendor_changes": summary.vendor_changes,
                "packages": lines,
            })
        })
        .collect();
    if !replaced.is_empty() {
        told.push(("replaces".to_owned(), json!(replaced)));
    }
    told
}

/// The chain as the hub tells it, for programs.
fn object(root: &ProjectRef, chain: &chain::Chain, found: &Found) -> Value {
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
            object.extend(told(&item.link, found));
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
