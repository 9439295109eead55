//! What is wrong with a form, said beside its fields.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::PageError;
use crate::http::error::ApiError;

/// Complaints about a form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// About the whole of it.
    pub general: Vec<String>,
    /// About a field, by its name.
    pub fields: BTreeMap<String, String>,
}

impl Faults {
    /// Reads a refusal of the API, whose lines begin with `FIELD: ` where they are about one of `fields`.
    #[must_use]
    pub fn read(text: &str, fields: &[&str]) -> Self {
        let mut faults = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            // What Copr says of a build or project without chroots.
            let line = line
                .strip_prefix("None: ")
                .filter(|_| fields.contains(&"chroots"))
                .map_or(line.to_owned(), |text| format!("chroots: {text}"));
            match line.split_once(": ").filter(|(field, _)| fields.contains(field)) {
                Some((field, text)) => faults.add(field, text),
                None => faults.general.push(line),
            }
        }
        faults
    }

    /// What a form that was refused is shown with again.
    ///
    /// # Errors
    /// It is not the form's fault.
    pub fn of(error: ApiError, fields: &[&str]) -> Result<Self, PageError> {
        match error {
            ApiError::BadRequest(text) | ApiError::Conflict(text) | ApiError::TooLarge(text) => {
                Ok(Self::read(&text, fields))
            }
            other => Err(other.into()),
        }
    }

    /// One more about a field.
    pub fn add(&mut self, field: &str, text: &str) {
        let all = self.fields.entry(field.to_owned()).or_default();
        if !all.is_empty() {
            all.push(' ');
        }
        all.push_str(text);
    }

    /// What is wrong with a field; empty: nothing.
    #[must_use]
    pub fn on(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.general.is_empty() && self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_stands_beside_its_field_or_above_the_form() {
        let faults = Faults::read("name: too long\nname: has a blank\n\nNo room.\nhttps: //x", &["name"]);
        assert_eq!(faults.on("name"), "too long has a blank");
        assert_eq!(faults.general, ["No room.", "https: //x"]);
        assert_eq!(faults.on("other"), "");
        assert_eq!(Faults::read("None: choose one", &["chroots"]).on("chroots"), "choose one");
    }
}
