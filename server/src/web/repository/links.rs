//! Where the links of a repository's pages lead in this server.

use copr_view::{BuildLink, Index, Links, List, Package, joined_url, text::encode};

/// Links below `…/repo-view/CHROOT/`.
#[derive(Debug, Clone)]
pub(super) struct ServerLinks {
    /// The repository's first page, with a slash at its end.
    pub(super) root: String,
    /// The repository's folder below `/results/`, with a slash at its end.
    pub(super) results: String,
    /// What stands before `/coprs/build/`: nothing, or the server's address.
    pub(super) site: String,
}

impl Links for ServerLinks {
    fn index(&self) -> String {
        self.root.clone()
    }

    fn list(&self, index: &Index, list: List, page: usize) -> String {
        let path = match list {
            List::All => "all/".to_owned(),
            List::Letter(letter) => format!("letter/{}/", letter.slug()),
            List::Group(number) => {
                let id = index.groups().get(number).map(|group| group.id.as_str()).unwrap_or_default();
                format!("group/{}/", encode(id))
            }
        };
        let page = if page > 1 { format!("?page={page}") } else { String::new() };
        format!("{}{path}{page}", self.root)
    }

    fn package(&self, index: &Index, package: usize) -> String {
        let Some(found) = index.packages().get(package) else { return self.root.clone() };
        let name = encode(&found.name);
        if index.is_head(package) {
            format!("{}package/{name}/", self.root)
        } else {
            format!("{}package/{name}/{}/", self.root, encode(&found.key()))
        }
    }

    fn latest(&self) -> String {
        format!("{}latest/", self.root)
    }

    fn feed(&self) -> String {
        format!("{}feed.atom", self.root)
    }

    fn file(&self, package: &Package) -> Option<String> {
        joined_url(&self.results, package)
    }

    fn build(&self, package: &Package) -> Option<BuildLink> {
        let id = build_of(&package.location)?;
        Some(BuildLink { id, url: format!("{}/coprs/build/{id}", self.site) })
    }
}

/// The build whose folder, `NNNNNNNN-PACKAGE/`, a package lies in.
fn build_of(location: &str) -> Option<u64> {
    let mut parts = location.rsplit('/');
    parts.next()?;
    let (number, _) = parts.next()?.split_once('-')?;
    if number.len() < 8 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_tells_its_build_by_its_folder() {
        assert_eq!(build_of("00000012-hello/hello-1-1.noarch.rpm"), Some(12));
        assert_eq!(build_of("../00000012-hello/hello-1-1.noarch.rpm"), Some(12));
        for none in ["hello.rpm", "12-hello/hello.rpm", "0000001x-a/b.rpm", "00000012/b.rpm", ""] {
            assert_eq!(build_of(none), None, "{none}");
        }
    }
}
