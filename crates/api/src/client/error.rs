//! What may go wrong between a client and a hub.

use std::path::PathBuf;

/// A call that did not succeed; its text is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hub refused, in its own words.
    #[error("{}", as_list(message))]
    Server {
        /// HTTP status.
        status: u16,
        /// The body's `error`: one message a line.
        message: String,
    },
    /// The hub's address is not a URL that this client can use.
    #[error("copr_url {url:?} is not usable: {reason}")]
    BadUrl {
        /// As configured.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The call needs a login and a token, and the configuration has none.
    #[error("this needs a login and a token, and the configuration has none")]
    NoCredentials,
    /// No connection.
    #[error("Unable to connect to {hub}: {reason}")]
    Connect {
        /// The hub's address.
        hub: String,
        /// The system's reason.
        reason: String,
    },
    /// The hub was silent for too long.
    #[error("{hub} did not answer in time")]
    Timeout {
        /// The hub's address.
        hub: String,
    },
    /// The connection broke on the way.
    #[error("the connection to {hub} broke: {reason}")]
    Broken {
        /// The hub's address.
        hub: String,
        /// The system's reason.
        reason: String,
    },
    /// The reply is no JSON: something else than a hub answers there, or a proxy in front of it failed.
    #[error("{url} answered with status {status} and no JSON; is copr_url the address of a Copr server?")]
    NotJson {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The reply is JSON of another form, or too long.
    #[error("{url} answered with something unexpected: {reason}")]
    Unexpected {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A downloaded file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file to upload cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Error {
    /// The HTTP status, when the hub answered at all.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Server { status, .. } | Self::NotJson { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the same call may well succeed later: no connection, silence, or a server that is restarting.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } | Self::Broken { .. } => true,
            _ => matches!(self.status(), Some(500 | 502 | 503 | 504)),
        }
    }
}

/// Several lines become a list, as copr-cli prints them; one line stays as it is.
fn as_list(message: &str) -> String {
    let message = message.trim_end();
    if !message.contains('\n') {
        return message.to_owned();
    }
    message.lines().map(|line| format!("\n- {line}")).collect()
}
