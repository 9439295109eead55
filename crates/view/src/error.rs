//! What can go wrong with pages about a repository.

/// Why a repository cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its metadata cannot be read.
    #[error(transparent)]
    Repodata(#[from] copr_repodata::Error),
    /// A file or folder could not be read or written; the text names it.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A page could not be rendered.
    #[error("the page could not be rendered: {0}")]
    Render(#[from] askama::Error),
    /// The data of a page could not be written as JSON.
    #[error("the page could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The repository was published anew, and the metadata that the index was made of are gone.
    #[error("{0} is no longer in the repository: it was published anew; read it again")]
    Changed(String),
}
