//! Arguments of the commands about events, webhooks, and what follows by itself.

use clap::{Args, Subcommand};

use super::{Format, Switch};

/// Arguments of `copr events`.
#[derive(Debug, Args)]
pub(in crate::copr) struct EventsWish {
    /// Of this project alone; all that may be seen when left out.
    pub(in crate::copr) project: Option<String>,
    /// After the event of this number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(in crate::copr) since: i64,
    /// Only of this topic, e.g. copr.build.end; may be repeated.
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(in crate::copr) topics: Vec<String>,
    /// Go on until you press Ctrl-C.
    #[arg(short, long)]
    pub(in crate::copr) follow: bool,
}

/// Arguments of `copr dependents`.
#[derive(Debug, Args)]
pub(in crate::copr) struct DependentsWish {
    /// The project.
    pub(in crate::copr) project: String,
    /// Of this package alone.
    #[arg(long, value_name = "NAME")]
    pub(in crate::copr) name: Option<String>,
    /// In this chroot alone.
    #[arg(long, value_name = "CHROOT")]
    pub(in crate::copr) chroot: Option<String>,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT")]
    pub(in crate::copr) output_format: Option<Format>,
}

/// `copr webhook`.
#[derive(Debug, Subcommand)]
pub(in crate::copr) enum WebhookCommand {
    /// List the addresses that are told of a project's events.
    List {
        /// The project.
        project: String,
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Have an address told, and print what the bodies are signed with, this once.
    Add {
        /// The project.
        project: String,
        /// The address, http or https.
        url: String,
        /// Only of this topic, e.g. copr.build.end; may be repeated.
        #[arg(long = "topic", value_name = "TOPIC")]
        topics: Vec<String>,
    },
    /// Change a webhook; what is not said stays.
    Edit(WebhookEdit),
    /// Have an address told no more.
    Delete {
        /// The project.
        project: String,
        /// Number of the webhook.
        webhook: i64,
    },
    /// List what a webhook was told, newest first, and how it answered.
    Log {
        /// The project.
        project: String,
        /// Number of the webhook.
        webhook: i64,
        /// How it is printed.
        #[arg(long, value_name = "FORMAT")]
        output_format: Option<Format>,
    },
    /// Tell a webhook something, to see whether it hears.
    Test {
        /// The project.
        project: String,
        /// Number of the webhook.
        webhook: i64,
    },
    /// Tell a webhook the same once more.
    Redeliver {
        /// The project.
        project: String,
        /// Number of the webhook.
        webhook: i64,
        /// Number of the delivery, as `copr webhook log` prints it.
        delivery: i64,
    },
}

/// Arguments of `copr webhook edit`.
#[derive(Debug, Args)]
pub(in crate::copr) struct WebhookEdit {
    /// The project.
    pub(in crate::copr) project: String,
    /// Number of the webhook.
    pub(in crate::copr) webhook: i64,
    /// Another address.
    #[arg(long)]
    pub(in crate::copr) url: Option<String>,
    /// Only of this topic; may be repeated.
    #[arg(long = "topic", value_name = "TOPIC", conflicts_with = "all_topics")]
    pub(in crate::copr) topics: Vec<String>,
    /// Of all topics.
    #[arg(long)]
    pub(in crate::copr) all_topics: bool,
    /// Whether it is told.
    #[arg(long, value_name = "on|off")]
    pub(in crate::copr) active: Option<Switch>,
}
