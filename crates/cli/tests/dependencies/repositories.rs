//! How repositories are named, fetched, kept and complained about.

use crate::place::Place;

#[test]
fn a_repository_by_http_is_verified_and_kept_for_the_next_time() {
    let place = Place::new(&[("r", "a-1-1.noarch; requires /usr/share/f\nb-1-1.noarch; files /usr/share/f")]);
    let url = place.serve();
    let line = format!("closure --repo far={url}/r --cache kept");
    assert_eq!(place.ask(&line).lines(), ["2 packages: every requirement is satisfied"]);
    let pools = fs_err::read_dir(place.path("kept/packages")).unwrap().count();
    assert_eq!(pools, 1);
    // The packages come from the cache now; without it the loss of the metadata would be noticed.
    let primary = fs_err::read_dir(place.path("r/repodata")).unwrap().map(|entry| entry.unwrap().path());
    primary
        .filter(|path| path.to_string_lossy().contains("primary"))
        .for_each(|path| fs_err::remove_file(path).unwrap());
    assert_eq!(place.ask(&line).code, Some(0));
}

#[test]
fn a_damaged_cache_file_is_made_anew() {
    let place = Place::new(&[("r", "a-1-1.noarch")]);
    assert_eq!(place.ask("closure --repo r --cache kept").code, Some(0));
    for entry in fs_err::read_dir(place.path("kept/packages")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs_err::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xFF;
        fs_err::write(path, bytes).unwrap();
    }
    assert_eq!(place.ask("closure --repo r --cache kept").lines(), ["1 package: every requirement is satisfied"]);
}

#[test]
fn every_problem_names_the_repository() {
    let place = Place::new(&[("good", "a-1-1.noarch"), ("cut", "c-1-1.noarch")]);
    for entry in fs_err::read_dir(place.path("cut/repodata")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("primary") {
            fs_err::write(path, "cut").unwrap();
        }
    }
    let url = place.serve();
    for (line, name) in [
        ("closure --repo good --repo x=nowhere".to_owned(), "the repository x (nowhere): "),
        ("closure --repo good --repo cut".to_owned(), "the repository cut: "),
        (format!("closure --repo good --repo far={url}/nowhere"), "the repository far (http://127.0.0.1:"),
        (format!("closure --repo good --repo far={url}/cut"), "the repository far (http://127.0.0.1:"),
    ] {
        let ended = place.ask(&line);
        assert_eq!((ended.code, ended.out.as_str(), ended.err.lines().count()), (Some(1), "", 1), "{ended:?}");
        assert!(ended.err.starts_with(&format!("copr-repo: {name}")), "{ended:?}");
    }
}

#[test]
fn dnfs_way_of_naming_repositories_is_understood() {
    let place = Place::new(&[("r", "a-1-1.noarch; requires b"), ("s", "b-1-1.noarch")]);
    let found = place.ask("closure --repofrompath one,r --repofrompath two,s --check one");
    assert_eq!(found.code, Some(0), "{found:?}");
    let none = place.ask("query a");
    assert_eq!(
        (none.code, none.err.as_str()),
        (Some(1), "copr-repo: no repository is given; name one with --repo [ID=]PLACE\n")
    );
}

#[test]
fn nothing_is_written_where_there_is_no_place_for_a_cache() {
    let place = Place::new(&[("r", "a-1-1.noarch")]);
    fs_err::write(place.path("file"), "").unwrap();
    let refused = place.ask("closure --repo r --cache file/below");
    assert_eq!((refused.code, refused.err.lines().count()), (Some(1), 1), "{refused:?}");
}
