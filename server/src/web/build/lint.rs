//! What rpmlint says of a build's packages: errors and warnings, counted and listed.

use futures_util::TryStreamExt as _;
use serde::Serialize;

use crate::store::{Found, Store, Want};

/// Name of the log.
pub(super) const NAME: &str = "rpmlint.log";
/// Bytes of it that are read.
const BYTES: u64 = 256 << 10;
/// Remarks that are listed.
const LISTED: usize = 60;
/// Characters of one remark that are shown.
const TEXT: usize = 300;

/// One remark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Remark {
    /// It is an error; otherwise a warning.
    pub(super) error: bool,
    /// The package, and where in it.
    pub(super) package: String,
    /// What is said of it.
    pub(super) text: String,
}

/// All that rpmlint says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Lint {
    /// Errors.
    pub(super) errors: usize,
    /// Warnings.
    pub(super) warnings: usize,
    /// Errors first; not more than a page takes.
    pub(super) remarks: Vec<Remark>,
    /// There are more than are listed or counted.
    pub(super) more: bool,
}

/// What stands in a job's rpmlint.log; `None`: there is none.
///
/// # Errors
/// It can't be read.
pub(super) async fn of(store: &Store, folder: &str) -> std::io::Result<Option<Lint>> {
    let Found::File(file) = store.find(&format!("{folder}/{NAME}"), Want::Facts).await? else { return Ok(None) };
    let cut = file.size > BYTES;
    let length = file.size.min(BYTES);
    let mut bytes = Vec::new();
    let mut stream = file.read(0, length).await?;
    while let Some(chunk) = stream.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    let mut lint = read(&String::from_utf8_lossy(&bytes));
    lint.more |= cut;
    Ok(Some(lint))
}

/// Lines like `hello.x86_64: W: no-documentation`.
fn read(text: &str) -> Lint {
    let mut lint = Lint::default();
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let Some((package, error, said)) = remark(line) else { continue };
        let (count, list) = if error { (&mut lint.errors, &mut errors) } else { (&mut lint.warnings, &mut warnings) };
        *count += 1;
        if list.len() < LISTED {
            let cut = |text: &str| super::ansi::plain(&text.chars().take(TEXT).collect::<String>());
            list.push(Remark { error, package: cut(package), text: cut(said) });
        }
    }
    errors.append(&mut warnings);
    errors.truncate(LISTED);
    lint.more = lint.errors + lint.warnings > errors.len();
    lint.remarks = errors;
    lint
}

fn remark(line: &str) -> Option<(&str, bool, &str)> {
    for (mark, error) in [(": E: ", true), (": W: ", false)] {
        if let Some((package, said)) = line.split_once(mark)
            && !package.is_empty()
            && !package.contains(' ')
        {
            return Some((package, error, said.trim()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_warnings_are_counted_and_errors_come_first() {
        let lint = read(
            "============================ rpmlint session starts ============================\n\
             rpmlint: 2.5.0\nchecks: 32, packages: 2\n\n\
             hello.x86_64: W: no-documentation\n\
             hello.spec:12: W: mixed-use-of-spaces-and-tabs (spaces: line 1, tab: line 12)\n\
             hello.x86_64: E: <b>no-binary</b>\n\
             2 packages and 0 specfiles checked; 1 errors, 2 warnings: E: x\n",
        );
        assert_eq!((lint.errors, lint.warnings, lint.more), (1, 2, false));
        assert_eq!((lint.remarks[0].error, lint.remarks[0].text.as_str()), (true, "<b>no-binary</b>"));
        assert_eq!(lint.remarks[2].package, "hello.spec:12");
    }

    #[test]
    fn a_flood_of_remarks_is_counted_and_cut() {
        let lint = read(&format!("{}p: E: last\n", "p: W: again\n".repeat(5000)));
        assert_eq!((lint.errors, lint.warnings, lint.remarks.len(), lint.more), (1, 5000, LISTED, true));
        assert!(lint.remarks[0].error);
        assert_eq!(read(&format!("p: W: {}", "x".repeat(100_000))).remarks[0].text.len(), TEXT);
        assert_eq!(read(""), Lint::default());
    }
}
