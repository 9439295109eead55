//! The submission of a source package: a multipart upload in the form that copr-cli sends.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::TryStreamExt;
use reqwest::{
    Body, Method,
    multipart::{Form, Part},
};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use super::{Client, Error, PAUSES, nulls_for_empty_lists, read_answer};
use crate::v3::{Build, BuildOptions};

/// Bytes read from the file at once.
const CHUNK: usize = 128 * 1024;

/// An upload of which no byte moved, or that is not answered, for this long to twice as long is given up.
const STALL: Duration = Duration::from_secs(120);

impl Client {
    /// Uploads the source package, or the spec and its sources, and submits a build of it: `POST /build/create/upload`. Copr's own
    /// hubs take one file.
    ///
    /// The files are streamed. `progress` is called with the number of their bytes that were handed to the
    /// connection so far. Errors: [`Error::File`] when one cannot be opened; else as every call.
    pub async fn upload_build(
        &self,
        paths: &[&Path],
        options: &BuildOptions,
        progress: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<Build, Error> {
        self.upload(&["build", "create", "upload"], paths, options, Arc::new(progress)).await
    }

    /// Uploads packages that were built elsewhere, all from one source package: `POST /build/create/rpm-upload`. They are published as
    /// they are. Copr's own hubs take one file. The rest is as with [`Self::upload_build`].
    pub async fn upload_packages(
        &self,
        paths: &[&Path],
        options: &BuildOptions,
        progress: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<Build, Error> {
        self.upload(&["build", "create", "rpm-upload"], paths, options, Arc::new(progress)).await
    }

    async fn upload(
        &self,
        route: &[&str],
        paths: &[&Path],
        options: &BuildOptions,
        progress: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Build, Error> {
        for pause in PAUSES {
            match self.upload_once(route, paths, options, &progress).await {
                // Nothing reached the hub, so nothing was taken.
                Err(Error::Connect { .. }) => tokio::time::sleep(pause).await,
                ended => return ended,
            }
        }
        self.upload_once(route, paths, options, &progress).await
    }

    async fn upload_once(
        &self,
        route: &[&str],
        paths: &[&Path],
        options: &BuildOptions,
        progress: &Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Result<Build, Error> {
        let sent = Arc::new(AtomicU64::new(0));
        let mut form = Form::new().percent_encode_noop();
        for path in paths {
            let unreadable = |source| Error::File { path: (*path).to_owned(), source };
            let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
            let length = file.metadata().await.map_err(unreadable)?.len();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let (counter, progress) = (Arc::clone(&sent), Arc::clone(progress));
            let stream = ReaderStream::with_capacity(file.take(length), CHUNK).inspect_ok(move |chunk| {
                let so_far = counter.fetch_add(chunk.len() as u64, Ordering::Relaxed) + chunk.len() as u64;
                progress(so_far);
            });
            let part = Part::stream_with_length(Body::wrap_stream(stream), length);
            form = form.part("pkgs", typed(part, name, "application/x-rpm")?);
        }
        form = form.part("json", typed(Part::text(body(options)?), "json".to_owned(), "application/json")?);

        let request = self.with_credentials(self.patient.request(Method::POST, self.url(route)?))?.multipart(form);
        let answer = async {
            let response = request.send().await.map_err(|error| self.transport(&error))?;
            read_answer(response, self.hub()).await
        };
        tokio::select! {
            answer = answer => answer,
            () = stalled(&sent) => Err(Error::Timeout { hub: self.hub().to_owned() }),
        }
    }
}

/// The JSON part, as text. It comes after the file: the server spools the file before it knows the project.
fn body(options: &BuildOptions) -> Result<String, Error> {
    Ok(nulls_for_empty_lists(options)?.to_string())
}

pub(super) fn typed(part: Part, name: String, mime: &'static str) -> Result<Part, Error> {
    part.file_name(name)
        .mime_str(mime)
        .map_err(|error| Error::Unexpected { url: "the form".to_owned(), reason: error.to_string() })
}

/// Ends once `sent` has stood still for [`STALL`].
async fn stalled(sent: &AtomicU64) {
    let mut before = u64::MAX;
    loop {
        let now = sent.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
        tokio::time::sleep(STALL).await;
    }
}
