//! Groups of packages: comps.xml.
//!
//! [`read`] keeps all that libcomps and dnf know of; [`Comps::render`] writes it in libcomps' layout; [`merge`] unites
//! several files. A file that is only to be published (`createrepo_c -g`) is carried over as its bytes are, not through
//! here.

mod merge;
mod read;
mod write;

pub use merge::merge;
pub use read::read;

/// What one comps.xml says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comps {
    /// Groups of packages.
    pub groups: Vec<Group>,
    /// Categories: groups of groups, for display.
    pub categories: Vec<Category>,
    /// Environments: groups of groups, to install.
    pub environments: Vec<Environment>,
    /// What to install for a language beside which package.
    pub langpacks: Vec<Langpack>,
    /// Packages that are not to be installed.
    pub blacklist: Vec<Blacklisted>,
    /// Dependencies to ignore.
    pub whiteout: Vec<IgnoredDependency>,
}

/// A text and its translations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// The text itself, most often English.
    pub default: String,
    /// Language (`xml:lang`, e.g. `pt_BR`) and text, each language once, in the order of the file.
    pub translations: Vec<(String, String)>,
}

impl Text {
    /// The translation into exactly this language, else the text itself.
    pub fn in_language(&self, language: &str) -> &str {
        self.translations.iter().find(|(known, _)| known == language).map_or(&self.default, |(_, text)| text)
    }
}

/// A group of packages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// What it is called in commands.
    pub id: String,
    /// What users see.
    pub name: Text,
    /// What it is for.
    pub description: Text,
    /// Whether it is selected from the start. Clients take a missing one for false.
    pub default: Option<bool>,
    /// Whether users see it. Clients take a missing one for true.
    pub uservisible: Option<bool>,
    /// Whether it is only for architectures that have a second one.
    pub biarchonly: Option<bool>,
    /// The language that it is for.
    pub langonly: Option<String>,
    /// Where it stands in lists; lower comes first.
    pub display_order: Option<i64>,
    /// The architectures it is for, comma separated (attribute `arch`).
    pub arch: Option<String>,
    /// Its packages.
    pub packages: Vec<GroupPackage>,
}

/// How a package belongs to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PackageKind {
    /// Always installed. What libcomps takes where no type is written.
    #[default]
    Mandatory,
    /// Installed unless it is deselected.
    Default,
    /// Installed only if it is selected.
    Optional,
    /// Installed if another package is: [`GroupPackage::requires`].
    Conditional,
}

impl PackageKind {
    /// The word for it in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mandatory => "mandatory",
            Self::Default => "default",
            Self::Optional => "optional",
            Self::Conditional => "conditional",
        }
    }
}

/// A package of a group (`<packagereq>`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupPackage {
    /// Its name.
    pub name: String,
    /// How it belongs to the group.
    pub kind: PackageKind,
    /// The package that a conditional one goes with.
    pub requires: Option<String>,
    /// Whether only the one for the machine's main architecture is meant.
    pub basearchonly: Option<bool>,
    /// The architectures it is for, comma separated.
    pub arch: Option<String>,
}

/// Groups under one heading.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Category {
    /// What it is called in commands.
    pub id: String,
    /// What users see.
    pub name: Text,
    /// What it is for.
    pub description: Text,
    /// Where it stands in lists; lower comes first.
    pub display_order: Option<i64>,
    /// The architectures it is for, comma separated (attribute `arch`).
    pub arch: Option<String>,
    /// Its groups.
    pub groups: Vec<GroupRef>,
}

/// Groups that make a system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// What it is called in commands.
    pub id: String,
    /// What users see.
    pub name: Text,
    /// What it is for.
    pub description: Text,
    /// Where it stands in lists; lower comes first.
    pub display_order: Option<i64>,
    /// The architectures it is for, comma separated (attribute `arch`).
    pub arch: Option<String>,
    /// The groups that it always has.
    pub groups: Vec<GroupRef>,
    /// Groups to choose from (`<optionlist>`).
    pub options: Vec<GroupRef>,
}

/// A group's name in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GroupRef {
    /// The group's id. The group need not be in the same file.
    pub id: String,
    /// Whether an option is selected from the start.
    pub default: Option<bool>,
    /// The architectures it is for, comma separated.
    pub arch: Option<String>,
}

/// `<match>`: for a package, the name of the packages with its languages.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Langpack {
    /// The package.
    pub name: String,
    /// What to install, `%s` standing for the language.
    pub install: String,
}

/// A package that is not to be installed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Blacklisted {
    /// Its name.
    pub name: String,
    /// Its architecture; none means all.
    pub arch: Option<String>,
}

/// A dependency that installers ignore.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct IgnoredDependency {
    /// What is required.
    pub requires: String,
    /// By which package.
    pub package: String,
}
