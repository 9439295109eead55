//! What a package requires, provides, conflicts with, ...: a name with an optional range of versions.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::header::{Header, Numbers, Texts};
use crate::{Error, Evr, ParseError, Tag, evr::vercmp, tag};

/// The lists of dependencies that a header has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DependencyKind {
    /// `Requires`, with the pre-requisites of scripts.
    Requires,
    /// `Provides`.
    Provides,
    /// `Conflicts`.
    Conflicts,
    /// `Obsoletes`.
    Obsoletes,
    /// `Recommends` (weak, forward).
    Recommends,
    /// `Suggests` (very weak, forward).
    Suggests,
    /// `Supplements` (weak, backward).
    Supplements,
    /// `Enhances` (very weak, backward).
    Enhances,
}

impl DependencyKind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Requires,
        Self::Provides,
        Self::Conflicts,
        Self::Obsoletes,
        Self::Recommends,
        Self::Suggests,
        Self::Supplements,
        Self::Enhances,
    ];

    /// The tags of names, flags and versions, which are parallel arrays.
    pub(crate) fn tags(self) -> [Tag; 3] {
        match self {
            Self::Requires => [tag::REQUIRENAME, tag::REQUIREFLAGS, tag::REQUIREVERSION],
            Self::Provides => [tag::PROVIDENAME, tag::PROVIDEFLAGS, tag::PROVIDEVERSION],
            Self::Conflicts => [tag::CONFLICTNAME, tag::CONFLICTFLAGS, tag::CONFLICTVERSION],
            Self::Obsoletes => [tag::OBSOLETENAME, tag::OBSOLETEFLAGS, tag::OBSOLETEVERSION],
            Self::Recommends => [tag::RECOMMENDNAME, tag::RECOMMENDFLAGS, tag::RECOMMENDVERSION],
            Self::Suggests => [tag::SUGGESTNAME, tag::SUGGESTFLAGS, tag::SUGGESTVERSION],
            Self::Supplements => [tag::SUPPLEMENTNAME, tag::SUPPLEMENTFLAGS, tag::SUPPLEMENTVERSION],
            Self::Enhances => [tag::ENHANCENAME, tag::ENHANCEFLAGS, tag::ENHANCEVERSION],
        }
    }
}

/// How a dependency compares versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `=`
    Eq,
    /// `>=`
    Ge,
    /// `>`
    Gt,
}

impl Comparison {
    /// As written in a spec file.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Eq => "=",
            Self::Ge => ">=",
            Self::Gt => ">",
        }
    }

    /// As written in repodata: `LT`, `LE`, `EQ`, `GE`, `GT`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lt => "LT",
            Self::Le => "LE",
            Self::Eq => "EQ",
            Self::Ge => "GE",
            Self::Gt => "GT",
        }
    }

    /// Reads the word of repodata.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Lt, Self::Le, Self::Eq, Self::Ge, Self::Gt].into_iter().find(|c| c.word() == word)
    }
}

/// rpm's flags of one dependency: the comparison in the low bits, then what kind of dependency it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DependencyFlags(u32);

impl DependencyFlags {
    const LESS: u32 = 1 << 1;
    const GREATER: u32 = 1 << 2;
    const EQUAL: u32 = 1 << 3;
    const SENSE: u32 = Self::LESS | Self::GREATER | Self::EQUAL;
    /// A pre-requisite by any of its names: PREREQ, `SCRIPT_PRE`, `SCRIPT_POST`, PRETRANS, POSTTRANS.
    const PRE: u32 = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 7 | 1 << 5;
    const PREREQ: u32 = 1 << 6;
    const MISSINGOK: u32 = 1 << 19;
    const STRONG: u32 = 1 << 27;

    /// Flags as a header has them.
    pub fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// Flags that compare and say nothing else.
    pub fn comparing(comparison: Comparison) -> Self {
        Self(match comparison {
            Comparison::Lt => Self::LESS,
            Comparison::Le => Self::LESS | Self::EQUAL,
            Comparison::Eq => Self::EQUAL,
            Comparison::Ge => Self::GREATER | Self::EQUAL,
            Comparison::Gt => Self::GREATER,
        })
    }

    /// The same flags, with the mark of a pre-requisite.
    #[must_use]
    pub fn with_pre(self) -> Self {
        Self(self.0 | Self::PREREQ)
    }

    /// The bits as a header has them.
    pub fn raw(self) -> u32 {
        self.0
    }

    /// The comparison, or `None` if any version will do (or the bits make no sense).
    pub fn comparison(self) -> Option<Comparison> {
        match self.0 & 0xF {
            Self::LESS => Some(Comparison::Lt),
            Self::GREATER => Some(Comparison::Gt),
            Self::EQUAL => Some(Comparison::Eq),
            10 => Some(Comparison::Le),
            12 => Some(Comparison::Ge),
            _ => None,
        }
    }

    /// Whether it must be installed before the package (for its `%pre`, `%post`, `%pretrans` or `%posttrans`).
    pub fn pre(self) -> bool {
        self.0 & Self::PRE != 0
    }

    /// Whether it is a weak dependency in the old style (a `Requires` that may be missing).
    pub fn missing_ok(self) -> bool {
        self.0 & Self::MISSINGOK != 0
    }

    /// Whether an old-style weak dependency is the stronger of its two kinds.
    pub fn strong(self) -> bool {
        self.0 & Self::STRONG != 0
    }
}

/// One dependency: `name`, or `name >= 1:2-3`. Rich dependencies (`(a if b)`) are a name that starts with `(`.
///
/// `PartialEq` compares versions by value (see [`Evr`]) and flags by bits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependency {
    /// The capability: a package name, a file path, `libc.so.6()(64bit)`, ...
    pub name: String,
    /// Comparison and kind.
    pub flags: DependencyFlags,
    /// The version compared with; `None` where none is written.
    pub evr: Option<Evr>,
}

impl Dependency {
    /// A dependency on a name, in any version.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Whether `provide` satisfies this requirement (or this conflict or obsoletes hits it): same name, and the two
    /// ranges of versions overlap by rpm's rules. A side without version, or without comparison, overlaps with
    /// everything; a release that one side leaves out does not matter if that side has `=`.
    pub fn matches(&self, provide: &Self) -> bool {
        self.name == provide.name && self.overlaps(provide)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (self.flags.0 & DependencyFlags::SENSE, other.flags.0 & DependencyFlags::SENSE);
        let (Some(evr_a), Some(evr_b)) = (&self.evr, &other.evr) else { return true };
        if a == 0 || b == 0 {
            return true;
        }
        let (less, greater, equal) = (DependencyFlags::LESS, DependencyFlags::GREATER, DependencyFlags::EQUAL);
        let mut order =
            evr_a.epoch_or_zero().cmp(&evr_b.epoch_or_zero()).then_with(|| vercmp(&evr_a.version, &evr_b.version));
        if order.is_eq() {
            match (&evr_a.release, &evr_b.release) {
                (Some(x), Some(y)) => order = vercmp(x, y),
                (Some(_), None) if b & equal != 0 => return true,
                (None, Some(_)) if a & equal != 0 => return true,
                _ => {}
            }
        }
        match order {
            std::cmp::Ordering::Less => a & greater != 0 || b & less != 0,
            std::cmp::Ordering::Greater => a & less != 0 || b & greater != 0,
            std::cmp::Ordering::Equal => a & b & (less | greater | equal) != 0,
        }
    }
}

/// One dependency as the header spells it, without a copy where that is possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyText<'a> {
    /// The capability.
    pub name: Cow<'a, str>,
    /// Comparison and kind.
    pub flags: DependencyFlags,
    /// `[epoch:]version[-release]`; empty where none is written.
    pub version: Cow<'a, str>,
}

impl DependencyText<'_> {
    /// The dependency, its version taken apart as `createrepo_c` does: the epoch ends at the first `:`, the release
    /// starts after the first `-` behind it, and what is left between may be empty. `None` if the epoch is no number
    /// (or over 4294967295, rpm's limit).
    pub fn parse(self) -> Option<Dependency> {
        let evr = match self.version.as_ref() {
            "" => None,
            text => Some(Evr::of_header(text)?),
        };
        Some(Dependency { name: self.name.into_owned(), flags: self.flags, evr })
    }
}

/// One list of dependencies in the order of the header: see [`crate::Package::dependency_texts`].
#[derive(Debug, Clone, Default)]
pub struct DependencyTexts<'a> {
    names: Texts<'a>,
    flags: Option<Numbers<'a>>,
    versions: Option<Texts<'a>>,
    next: usize,
    /// Where the names are in the file, for errors.
    offset: Option<u64>,
}

/// Dependencies of one kind that a package may have. They take some fifteen times the room that they have in the
/// header; the largest lists of real packages have some thousands.
const MAX_DEPENDENCIES: usize = 1 << 20;

impl<'a> DependencyTexts<'a> {
    /// # Errors
    /// The parallel arrays are malformed or of different lengths.
    pub(crate) fn new(header: &'a Header, [names, flags, versions]: [Tag; 3]) -> Result<Self, Error> {
        if !header.contains(names) {
            return Ok(Self::default());
        }
        let offset = header.offset(names);
        let damaged =
            || Error::damaged("header", offset, format!("its dependencies (entry {}) are malformed", names.0));
        let names = header.texts(names).ok_or_else(damaged)?;
        let count = names.claimed();
        // Packages of the nineties have names alone.
        let flags = match header.contains(flags) {
            true => Some(header.numbers(flags).filter(|f| f.len() == count).ok_or_else(damaged)?),
            false => None,
        };
        let versions = match header.contains(versions) {
            true => Some(header.texts(versions).filter(|v| v.claimed() == count).ok_or_else(damaged)?),
            false => None,
        };
        if count > MAX_DEPENDENCIES {
            let reason = format!("it has {count} dependencies of one kind, the limit is {MAX_DEPENDENCIES}");
            return Err(Error::damaged("header", offset, reason));
        }
        Ok(Self { names, flags, versions, next: 0, offset })
    }

    /// How many are still to come.
    pub fn left(&self) -> usize {
        self.names.claimed()
    }

    fn dependency(&mut self) -> Option<DependencyText<'a>> {
        let name = self.names.next_text()?;
        let flags = match &self.flags {
            Some(flags) => u32::try_from(flags.get(self.next)?).ok()?,
            None => 0,
        };
        let version = match &mut self.versions {
            Some(versions) => versions.next_text()?,
            None => Cow::Borrowed(""),
        };
        self.next = self.next.saturating_add(1);
        Some(DependencyText { name, flags: DependencyFlags::new(flags), version })
    }
}

impl<'a> Iterator for DependencyTexts<'a> {
    type Item = Result<DependencyText<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left() == 0 {
            return None;
        }
        let dependency = self.dependency();
        if dependency.is_none() {
            self.names = Texts::default();
        }
        Some(dependency.ok_or_else(|| Error::damaged("header", self.offset, "its dependencies end too early")))
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let (Some(comparison), Some(evr)) = (self.flags.comparison(), &self.evr) {
            write!(f, " {} {evr}", comparison.symbol())?;
        }
        Ok(())
    }
}

impl FromStr for Dependency {
    type Err = ParseError;

    /// Reads `name` or `name OP [epoch:]version[-release]` with blanks around OP, one of `< <= = == >= >`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let fail = |reason| ParseError::new("dependency", text, reason);
        let trimmed = text.trim();
        if trimmed.chars().any(char::is_control) {
            return Err(fail("it has a control character"));
        }
        if trimmed.starts_with('(') {
            return Ok(Self::named(trimmed));
        }
        let mut words = trimmed.split_whitespace();
        let name = words.next().ok_or_else(|| fail("it is empty"))?;
        let Some(symbol) = words.next() else { return Ok(Self::named(name)) };
        let comparison = match symbol {
            "<" => Comparison::Lt,
            "<=" | "=<" => Comparison::Le,
            "=" | "==" => Comparison::Eq,
            ">=" | "=>" => Comparison::Ge,
            ">" => Comparison::Gt,
            _ => return Err(fail("after the name there must be one of < <= = >= >")),
        };
        let evr = words.next().ok_or_else(|| fail("there is no version after the comparison"))?;
        if words.next().is_some() {
            return Err(fail("there is something after the version"));
        }
        Ok(Self { name: name.to_owned(), flags: DependencyFlags::comparing(comparison), evr: Some(evr.parse()?) })
    }
}
