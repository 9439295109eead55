//! A build's results: the folder that a hub shows as a page of links, and its files.

use std::path::Path;

use reqwest::{
    StatusCode, Url,
    header::{ACCEPT_ENCODING, CONTENT_RANGE, RANGE},
};
use tokio::io::AsyncWriteExt;

use super::{Client, Error, PAUSES};

/// The longest page of links, in bytes.
const LISTING_LIMIT: usize = 16 << 20;

/// The most files of one build.
const FILES_LIMIT: usize = 20_000;

/// Folders below a build's own, e.g. that of fedora-review.
const DEPTH_LIMIT: usize = 3;

/// A file among results.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteFile {
    /// Its place below the folder that was listed, with `/`; every part is a plain name.
    pub name: String,
    /// Its address.
    pub url: String,
}

/// How a download ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downloaded {
    /// The file was fetched, or the rest of it.
    Fetched {
        /// Bytes that it has.
        size: u64,
    },
    /// It was there already, as long as the hub's.
    Present {
        /// Bytes that it has.
        size: u64,
    },
}

impl Client {
    /// Every file below a folder of results, by the links of its pages. No credentials are sent: results are public.
    ///
    /// # Errors
    /// As every call; [`Error::Unexpected`] for a folder without end.
    pub async fn results(&self, folder: &str) -> Result<Vec<RemoteFile>, Error> {
        let base = format!("{}/", folder.trim_end_matches('/'));
        let mut files = Vec::new();
        let mut folders = vec![(String::new(), base, 0)];
        while let Some((prefix, address, depth)) = folders.pop() {
            for (name, url) in self.links(&address).await? {
                match name.strip_suffix('/') {
                    Some(folder) if depth < DEPTH_LIMIT => folders.push((format!("{prefix}{folder}/"), url, depth + 1)),
                    Some(_) => {}
                    None => files.push(RemoteFile { name: format!("{prefix}{name}"), url }),
                }
            }
            if files.len() + folders.len() > FILES_LIMIT {
                let reason = format!("it has more than {FILES_LIMIT} files");
                return Err(Error::Unexpected { url: folder.to_owned(), reason });
            }
        }
        files.sort();
        Ok(files)
    }

    /// The names that a page links to in its own folder, folders with a slash at the end, and their addresses.
    async fn links(&self, address: &str) -> Result<Vec<(String, String)>, Error> {
        let unusable = |reason: String| Error::Unexpected { url: address.to_owned(), reason };
        let mut response = self.http.get(address).send().await.map_err(|error| self.transport(&error))?;
        let status = response.status();
        if !status.is_success() {
            let message = format!("{address} cannot be listed (HTTP status {status})");
            return Err(Error::Server { status: status.as_u16(), message });
        }
        let base = response.url().clone();
        let mut page = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(&error))? {
            page.extend_from_slice(&chunk);
            if page.len() > LISTING_LIMIT {
                return Err(unusable(format!("more than {LISTING_LIMIT} bytes")));
            }
        }
        let mut found: Vec<_> = hrefs(&String::from_utf8_lossy(&page)).filter_map(|href| entry(&base, &href)).collect();
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// Fetches a file under its name. What was fetched before, in a file with `.part` at the end, is not fetched again; a file
    /// that is there and as long as the hub's is left alone. `progress` gets the bytes as they come, then what is left.
    ///
    /// # Errors
    /// [`Error::Write`] when it cannot be written, [`Error::Unexpected`] when it is not as long as the hub said; else as every
    /// call. What was fetched stays for the next time.
    pub async fn download(
        &self,
        url: &str,
        to: &Path,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<Downloaded, Error> {
        for pause in PAUSES {
            match self.download_once(url, to, progress).await {
                Err(Error::Connect { .. } | Error::Broken { .. } | Error::Timeout { .. }) => {
                    tokio::time::sleep(pause).await;
                }
                ended => return ended,
            }
        }
        self.download_once(url, to, progress).await
    }

    async fn download_once(
        &self,
        url: &str,
        to: &Path,
        progress: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<Downloaded, Error> {
        let unexpected = |reason: String| Error::Unexpected { url: url.to_owned(), reason };
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = std::path::PathBuf::from(part);
        let length = |path: &Path| std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|of| of.len());
        let had = length(&part).unwrap_or(0);

        let mut request = self.http.get(url).header(ACCEPT_ENCODING, "identity");
        if had > 0 && length(to).is_none() {
            request = request.header(RANGE, format!("bytes={had}-"));
        }
        let mut response = request.send().await.map_err(|error| self.transport(&error))?;
        let (mut so_far, total) = match response.status() {
            StatusCode::PARTIAL_CONTENT => match range(response.headers()) {
                Some((begin, total)) if begin == had => (had, Some(total)),
                _ => return Err(unexpected("it sent another part than was asked for".to_owned())),
            },
            // More is there than the hub has: not this file.
            StatusCode::RANGE_NOT_SATISFIABLE => {
                tokio::fs::remove_file(&part).await.map_err(failed(&part))?;
                return Err(Error::Broken { hub: self.hub().to_owned(), reason: "a part was of no use".to_owned() });
            }
            StatusCode::OK => (0, response.content_length()),
            status => {
                let message = format!("{url} cannot be downloaded (HTTP status {status})");
                return Err(Error::Server { status: status.as_u16(), message });
            }
        };
        if let (Some(size), true) = (length(to), total.is_some() && length(to) == total) {
            return Ok(Downloaded::Present { size });
        }
        progress(0, total.map(|total| total - so_far.min(total)));
        let mut options = tokio::fs::OpenOptions::new();
        options.create(true).write(true).append(so_far > 0).truncate(so_far == 0);
        let mut file = options.open(&part).await.map_err(failed(&part))?;
        while let Some(chunk) = response.chunk().await.map_err(|error| self.transport(&error))? {
            file.write_all(&chunk).await.map_err(failed(&part))?;
            so_far += chunk.len() as u64;
            progress(chunk.len() as u64, None);
        }
        file.flush().await.map_err(failed(&part))?;
        drop(file);
        if let Some(total) = total.filter(|total| *total != so_far) {
            return Err(unexpected(format!("{so_far} bytes came of {total}")));
        }
        tokio::fs::rename(&part, to).await.map_err(failed(to))?;
        Ok(Downloaded::Fetched { size: so_far })
    }
}

/// 120 and 201 of `Content-Range: bytes 120-200/201`.
fn range(headers: &reqwest::header::HeaderMap) -> Option<(u64, u64)> {
    let (range, total) = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()?))
}

/// The targets of a page's links, as they stand there.
fn hrefs(page: &str) -> impl Iterator<Item = String> + '_ {
    page.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let target = rest.get(1..)?.split(quote).next()?;
        Some(target.replace("&amp;", "&"))
    })
}

/// The name and address of what a link leads to, when that lies directly in the folder `base`.
fn entry(base: &Url, href: &str) -> Option<(String, String)> {
    let mut url = base.join(href).ok()?;
    if url.query().is_some() || url.origin() != base.origin() {
        return None;
    }
    url.set_fragment(None);
    let rest = url.path().strip_prefix(base.path())?;
    let (name, slash) = rest.strip_suffix('/').map_or((rest, ""), |name| (name, "/"));
    let name = decoded(name)?;
    let plain = !name.is_empty()
        && name.len() <= 255
        && name != "."
        && name != ".."
        && !name.chars().any(|c| c == '/' || c == '\\' || c.is_control());
    plain.then(|| (format!("{name}{slash}"), url.to_string()))
}

/// A part of an address without its `%41`; none where it is not text.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_pages_links_those_into_its_own_folder_are_files() {
        let base = Url::parse("http://h/results/alice/p/f-1-x86_64/00000007-gcc-c%2B%2B/").unwrap();
        let name = |href: &str| entry(&base, href).map(|(name, _)| name);
        assert_eq!(name("hello-1%7Erc1-1.src.rpm").as_deref(), Some("hello-1~rc1-1.src.rpm"));
        assert_eq!(name("./a.rpm").as_deref(), Some("a.rpm"));
        assert_eq!(name("fedora-review/").as_deref(), Some("fedora-review/"));
        let absolute = "/results/alice/p/f-1-x86_64/00000007-gcc-c%2B%2B/b.rpm";
        assert_eq!(name(absolute).as_deref(), Some("b.rpm"));
        for href in [
            "../",
            "/",
            "",
            "?C=M;O=A",
            "http://other/results/x",
            "a/b",
            "..%2Fx",
            "%2e%2e",
            "a%00b",
            "a%5Cb",
            "%ff",
            "#top",
            "javascript:alert(1)",
        ] {
            assert_eq!(name(href), None, "{href}");
        }
    }

    #[test]
    fn links_are_found_whatever_quotes_they_have() {
        let page = r#"<a href="a.rpm">a</a> <a class=x href='b&amp;c'>b</a> <a href=c>"#;
        assert_eq!(hrefs(page).collect::<Vec<_>>(), ["a.rpm", "b&c"]);
    }
}
