//! Forms as data: which inputs there are, what stands in them, and the API's body that they make.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// What is offered by a form that has no input of several.
pub const NONE: &[String] = &[];

/// How an input looks, and what it is in the API's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A line of text.
    Text,
    /// A number, left out when it is empty.
    Number,
    /// A number whose emptiness is this one.
    NumberOr(i64),
    /// Lines of text.
    Area,
    /// Words, a line each.
    Words,
    /// Yes or no.
    Check,
    /// One of these: what is sent, and what stands there.
    Choice(&'static [(&'static str, &'static str)]),
    /// Any of those that the page offers.
    Many,
}

/// One input of a form.
#[derive(Debug, Clone, Copy)]
pub struct Input {
    /// Its name, the API's.
    pub name: &'static str,
    /// What stands beside it.
    pub label: &'static str,
    /// What stands below it.
    pub hint: &'static str,
    /// How it looks.
    pub kind: Kind,
}

impl Input {
    /// An input.
    #[must_use]
    pub const fn new(name: &'static str, label: &'static str, kind: Kind, hint: &'static str) -> Self {
        Self { name, label, hint, kind }
    }

    /// Its word for the template.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.kind {
            Kind::Text => "text",
            Kind::Number | Kind::NumberOr(_) => "number",
            Kind::Area => "area",
            Kind::Words => "words",
            Kind::Check => "check",
            Kind::Choice(_) => "choice",
            Kind::Many => "many",
        }
    }

    /// What can be chosen.
    #[must_use]
    pub fn choices(&self) -> &'static [(&'static str, &'static str)] {
        match self.kind {
            Kind::Choice(choices) => choices,
            _ => &[],
        }
    }
}

/// Inputs that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// What they are about.
    pub title: &'static str,
    /// They.
    pub inputs: &'static [Input],
}

/// The names of all inputs.
#[must_use]
pub fn names(sections: &[Section]) -> Vec<&'static str> {
    sections.iter().flat_map(|section| section.inputs).map(|input| input.name).collect()
}

/// What stands in a form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Values(BTreeMap<String, Vec<String>>);

impl FromIterator<(String, String)> for Values {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut values = Self::default();
        for (name, value) in pairs {
            values.0.entry(name).or_default().push(value);
        }
        values
    }
}

impl Values {
    /// Fills an input.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.0.insert(name.to_owned(), vec![value.to_string()]);
        self
    }

    /// Ticks a box, or does not.
    #[must_use]
    pub fn ticked(self, name: &str, on: bool) -> Self {
        if on { self.with(name, "true") } else { self }
    }

    /// Fills an input of words.
    #[must_use]
    pub fn words(self, name: &str, words: &[String]) -> Self {
        self.with(name, words.join("\n"))
    }

    /// Chooses several.
    #[must_use]
    pub fn many(mut self, name: &str, chosen: impl Iterator<Item = String>) -> Self {
        self.0.insert(name.to_owned(), chosen.collect());
        self
    }

    /// What stands in an input; empty: nothing.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).and_then(|all| all.last()).map_or("", String::as_str)
    }

    /// Whether a box is ticked.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// Whether one of several is chosen.
    #[must_use]
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.0.get(name).is_some_and(|all| all.iter().any(|one| one == value))
    }

    /// The API's body for these inputs: all of them, but for numbers and choices that are empty, and for
    /// numbers that were not sent where emptiness means one.
    #[must_use]
    pub fn body(&self, sections: &[Section]) -> Map<String, Value> {
        let mut body = Map::new();
        for input in sections.iter().flat_map(|section| section.inputs) {
            let text = self.get(input.name);
            let value = match input.kind {
                Kind::Number | Kind::Choice(_) if text.trim().is_empty() => continue,
                Kind::NumberOr(_) if !self.0.contains_key(input.name) => continue,
                // Browsers end lines as networks do.
                Kind::Area => text.replace("\r\n", "\n").into(),
                Kind::Text | Kind::Choice(_) => text.trim().into(),
                Kind::NumberOr(empty) if text.trim().is_empty() => empty.into(),
                Kind::Number | Kind::NumberOr(_) => {
                    text.trim().parse::<i64>().map_or_else(|_| text.into(), Value::from)
                }
                Kind::Words => text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into(),
                Kind::Check => self.is(input.name).into(),
                Kind::Many => self.0.get(input.name).cloned().unwrap_or_default().into(),
            };
            body.insert(input.name.to_owned(), value);
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_form_becomes_the_body_of_a_call() {
        const FORM: &[Section] = &[Section {
            title: "",
            inputs: &[
                Input::new("text", "", Kind::Area, ""),
                Input::new("days", "", Kind::Number, ""),
                Input::new("none", "", Kind::Number, ""),
                Input::new("never", "", Kind::NumberOr(-1), ""),
                Input::new("repos", "", Kind::Words, ""),
                Input::new("on", "", Kind::Check, ""),
                Input::new("off", "", Kind::Check, ""),
                Input::new("chroots", "", Kind::Many, ""),
            ],
        }];
        let sent = url::form_urlencoded::parse(
            b"text=a%0D%0Ab&days=+7&none=&never=+&repos=x+y%0D%0Az&on=true&chroots=c1&chroots=c2&csrf=secret",
        );
        let values: Values = sent.into_owned().collect();
        let body = Value::Object(values.body(FORM));
        assert_eq!(
            body,
            serde_json::json!({ "text": "a\nb", "days": 7, "never": -1, "repos": ["x", "y", "z"], "on": true, "off": false,
                                "chroots": ["c1", "c2"] })
        );
        assert_eq!(Values::default().with("days", "x").body(FORM)["days"], "x");
    }
}
