//! The pages as their readers see them.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod hostile;
mod html;
mod shelf;
mod site;
