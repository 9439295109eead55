//! What stands on the pages of a repository.

use std::path::Path;

use copr_repodata::{Compression, Record, read};
use copr_view::site::{SiteOptions, Written, write};
use copr_view::{Letter, Links as _, Repository, pages};

use super::html::{check, unescaped};
use super::shelf::{compressed, output, package, publish, requiring, with_comps};

const COMPS: &str = "<?xml version=\"1.0\"?><comps>\
    <group><id>core</id><name>Core &lt;b&gt;</name><description>What is always there.</description><packagelist>\
    <packagereq>bash</packagereq><packagereq>absent</packagereq><packagereq>zlib</packagereq></packagelist></group>\
    <group><id>hidden</id><name>Hidden</name><uservisible>false</uservisible><packagelist><packagereq>bash</packagereq>\
    </packagelist></group><group><id>empty</id><name>Empty</name><packagelist/></group></comps>";

fn packages() -> Vec<Record> {
    let bash = requiring(package("bash-5.2-1.x86_64", 10), &["libzlib.so()(64bit)", "/usr/share/zlib", "absent >= 3"]);
    vec![
        requiring(package("bash-5.1-1.x86_64", 5), &["zlib"]),
        bash,
        package("bash-5.2-1.i686", 10),
        package("bash-5.2-1.src", 10),
        package("bash-libs-5.2-1.x86_64", 10),
        package("R-4-1.noarch", 1),
        package("r-1-1.noarch", 2),
        package("zlib-1:1.3-1.x86_64", 20),
        package("0ad-1-1.x86_64", 3),
        package("+x-1-1.x86_64", 4),
    ]
}

fn view(dir: &Path, to: &Path, options: &SiteOptions) -> Written {
    let repository = Repository::open(dir, "Apps", &mut |_| ()).unwrap();
    fs_err::create_dir(to).unwrap();
    write(&repository, to, options, &|_| ()).unwrap()
}

#[test]
fn every_package_has_a_page_and_every_link_leads_somewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, to) = (folder.path().join("repo"), folder.path().join("site"));
    publish(&dir, &packages(), with_comps(folder.path(), COMPS, output()));
    let options = SiteOptions { files: Some("../repo/".to_owned()), json: true, ..SiteOptions::default() };
    let written = view(&dir, &to, &options);
    assert_eq!((written.packages, check(&to, "repo/") as u64), (10, written.pages));

    let page = |name: &str| fs_err::read_to_string(to.join(name)).unwrap();
    let bash = page("package/bash.html");
    for part in [
        "About bash",
        "5.2-1, x86_64",
        "Long text &#38; more",
        "libzlib.so()(64bit)</span> <span class=\"from\"><a href=\"../package/zlib.html\">zlib</a>",
        "/usr/share/zlib</span> <span class=\"from\"><a href=\"../package/zlib.html\">zlib</a>",
        "<span class=\"mono\">absent &#62;= 3</span></li>",
        "- of day 10",
        "/usr/bin/bash\n/usr/share/bash/\n",
        "href=\"../package/bash-5.2-1.src.html\">bash-5.2-1.src.rpm</a>",
        "href=\"../../repo/Packages/bash-5.2-1.x86_64.rpm\"",
        "<a href=\"../group/core.html\">Core &#60;b&#62;</a>",
        "href=\"../package/bash-5.1-1.x86_64.html\"",
        "href=\"../package/bash-libs.html\"",
        "1.0 MiB installed",
    ] {
        assert!(bash.contains(part), "{part} is not in {bash}");
    }
    assert!(page("package/zlib.html").contains("Needed by</h2>\n<p><a href=\"../package/bash.html\">bash</a></p>"));
    assert!(page("package/bash-5.1-1.x86_64.html").contains("- of day 5"));
    let (upper, lower) = (page("package/R.html"), page("package/r~2.html"));
    assert!(upper.contains("About R<") && lower.contains("About r<"));
    let index = page("index.html");
    let latest = index.find("zlib-1.3-1").unwrap();
    assert!(latest < index.find("bash-5.2-1").unwrap(), "the newest comes first: {index}");
    assert!(!index.contains("Hidden") && !index.contains("Empty"));
    for letter in ["letter-0", "letter-b", "letter-r", "letter-z", "letter-other"] {
        assert!(index.contains(&format!("href=\"{letter}.html\"")), "{letter}");
    }
    let twin: serde_json::Value = serde_json::from_str(&page("package/bash.json")).unwrap();
    assert_eq!(twin["versions"].as_array().unwrap().len(), 4);
    assert_eq!(twin["dependencies"][0]["list"][0]["providers"][0]["text"], "zlib");
    assert_eq!(twin["signature"]["state"], "unknown", "the packages are not there");
}

#[test]
fn without_comps_the_groups_are_those_that_packages_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut records = packages();
    records[0].group = "Unspecified".to_owned();
    publish(folder.path(), &records, output());
    let repository = Repository::open(folder.path(), "x", &mut |_| ()).unwrap();
    let groups: Vec<&str> = repository.index().groups().iter().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["Shells"]);
}

#[test]
fn names_stand_in_the_order_of_lists_and_are_found() {
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), &packages(), output());
    let repository = Repository::open(folder.path(), "x", &mut |_| ()).unwrap();
    let index = repository.index();
    let names: Vec<&str> = index.names().iter().map(|name| &*name.text).collect();
    assert_eq!(names, ["0ad", "bash", "bash-libs", "R", "r", "zlib", "+x"]);
    for (number, name) in names.iter().enumerate() {
        assert_eq!(index.find(name), Some(number));
    }
    assert_eq!((index.find("BASH"), index.find("")), (None, None));
    let letters: Vec<Letter> = index.letters().iter().map(|(letter, _)| *letter).collect();
    assert_eq!(letters.first().map(|letter| letter.slug()), Some("0".to_owned()));
    assert!(letters.iter().all(|letter| Letter::of_slug(&letter.slug()) == Some(*letter)));
    let source = index.find_package("bash", "5.2-1.src").unwrap();
    assert!(index.packages()[source].is_source() && !index.is_head(source));
    assert_eq!(index.find_package("bash", "9-9.src"), None);
}

#[test]
fn one_package_is_read_as_it_is_among_all_whatever_the_metadata_are_compressed_with() {
    for compression in [Compression::Zstd, Compression::Gzip, Compression::Xz, Compression::None] {
        let folder = tempfile::tempdir().unwrap();
        let many: Vec<Record> =
            (0..300).map(|number| package(&format!("p{number}-1-1.noarch"), number)).chain(packages()).collect();
        publish(folder.path(), &many, compressed(compression));
        let repository = Repository::open(folder.path(), "x", &mut |_| ()).unwrap();
        for whole in read::load(folder.path()).unwrap() {
            let of = |package: &&copr_view::Package| *package.location == *whole.location_href;
            let package = repository.index().packages().iter().find(of).unwrap();
            assert_eq!(repository.record(package).unwrap(), whole, "{compression:?}");
        }
    }
}

#[test]
fn a_package_that_is_gone_since_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), &packages(), output());
    let repository = Repository::open(folder.path(), "x", &mut |_| ()).unwrap();
    fs_err::remove_dir_all(folder.path().join("repodata")).unwrap();
    let error = repository.record(&repository.index().packages()[0]).unwrap_err();
    assert!(matches!(error, copr_view::Error::Changed(_)), "{error}");
}

#[test]
fn long_lists_have_pages() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, to) = (folder.path().join("repo"), folder.path().join("site"));
    let many: Vec<Record> = (0..1200).map(|number| package(&format!("p{number}-1-1.noarch"), 1)).collect();
    publish(&dir, &many, output());
    view(&dir, &to, &SiteOptions::default());
    check(&to, "");
    let last = fs_err::read_to_string(to.join("all,3.html")).unwrap();
    assert_eq!(last.matches("<tr><td class=\"name\">").count(), 200);
    assert!(last.contains("rel=\"prev\"") && !last.contains("rel=\"next\""));
    assert!(!to.join("all,4.html").exists() && to.join("letter-p,3.html").exists());
}

#[test]
fn a_repository_without_packages_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, to) = (folder.path().join("repo"), folder.path().join("site"));
    publish(&dir, &[], output());
    let written = view(&dir, &to, &SiteOptions::default());
    assert_eq!((written.pages, check(&to, "")), (3, 3));
    assert!(fs_err::read_to_string(to.join("index.html")).unwrap().contains("no packages in this repository"));
}

#[test]
fn the_feed_is_atom_and_tells_what_was_built_last() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, to) = (folder.path().join("repo"), folder.path().join("site"));
    publish(&dir, &packages(), output());
    let base = Some("https://example.org/view/".to_owned());
    view(&dir, &to, &SiteOptions { base_url: base, ..SiteOptions::default() });
    let xml = fs_err::read_to_string(to.join("feed.atom")).unwrap();
    let entries = atom(&xml);
    assert_eq!(entries[0], ("zlib-1.3-1".to_owned(), "https://example.org/view/package/zlib.html".to_owned()));
    assert_eq!(entries.len(), 7, "one for each source package: {entries:?}");
    assert!(
        xml.contains("<link rel=\"self\" type=\"application/atom+xml\" href=\"https://example.org/view/feed.atom\"/>")
    );
    assert!(xml.contains("- of day 20"));
}

/// Reads a feed as RFC 4287 has it: what must be there is there, once. Gives title and address of its entries.
pub(crate) fn atom(xml: &str) -> Vec<(String, String)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut path: Vec<String> = Vec::new();
    let mut seen: Vec<(String, String)> = Vec::new();
    let (mut entries, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
    let finish = |seen: &[(String, String)], ids: &mut std::collections::BTreeSet<String>| {
        let of = |name: &str| -> Vec<String> {
            seen.iter().filter(|(n, _)| n == name).map(|(_, text)| text.clone()).collect()
        };
        let [id, title, updated] = ["id", "title", "updated"].map(|name| {
            let found = of(name);
            assert_eq!(found.len(), 1, "{name} in {seen:?}");
            found[0].clone()
        });
        assert!(ids.insert(id.clone()) && (id.starts_with("urn:uuid:") || id.starts_with("https://")), "{id}");
        assert!(updated.ends_with('Z') && updated.len() == 20, "{updated}");
        assert_eq!(of("alternate").len(), 1);
        (title, of("alternate")[0].clone())
    };
    let mut of_feed = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_owned());
                if path.last().unwrap() == "entry" {
                    of_feed = std::mem::take(&mut seen);
                } else {
                    seen.push((path.last().unwrap().clone(), String::new()));
                }
            }
            Event::Empty(link) => {
                let get = |name: &str| {
                    let value = link.attributes().map(Result::unwrap).find(|a| a.key.as_ref() == name);
                    unescaped(&value.unwrap().value)
                };
                seen.push((get("rel"), get("href")));
            }
            Event::Text(text) if !path.is_empty() => {
                if let Some((_, to)) = seen.last_mut() {
                    to.push_str(text.trim_matches('\n'));
                }
            }
            Event::GeneralRef(reference) => {
                let name = format!("&{};", &*reference);
                seen.last_mut().unwrap().1.push_str(&unescaped(&name));
            }
            Event::End(_) => {
                let ended = path.pop();
                if ended.as_deref() == Some("entry") {
                    entries.push(finish(&seen, &mut ids));
                    seen = std::mem::take(&mut of_feed);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(path.is_empty());
    finish(&seen, &mut ids);
    assert!(seen.iter().any(|(name, text)| name == "name" && !text.is_empty()), "a feed has an author");
    entries
}

#[test]
fn a_list_that_is_not_there_is_none() {
    struct Nowhere;
    impl copr_view::Links for Nowhere {
        fn index(&self) -> String {
            "/".to_owned()
        }
        fn list(&self, _: &copr_view::Index, list: copr_view::List, page: usize) -> String {
            format!("/{list:?}/{page}")
        }
        fn package(&self, _: &copr_view::Index, package: usize) -> String {
            format!("/{package}")
        }
        fn latest(&self) -> String {
            "/latest".to_owned()
        }
        fn feed(&self) -> String {
            "/feed".to_owned()
        }
        fn file(&self, _: &copr_view::Package) -> Option<String> {
            None
        }
        fn build(&self, _: &copr_view::Package) -> Option<copr_view::BuildLink> {
            Some(copr_view::BuildLink { id: 7, url: "/build/7".to_owned() })
        }
    }
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), &packages(), output());
    let repository = Repository::open(folder.path(), "x", &mut |_| ()).unwrap();
    let index = repository.index();
    for (list, page) in [
        (copr_view::List::All, 0),
        (copr_view::List::All, 2),
        (copr_view::List::All, usize::MAX),
        (copr_view::List::Group(9), 1),
        (copr_view::List::Letter(Letter::Letter(b'q')), 1),
    ] {
        assert!(pages::list(index, &Nowhere, list, page).is_none(), "{list:?} {page}");
    }
    let html = pages::index(index, &Nowhere).html().unwrap();
    assert!(html.contains("<a href=\"/build/7\">build 7</a>") && Nowhere.index() == "/");
}
