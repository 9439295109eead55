//! Whether a package's licence lets it be built here: what reviewers have decided goes first, then the lists.

use std::path::Path;

use anyhow::Context as _;
use copr_api::v3::LicenceState;
use copr_licence::{FORBIDDEN_URL, Table, Verdict, judge};

use crate::{
    config::content::{self, Unknown},
    db::{self, Db, licence::Licence},
};

/// The longest table that is read, in bytes.
const TABLE_BYTES: u64 = 16 << 20;

/// What is known of licences, and what is done about them.
#[derive(Debug, Default)]
pub struct Licences {
    unknown: Unknown,
    /// The administrator's; `None`: the one in this program.
    table: Option<Table>,
}

impl Licences {
    /// As it is configured.
    ///
    /// # Errors
    /// The table can't be read; the text names file and line.
    pub fn open(config: &content::Licences) -> anyhow::Result<Self> {
        let read = |path: &Path| -> anyhow::Result<Table> {
            let shown = path.display();
            anyhow::ensure!(fs_err::metadata(path)?.len() <= TABLE_BYTES, "{shown} has more than {TABLE_BYTES} bytes");
            Table::parse(&fs_err::read_to_string(path)?).with_context(|| format!("{shown} (`table` in [licences])"))
        };
        let path = Some(config.table.as_path()).filter(|path| !path.as_os_str().is_empty());
        Ok(Self { unknown: config.unknown, table: path.map(read).transpose()? })
    }

    /// The lists.
    #[must_use]
    pub fn table(&self) -> &Table {
        self.table.as_ref().unwrap_or_else(|| Table::fedora())
    }

    /// What becomes of a package with this `License` tag in a project; `None`: licences are not looked at.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn look(
        &self,
        db: &Db,
        project_id: i64,
        package: &str,
        text: &str,
    ) -> Result<Option<Licence>, db::Error> {
        if self.unknown == Unknown::Off {
            return Ok(None);
        }
        let found = |state, reason: String| Some(Licence::new(text, state, reason));
        if let Some(decision) = db::licence::decision(db, project_id, package, &db::token::digest(text)).await? {
            let said = if decision.reason.is_empty() { String::new() } else { format!(": {}", decision.reason) };
            return Ok(match decision.approved {
                true => found(LicenceState::Approved, format!("{} approved it{said}", decision.by)),
                false => found(LicenceState::Refused, format!("{} refused it{said}", decision.by)),
            });
        }
        let judgement = judge(text, self.table());
        let said = judgement.to_string();
        Ok(match (judgement.verdict, self.unknown) {
            (Verdict::Allowed, _) => found(LicenceState::Allowed, String::new()),
            (Verdict::Forbidden, _) => found(LicenceState::Refused, format!("{said}, see {FORBIDDEN_URL}")),
            (Verdict::Unknown, Unknown::Review) => found(LicenceState::Review, said),
            (Verdict::Unknown, _) => found(LicenceState::Unknown, said),
        })
    }
}

/// Why a package is not built, as a sentence without its full stop; `None`: it is.
#[must_use]
pub fn refusal(package: &str, licence: Option<&Licence>) -> Option<String> {
    let licence = licence.filter(|licence| licence.state == LicenceState::Refused)?;
    let text: String = licence.text.chars().take(200).collect();
    Some(format!("The licence of {package}, {text:?}, keeps it from being built here: {}", licence.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_the_administrators_goes_before_the_programs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.tsv");
        let open = |text: &str| {
            fs_err::write(&file, text).unwrap();
            Licences::open(&content::Licences { table: file.clone(), ..content::Licences::default() })
        };
        assert_eq!(open("# Date: 2030-01-01\nforbidden\tMIT\n").unwrap().table().date(), "2030-01-01");
        let error = format!("{:#}", open("forbidden\tMIT\nMIT\n").unwrap_err());
        assert!(error.contains("own.tsv") && error.contains("line 2"), "{error}");
        assert_eq!(Licences::open(&content::Licences::default()).unwrap().table().date(), Table::fedora().date());
    }
}
