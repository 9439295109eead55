//! comps.xml of a chroot: taken in, checked, kept beside its packages.

use axum::extract::multipart::Field;

use crate::{db::task::RepositoryKey, fork::COMPS, http::error::ApiError, state::AppState};

/// The largest comps.xml that is taken. Fedora's has 2 MiB.
const BYTES: usize = 8 << 20;

/// An uploaded comps.xml that is one.
pub(crate) struct Comps {
    /// Name that it was uploaded under.
    pub(super) name: String,
    bytes: Vec<u8>,
}

/// Reads the part of a form, and what is in it.
///
/// # Errors
/// 400: it is no comps.xml, 413.
pub(crate) async fn read(mut field: Field<'_>) -> Result<Comps, ApiError> {
    let sent = field.file_name().unwrap_or(COMPS).rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = sent.chars().filter(|c| !c.is_control()).take(100).collect();
    let mut bytes = Vec::new();
    let broken = |error| ApiError::BadRequest(format!("upload_comps: The upload is broken: {error}"));
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > BYTES {
            return Err(ApiError::TooLarge(format!("upload_comps: It is larger than {BYTES} bytes.")));
        }
        bytes.extend_from_slice(&chunk);
    }
    copr_repodata::comps::read(bytes.as_slice(), &mut |_| {})
        .map_err(|error| ApiError::BadRequest(format!("upload_comps: This is no comps.xml: {error}")))?;
    Ok(Comps { name: if name.is_empty() { COMPS.to_owned() } else { name }, bytes })
}

/// Puts it where the next publish finds it.
///
/// # Errors
/// It can't be written.
pub(super) async fn keep(state: &AppState, repository: &RepositoryKey, comps: &Comps) -> Result<(), ApiError> {
    let place = state.store.directory(&repository.owner, &repository.dirname).join(repository.chroot.as_str());
    Ok(state.store.write(&place, COMPS, comps.bytes.clone()).await?)
}

/// Takes it away.
///
/// # Errors
/// It can't be deleted.
pub(super) async fn remove(state: &AppState, repository: &RepositoryKey) -> Result<(), ApiError> {
    let place = state.store.directory(&repository.owner, &repository.dirname).join(repository.chroot.as_str());
    Ok(state.store.remove_result(&place, COMPS).await?)
}
