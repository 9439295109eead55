//! How a command ends when it does not succeed: one message, and copr-cli's exit code.

use copr_api::{client, names::NameError};

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The hub, or the way to it.
    #[error(transparent)]
    Hub(#[from] client::Error),
    /// A name that no hub would take.
    #[error("{0}")]
    Name(#[from] NameError),
    /// A file that cannot be read.
    #[error("{0}")]
    File(String),
    /// A file that is no source package: what the hub would answer after the upload.
    #[error("{0}")]
    Package(String),
    /// Builds that failed or were cancelled.
    #[error("{0}")]
    Build(String),
    /// A build on this machine that could not be.
    #[error("{0}")]
    Host(String),
    /// The configuration file.
    #[error("Copr configuration error. {0}")]
    Config(String),
    /// Neither the command line nor the configuration says who calls.
    #[error("{0}")]
    Authentication(String),
    /// The hub's answer cannot be used.
    #[error("{0}")]
    Answer(String),
    /// Arguments that contradict each other.
    #[error("{0}")]
    Arguments(String),
    /// What copr-cli can do and this cannot.
    #[error("{0}")]
    Unsupported(String),
    /// The terminal, pipe or file that the output goes to.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
    /// The person pressed Ctrl-C before anything was left to wait for.
    #[error("Interrupted by user.")]
    Interrupted,
}

impl Failure {
    /// copr-cli's exit code: 1 request, 3 other, 4 build, 6 configuration, 7 authentication; 2, bad arguments, is mostly clap's.
    #[must_use]
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Hub(client::Error::NoCredentials) | Self::Authentication(_) => 7,
            Self::Hub(client::Error::BadUrl { .. }) | Self::Config(_) => 6,
            Self::Hub(client::Error::File { .. } | client::Error::Write { .. })
            | Self::File(_)
            | Self::Unsupported(_) => 3,
            Self::Hub(error) => match error.status() {
                Some(403) => 7,
                Some(504) => 3,
                _ => 1,
            },
            Self::Arguments(_) => 2,
            Self::Build(_) => 4,
            Self::Answer(_)
            | Self::Name(_)
            | Self::Package(_)
            | Self::Host(_)
            | Self::Output(_)
            | Self::Interrupted => 1,
        }
    }

    /// What a person can do about it, where the reason does not say so.
    #[must_use]
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Hub(error) if error.status() == Some(401) => Some(
                "The login and token of the configuration are not known to the server, or not any more. Get new ones from \
                 it, and renew them with `copr new-api-token` before they expire.",
            ),
            _ => None,
        }
    }

    /// Whether the reader of our output went away (`copr list | head`), which is no failure.
    #[must_use]
    pub(super) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}
