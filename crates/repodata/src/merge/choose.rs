//! Which packages a merged repository has.

use std::collections::{HashMap, HashSet};

use copr_rpm::{Evr, vercmp};

use super::{Input, Koji, MergeOptions, Method};
use crate::Warning;
use crate::assemble::Location;
use crate::source::{Entry, Source, source_name};

/// A package that is taken.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) source: usize,
    pub(super) index: usize,
    pub(super) location: Option<Box<Location>>,
}

/// All that are taken.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// In the order of `mergerepo_c`: by name, then by location.
    pub(super) packages: Vec<Package>,
    /// How many of each input.
    pub(super) taken: Vec<usize>,
    /// Name-version-release.architecture and URL, for koji.
    pub(super) origins: Vec<(String, String)>,
}

/// Chooses packages of the inputs, whose sources come in the same order. A source behind them is the one with noarch
/// packages.
pub(super) fn choose(
    inputs: &[Input],
    sources: &[Source],
    options: &MergeOptions,
    warn: &mut dyn FnMut(Warning),
) -> Chosen {
    let entry = |source: usize, index: usize| sources.get(source).and_then(|source| source.entries.get(index));
    let noarch = noarch(sources, inputs.len());
    let mut rules =
        options.koji.as_ref().map(|koji| Rules::new(koji, sources.get(..inputs.len()).unwrap_or_default(), warn));
    let mut by_name: HashMap<&str, Vec<Package>> = HashMap::new();
    let mut chosen = Chosen::default();
    for (number, (input, repository)) in inputs.iter().zip(sources).enumerate() {
        let mut seen = HashSet::new();
        let mut taken = 0;
        for (place, (found, id)) in repository.entries.iter().zip(&repository.ids).enumerate() {
            // The same file twice in one repository is one package.
            if !seen.insert(*id) {
                continue;
            }
            let (mut source, mut index, mut package) = (number, place, found);
            if found.nevra.arch == "noarch"
                && let Some((other, entry)) = noarch.get(file_name(&found.href))
            {
                (source, index, package) = (inputs.len(), *other, *entry);
            }
            let wanted = options.arches.is_empty() || options.arches.contains(&package.nevra.arch);
            if !wanted || !rules.as_mut().is_none_or(|rules| rules.allow(package)) {
                continue;
            }
            let same_arch = by_name.entry(&package.nevra.name).or_default();
            let rival = same_arch.iter_mut().find_map(|kept| {
                let other = entry(kept.source, kept.index)?;
                (other.nevra.arch == package.nevra.arch && rivals(options.method, package, other))
                    .then_some((kept, other))
            });
            let base = base(input, number, source == inputs.len(), options, sources);
            let location = located(package, base);
            let new = Package { source, index, location };
            match rival {
                None => {
                    // Of the same package, koji's list has the first one's origin.
                    let listed = same_arch.iter().filter_map(|kept| entry(kept.source, kept.index)).any(|other| {
                        other.nevra.arch == package.nevra.arch && rivals(Method::AllVersions, package, other)
                    });
                    if (options.origins || options.koji.is_some()) && !listed {
                        chosen.origins.push((nvra(package), origin(&input.url)));
                    }
                    same_arch.push(new);
                    taken += 1;
                }
                Some((kept, other)) => {
                    if replaces(options.method, package, other) {
                        *kept = new;
                    }
                }
            }
        }
        chosen.taken.push(taken);
    }
    let mut names: Vec<(&str, Vec<Package>)> = by_name.into_iter().collect();
    names.sort_by(|a, b| a.0.cmp(b.0));
    for (_, mut packages) in names {
        packages.sort_by_cached_key(|package| {
            let entry = entry(package.source, package.index);
            let lies = entry.map(|entry| (entry.href.clone(), entry.base.clone()));
            match &package.location {
                Some(location) => Some((location.href.clone(), location.base.clone())),
                None => lies,
            }
        });
        chosen.packages.extend(packages);
    }
    chosen
}

/// Whether two packages of the same name and architecture cannot both be kept.
fn rivals(method: Method, new: &Entry, kept: &Entry) -> bool {
    match method {
        Method::Repository | Method::Newest | Method::HighestVersion => true,
        Method::AllVersions => evr(new) == evr(kept),
        Method::Everything => false,
    }
}

/// Whether a later package takes the place of the one that is kept.
fn replaces(method: Method, new: &Entry, kept: &Entry) -> bool {
    match method {
        Method::Newest => new.time_file > kept.time_file,
        Method::HighestVersion => evr(new) > evr(kept),
        Method::Repository | Method::AllVersions | Method::Everything => false,
    }
}

fn evr(entry: &Entry) -> Evr {
    let nevra = &entry.nevra;
    Evr { epoch: Some(nevra.epoch), version: nevra.version.clone(), release: Some(nevra.release.clone()) }
}

/// What a package's `xml:base` is, if it has none of its own.
fn base(input: &Input, number: usize, from_noarch: bool, options: &MergeOptions, sources: &[Source]) -> Option<String> {
    if from_noarch {
        return options.noarch.as_ref().map(|noarch| noarch.url.clone());
    }
    // koji's own repository comes first, and what is in it lies beside the result. Whoever wants origins is koji.
    let for_koji = options.koji.is_some() || options.origins;
    if options.omit_base || for_koji && number == 0 || sources.get(number).is_none() {
        return None;
    }
    Some(match &options.replace_prefix {
        Some((old, new)) => match input.url.strip_prefix(old.as_str()) {
            Some(rest) => format!("{new}{rest}"),
            None => input.url.clone(),
        },
        None => input.url.clone(),
    })
}

fn located(package: &Entry, base: Option<String>) -> Option<Box<Location>> {
    if package.base.is_some() || base.is_none() {
        return None;
    }
    Some(Box::new(Location { href: package.href.clone(), base: base.map(|base| with_scheme(&base)) }))
}

fn file_name(href: &str) -> &str {
    href.rsplit_once('/').map_or(href, |(_, name)| name)
}

/// The packages of the repository with noarch packages, by file name.
fn noarch(sources: &[Source], number: usize) -> HashMap<&str, (usize, &Entry)> {
    let entries = sources.get(number).map(|source| source.entries.as_slice()).unwrap_or_default();
    entries.iter().enumerate().map(|(index, entry)| (file_name(&entry.href), (index, entry))).collect()
}

fn nvra(package: &Entry) -> String {
    let nevra = &package.nevra;
    format!("{}-{}-{}.{}", nevra.name, nevra.version, nevra.release, nevra.arch)
}

/// A repository's URL as koji's list has it: with a protocol, and a slash at its end.
fn origin(url: &str) -> String {
    let slash = if url.ends_with('/') { "" } else { "/" };
    format!("{}{slash}", with_scheme(url))
}

/// An absolute path as a URL; everything else as it is.
fn with_scheme(url: &str) -> String {
    if url.starts_with('/') { format!("file://{url}") } else { url.to_owned() }
}

/// koji's rules: which source packages' results are taken.
struct Rules<'a> {
    simple: bool,
    blocked: HashSet<&'a str>,
    /// Source package's name -> the file name of the build that is taken.
    builds: HashMap<&'a str, &'a str>,
    seen: HashSet<String>,
}

impl<'a> Rules<'a> {
    fn new(koji: &'a Koji, sources: &'a [Source], warn: &mut dyn FnMut(Warning)) -> Self {
        let mut builds: HashMap<&str, (usize, &str)> = HashMap::new();
        for (number, source) in sources.iter().enumerate() {
            let mut without = 0;
            for entry in &source.entries {
                let Some(name) = source_name(&entry.sourcerpm) else {
                    without += usize::from(entry.nevra.arch != "src");
                    continue;
                };
                match builds.get(name) {
                    // A repository before this one has the source package: its build counts.
                    Some((first, _)) if *first != number => {}
                    Some((_, build)) if build_order(&entry.sourcerpm, build).is_le() => {}
                    _ => drop(builds.insert(name, (number, &entry.sourcerpm))),
                }
            }
            if without > 0 {
                warn(Warning::new(&source.name, format!("{without} packages do not name their source package")));
            }
        }
        Self {
            simple: koji.simple,
            blocked: koji.blocked.iter().map(String::as_str).collect(),
            builds: builds.into_iter().map(|(name, (_, build))| (name, build)).collect(),
            seen: HashSet::new(),
        }
    }

    fn allow(&mut self, package: &Entry) -> bool {
        // Packages that do not name their source are taken, as mergerepo_c does.
        if !package.sourcerpm.is_empty() {
            let Some(name) = source_name(&package.sourcerpm) else { return false };
            if self.blocked.contains(name) {
                return false;
            }
            if !self.simple && self.builds.get(name) != Some(&package.sourcerpm.as_str()) {
                return false;
            }
        }
        self.simple || self.seen.insert(nvra(package))
    }
}

/// The order of two builds of one source package by version and release in their file names.
fn build_order(a: &str, b: &str) -> std::cmp::Ordering {
    let parts = |name: &str| -> (String, String) {
        let stem = name.strip_suffix(".rpm").unwrap_or(name);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        let mut parts = stem.rsplitn(3, '-');
        let release = parts.next().unwrap_or_default().to_owned();
        (parts.next().unwrap_or_default().to_owned(), release)
    };
    let ((version_a, release_a), (version_b, release_b)) = (parts(a), parts(b));
    vercmp(&version_a, &version_b).then_with(|| vercmp(&release_a, &release_b))
}
