//! Whose packages are: what they say of it, so that nobody takes them for the distribution's, and bugs reach their owner.

use copr_api::names::OwnerName;

use crate::{db::project::Project, state::AppState};

/// The vendor of a project's packages, in Copr's words.
#[must_use]
pub fn vendor(owner: &OwnerName) -> String {
    format!("Copr - {} {owner}", if owner.is_group() { "group" } else { "user" })
}

/// Where bugs of a project's packages are reported: its own address for that, its contact, or its page.
#[must_use]
pub fn bug_url(state: &AppState, project: &Project) -> String {
    let contact = project.contact.as_deref().unwrap_or_default();
    match &project.bug_url {
        Some(address) => address.clone(),
        None if is_web(contact) => contact.to_owned(),
        None if contact.contains('@') => format!("mailto:{contact}"),
        None => state.project_url(&project.owner, &project.name),
    }
}

/// Who made a project's packages.
#[must_use]
pub fn packager(project: &Project) -> String {
    let contact = project.contact.as_deref().unwrap_or_default();
    if contact.contains('@') && !is_web(contact) {
        format!("{} <{contact}>", project.owner)
    } else {
        project.owner.to_string()
    }
}

/// The macros that say it to rpmbuild, with Copr's own; values expand to themselves.
#[must_use]
pub fn macros(state: &AppState, project: &Project) -> Vec<(String, String)> {
    [
        ("copr_username", project.owner.to_string()),
        ("copr_projectname", project.name.to_string()),
        ("vendor", vendor(&project.owner)),
        ("bugurl", plain(&bug_url(state, project))),
        ("packager", plain(&packager(project))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn is_web(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// Text of a person as the value of a macro: one line that expands to itself.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect::<String>().replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_text_is_one_line_that_expands_to_itself() {
        assert_eq!(plain("100%\n%(rm -rf /)"), "100%%%%(rm -rf /)");
    }
}
