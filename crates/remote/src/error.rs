//! What can go wrong between here and a repository.

/// A failure to read a repository; every message names the URL or file and says what is the matter.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Text that is no usable repository URL.
    #[error("{url:?} is no repository URL: {reason}")]
    BadUrl {
        /// The text as given, cut to 200 characters.
        url: String,
        /// What is wrong with it, as a sentence part.
        reason: String,
    },
    /// A location inside the metadata, or a redirect, that leads where it must not.
    #[error("{location:?} in the metadata of {repository} is refused: {reason}")]
    Refused {
        /// The repository.
        repository: String,
        /// The location, cut to 200 characters.
        location: String,
        /// The rule that it breaks, as a sentence part.
        reason: &'static str,
    },
    /// A `file://` URL where only network repositories are allowed.
    #[error("{url}: file:// repositories are not allowed here")]
    FileNotAllowed {
        /// The URL.
        url: String,
    },
    /// The server answered with an error.
    #[error("{url}: the server answered {status}")]
    Status {
        /// The URL.
        url: String,
        /// HTTP status, e.g. 404.
        status: u16,
    },
    /// No answer, or an answer that broke off.
    #[error("{url}: {reason}")]
    Transport {
        /// The URL.
        url: String,
        /// The chain of causes.
        reason: String,
        /// Whether another try may help.
        transient: bool,
    },
    /// More bytes than there should be; the rest was not read.
    #[error("{url}: longer than the {limit} bytes that it may have")]
    TooLong {
        /// The URL.
        url: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// Fewer bytes than there should be.
    #[error("{url}: ended after {got} bytes, {expected} are expected")]
    TooShort {
        /// The URL.
        url: String,
        /// Bytes named by the metadata.
        expected: u64,
        /// Bytes received.
        got: u64,
    },
    /// A part of a file other than the part that was asked for.
    #[error("{url}: asked for what follows {from} bytes, the server sent another part")]
    WrongRange {
        /// The URL.
        url: String,
        /// Bytes that were there.
        from: u64,
    },
    /// Bytes other than those that the metadata names.
    #[error("{url}: its {kind} is {got}, the metadata says {expected}")]
    WrongChecksum {
        /// The URL.
        url: String,
        /// Name of the checksum, e.g. `sha256`.
        kind: &'static str,
        /// Lower-case hex from the metadata.
        expected: String,
        /// Lower-case hex of what came.
        got: String,
    },
    /// A checksum of a kind that proves nothing, or that is not well formed.
    #[error("{url}: {reason}")]
    UnusableChecksum {
        /// What it belongs to.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Metadata that cannot be read.
    #[error("{url}: {reason}")]
    Metadata {
        /// URL of the metadata file.
        url: String,
        /// What the reader said.
        reason: String,
    },
    /// A place that does not take what is written, or not as it should be.
    #[error("{place}: {reason}")]
    Write {
        /// What was written, without secrets.
        place: String,
        /// What is the matter, as a sentence part.
        reason: String,
        /// Whether another try may help.
        transient: bool,
    },
    /// Other writers were faster, every time.
    #[error("{place}: other writers changed it {tries} times while this one was at work; try again later")]
    Busy {
        /// The index that they changed.
        place: String,
        /// How often it was tried.
        tries: u32,
    },
    /// The metadata could not be read or made.
    #[error(transparent)]
    Repodata(#[from] copr_repodata::Error),
    /// The cache or a `file://` repository failed us; the message names the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Error {
    /// Whether the same request may well succeed in a moment: broken connections, timeouts, and the server's own trouble.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { transient, .. } | Self::Write { transient, .. } => *transient,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            Self::TooShort { .. } => true,
            _ => false,
        }
    }
}

/// The first 200 characters of text that strangers wrote.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}
