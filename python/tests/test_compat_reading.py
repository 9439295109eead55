"""createrepo_c and `copr_repo.compat` read the same repositories: one script, two modules, the same result."""

import doctest
import gc
import gzip
import hashlib
import importlib
import os
from pathlib import Path

import pytest
from compat_stories import ATTRIBUTES, MAIN, attributes, both, make_repository, ours, paths_of, theirs


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    return make_repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="module", params=["example", "minidistro"])
def repository(request, example):
    """A made-up repository with something of everything, and a distribution's."""
    if request.param == "example":
        return example
    if not os.environ.get("COPR_MINIDISTRO"):
        pytest.skip("COPR_MINIDISTRO is not set")
    return Path(os.environ["COPR_MINIDISTRO"])


def iterate(cr, folder):
    """Every attribute of every package, streaming."""
    paths = paths_of(cr, folder)
    packages = cr.PackageIterator(paths["primary"], paths["filelists"], paths["other"])
    return [attributes(package) for package in packages]


def test_every_attribute_of_every_package_is_the_same(tmp_path, repository):
    expected, found = both(iterate, tmp_path, repository)
    assert found == expected
    assert len(found) > 2


def iterate_primary(cr, folder):
    return [attributes(package) for package in cr.PackageIterator(paths_of(cr, folder)["primary"], None, None)]


def test_without_filelists_the_files_are_those_of_primary(tmp_path, repository):
    expected, found = both(iterate_primary, tmp_path, repository)
    assert found == expected
    assert any(package["files"] for package in found) and not any(package["changelogs"] for package in found)


def choose(cr, folder, kinds, take):
    """A callback that makes packages, or takes only some."""
    asked = []

    def chosen(*identity):
        asked.append(identity)
        return cr.Package() if take(len(asked)) else None

    paths = paths_of(cr, folder)
    packages = cr.PackageIterator(*(paths[kind] if kind in kinds else None for kind in MAIN), newpkgcb=chosen)
    # createrepo_c copies into these packages, and turns the files of a copy around.
    return asked, [{**attributes(package), "files": sorted(package.files, key=str)} for package in packages]


@pytest.mark.parametrize("kinds", [("primary",), MAIN], ids=["primary", "all"])
def test_an_iterator_fills_in_the_packages_of_its_callback_alike(tmp_path, repository, kinds):
    expected, found = both(choose, tmp_path, repository, kinds, lambda number: True)
    assert found[1] == expected[1]
    # createrepo_c asks when it meets a package first, in whatever document that is.
    assert sorted(found[0]) == sorted(expected[0])


def test_an_iterator_passes_over_what_its_callback_does_not_take_alike(tmp_path, repository):
    expected, found = both(choose, tmp_path, repository, ("primary",), lambda number: number % 2)
    assert found == expected


def test_packages_are_passed_over_in_all_documents(example):
    # Here createrepo_c finds filelists and other to be out of order.
    asked, packages = choose(ours, example, MAIN, lambda number: number % 2)
    assert len(asked) == 3 and [package["name"] for package in packages] == ["package0", "package2"]


def test_documents_may_be_in_another_order(example, tmp_path):
    paths = paths_of(ours, example)
    head, *packages = gzip.open(paths["filelists"], "rt").read().split("<package ")
    packages[-1], foot, _ = packages[-1].rpartition("</filelists>")
    turned = tmp_path / "filelists.xml"
    turned.write_text(head + "".join(f"<package {package}" for package in reversed(packages)) + foot)
    read = [attributes(package) for package in ours.PackageIterator(paths["primary"], str(turned), paths["other"])]
    assert read == iterate(ours, example)
    with pytest.raises(theirs.CreaterepoCError, match="Out of order"):
        list(theirs.PackageIterator(paths["primary"], str(turned), paths["other"]))


def callbacks(cr, folder):
    """The three documents one after the other, into the same packages."""
    packages, calls = {}, []

    def keep(package):
        calls.append(("pkgcb", package.pkgId))
        packages[package.pkgId] = package

    def known(pkgid, name, arch):
        calls.append(("newpkgcb", pkgid, name, arch))
        return packages.get(pkgid)

    paths = paths_of(cr, folder)
    cr.xml_parse_primary(paths["primary"], pkgcb=keep, do_files=False)
    cr.xml_parse_filelists(paths["filelists"], newpkgcb=known)
    cr.xml_parse_other(paths["other"], newpkgcb=known)
    return calls, [attributes(package) for package in packages.values()]


def test_callbacks_are_called_alike_and_fill_in_the_same(tmp_path, repository):
    expected, found = both(callbacks, tmp_path, repository)
    assert found == expected


def made_by_callback(cr, folder):
    """The caller makes the packages; ``newpkgcb`` of primary does not know them yet."""
    made, asked = [], []

    def new(pkgid, name, arch):
        asked.append((pkgid, name, arch))
        made.append(cr.Package())
        return made[-1]

    for kind, parse in (("primary", cr.xml_parse_primary), ("filelists", cr.xml_parse_filelists), ("other", cr.xml_parse_other)):
        parse(paths_of(cr, folder)[kind], newpkgcb=new)
    return asked, [attributes(package) for package in made]


def test_packages_that_the_caller_makes_are_filled_in_alike(tmp_path, repository):
    expected, found = both(made_by_callback, tmp_path, repository)
    assert found == expected


def filled_in_twice(cr, folder):
    """What was set before, and documents that come twice."""
    package, path = cr.Package(), paths_of(cr, folder)
    package.name, package.summary, package.files, package.requires = "mine", "mine", [(None, "/", "mine")], []
    seen = []

    def only_first(pkgid, name, arch):
        seen.append(pkgid)
        return package if len(seen) == 1 else None

    for kind, parse in (("primary", cr.xml_parse_primary), ("filelists", cr.xml_parse_filelists), ("other", cr.xml_parse_other),
                        ("filelists", cr.xml_parse_filelists), ("other", cr.xml_parse_other)):
        parse(path[kind], newpkgcb=only_first)
        seen.clear()
    return attributes(package)


def test_what_was_set_before_is_kept_or_replaced_alike(tmp_path, example):
    expected, found = both(filled_in_twice, tmp_path, example)
    assert found == expected
    assert found["name"] == "mine" and len(found["changelogs"]) == 4


def snippets(cr, folder):
    """Packages of texts without a document around them."""
    from compat_stories import FILELISTS, OTHER, PACKAGE

    values = {
        "name": "x", "arch": "noarch", "epoch": 0, "version": "1", "release": "1", "pkgid": "ab" * 32, "time": 1, "built": 2,
        "base": "", "description": "text",
    }
    found = []
    for parse, template in (
        (cr.xml_parse_primary_snippet, PACKAGE), (cr.xml_parse_filelists_snippet, FILELISTS), (cr.xml_parse_other_snippet, OTHER),
    ):
        parse(template.format(**values) * 2, pkgcb=lambda package: found.append(attributes(package)))
    return found


def test_snippets_are_read_alike(tmp_path, example):
    expected, found = both(snippets, tmp_path, example)
    assert found == expected and len(found) == 6


def test_the_three_documents_are_read_together_with_a_callback(example):
    together = []
    paths = paths_of(ours, example)
    ours.xml_parse_main_metadata_together(
        paths["primary"], paths["filelists"], paths["other"], pkgcb=lambda package: together.append(attributes(package))
    )
    assert together == iterate(ours, example)


def load(cr, folder):
    """Everything at once."""
    metadata = cr.Metadata()
    metadata.locate_and_load_xml(str(folder))
    keys = sorted(metadata.keys())
    answers = metadata.len(), metadata.key, metadata.has_key("x"), metadata.has_key(keys[0]), metadata.get("x")
    answers += (metadata.remove("x"),)
    facts = [attributes(metadata.get(key)) for key in keys]
    return keys, answers, facts, metadata.remove(keys[0]), metadata.len()


def test_a_repository_is_loaded_at_once_alike(tmp_path, repository):
    expected, found = both(load, tmp_path, repository)
    assert found == expected


@pytest.mark.parametrize("key", ["HT_KEY_NAME", "HT_KEY_FILENAME", "HT_KEY_HASH"])
@pytest.mark.parametrize("duplicates", ["HT_DUPACT_KEEPFIRST", "HT_DUPACT_REMOVEALL"])
def test_packages_are_kept_by_other_keys_alike(tmp_path, repository, key, duplicates):
    def story(cr):
        metadata = cr.Metadata(key=getattr(cr, key))
        metadata.dupaction(getattr(cr, duplicates))
        metadata.locate_and_load_xml(str(repository))
        return sorted(metadata.keys()), metadata.len(), metadata.key

    expected, found = both(story, tmp_path)
    assert found == expected


def test_only_listed_files_are_loaded_alike(tmp_path, example):
    def story(cr):
        metadata = cr.Metadata(pkglist=["package1-1.1-1.noarch.rpm", "no-such-file.rpm"])
        metadata.locate_and_load_xml(str(example))
        return [metadata.get(key).nevra() for key in metadata.keys()]

    expected, found = both(story, tmp_path)
    assert found == expected == ["package1-1:1.1-1.noarch"]


def locate(cr, folder):
    location = cr.MetadataLocation(str(folder), True)
    kinds = ("primary", "filelists", "other", "primary_db", "group", "group_gz", "updateinfo", "modules", "additional_metadata")
    return len(location), {kind: location[kind] for kind in kinds}


def test_metadata_is_located_alike(tmp_path, example):
    expected, found = both(locate, tmp_path, example)
    assert found == expected


def repomd(cr, folder):
    """Everything that repomd.xml says."""
    read = cr.Repomd(f"{folder}/repodata/repomd.xml")
    records = [
        {
            name: getattr(record, name)
            for name in (
                "type", "location_real", "location_href", "location_base", "checksum", "checksum_type", "checksum_open",
                "checksum_open_type", "checksum_header", "checksum_header_type", "timestamp", "size", "size_open", "size_header",
                "db_ver",
            )
        }
        for record in read.records
    ]
    return (
        read.revision, read.repoid, read.repoid_type, read.contenthash, read.contenthash_type, read.repo_tags,
        read.distro_tags, read.content_tags, records, [record.type for record in read], "primary" in read, "x" in read,
        read["primary"].location_href, read.warnings, read.xml_dump(),
    )


def test_repomd_is_read_and_written_alike(tmp_path, repository):
    expected, found = both(repomd, tmp_path, repository)
    assert found == expected


def contenthash(cr, folder):
    """createrepo_c's example of a hash over what a repository has."""
    found = []
    cr.xml_parse_primary(
        paths_of(cr, folder)["primary"],
        pkgcb=lambda package: found.append(f"{package.pkgId}{package.location_href}{package.location_base or ''}"),
    )
    return hashlib.sha256("".join(sorted(found)).encode()).hexdigest()


def test_a_content_hash_is_the_same(tmp_path, repository):
    expected, found = both(contenthash, tmp_path, repository)
    assert found == expected


def reader(cr, folder):
    """A repository by its folder, and by its files."""
    read = cr.RepositoryReader.from_path(str(folder))
    packages, warnings = read.parse_packages()
    primary, _ = read.parse_packages(only_primary=True)
    paths = paths_of(cr, folder)
    by_files = cr.RepositoryReader.from_metadata_files(paths["primary"], paths["filelists"], paths["other"])
    return (
        [attributes(package) for package in read.iter_packages()], {key: attributes(p) for key, p in packages.items()},
        {key: attributes(p) for key, p in primary.items()}, warnings, read.package_count(), read.repomd.revision,
        [advisory.id for advisory in read.advisories()], [package.nvra() for package in by_files.iter_packages()],
        by_files.advisories(),
    )


def test_a_repository_is_read_alike(tmp_path, repository):
    expected, found = both(reader, tmp_path, repository)
    assert found == expected


def advisories(cr, folder):
    """All of every advisory."""
    def fields(thing, names):
        return {name: getattr(thing, name) for name in names.split()}

    info = cr.UpdateInfo(paths_of(cr, folder)["updateinfo"])
    found = [
        (
            fields(record, "fromstr status type version id title issued_date updated_date rights release pushcount severity "
                           "summary description solution reboot_suggested"),
            [fields(reference, "href id type title") for reference in record.references],
            [
                (
                    fields(collection, "shortname name"),
                    collection.module and fields(collection.module, "name stream version context arch"),
                    [fields(package, "name version release epoch arch src filename sum sum_type reboot_suggested "
                                     "restart_suggested relogin_suggested") for package in collection.packages],
                )
                for collection in record.collections
            ],
        )
        for record in info.updates
    ]
    return found, info.xml_dump(), [cr.xml_dump_updaterecord(record) for record in info.updates], info.warnings


def test_advisories_are_read_and_written_alike(tmp_path, example):
    expected, found = both(advisories, tmp_path, example)
    assert found == expected
    assert len(found[0]) == 2


def sync(cr, folder):
    """What a mirror does: look at all of primary first, choose, and then go through the packages that are left."""
    reader = cr.RepositoryReader.from_metadata_files(*(paths_of(cr, folder)[kind] for kind in MAIN))
    nevras, pkgids, newest, twice = set(), set(), {}, []

    def look(package):
        nevra = package.nevra()
        if nevra in nevras:
            twice.append(nevra)
        if package.pkgId in pkgids:
            twice.append(package.pkgId)
        newest[nevra] = max(package.time_build, newest.get(nevra, 0))
        nevras.add(nevra)
        pkgids.add(package.pkgId)

    cr.xml_parse_primary(paths_of(cr, folder)["primary"], pkgcb=look, do_files=False)
    kept = []
    for package in reader.iter_packages():
        if package.arch == "src" or package.time_build != newest.pop(package.nevra(), None):
            continue
        changes = package.changelogs
        changes.sort(key=lambda change: change[1])
        files = [(kind, folder, name) for kind, folder, name, *_ in package.files]
        kept.append((package.nevra(), changes[-1:], files, package.requires, package.provides, package.checksum_type.upper()))
    return twice, kept


def test_a_mirror_finds_the_same_packages_and_the_same_duplicates(tmp_path):
    repository = make_repository(tmp_path / "repository", packages=5, twice=True)
    expected, found = both(sync, tmp_path, repository)
    assert found == expected
    twice, kept = found
    assert len(twice) == 2 and len(kept) == 4


def test_a_package_that_is_listed_twice_comes_twice(tmp_path):
    repository = make_repository(tmp_path / "repository", packages=2, twice=True)
    expected, found = both(iterate, tmp_path, repository)
    assert found == expected and len(found) == 3


def test_iterating_makes_no_objects_for_what_nobody_reads(tmp_path):
    repository = make_repository(tmp_path / "repository", packages=500)
    gc.collect()
    before = len(gc.get_objects())
    packages = list(ours.RepositoryReader.from_path(repository).iter_packages())
    gc.collect()
    more = len(gc.get_objects()) - before
    # The package and its record; the lists of one of these packages have some twenty tuples.
    assert len(packages) == 500 and more < 3 * len(packages)
    assert packages[7].files and len(gc.get_objects()) - before < 3 * len(packages)


def test_what_is_read_is_a_copy(example):
    package = next(ours.RepositoryReader.from_path(example).iter_packages())
    for name in ATTRIBUTES:
        if isinstance(getattr(package, name), list):
            getattr(package, name).clear()
            assert getattr(package, name), name


def test_every_name_of_createrepo_c_is_there_or_says_that_it_is_not():
    not_theirs = {"collections", "hash_attr", "hash_name", "os", "shutil", "subprocess", "sys", "tempfile", "Path"}
    missing = {name for name in dir(theirs) if not name.startswith("_") and not hasattr(ours, name)} - not_theirs
    assert missing == {
        "MetadataInfoHolder", "compress_file_with_stat", "createrepo_c", "decompress_file_with_stat", "mergerepo_c",
        "modifyrepo_c", "sqliterepo_c",
    }
    with pytest.raises(AttributeError, match=r"copr_repo\.compat has no mergerepo_c: see docs/createrepo_c-python\.md"):
        ours.mergerepo_c  # noqa: B018


def test_constants_are_the_same():
    numbers = {name: value for name, value in vars(theirs).items() if name.isupper() and isinstance(value, (int, str))}
    # This build of createrepo_c has no zchunk and no old checksums; ours has both.
    numbers = {name: value for name, value in numbers.items() if name != "HAS_ZCK" and not name.startswith("_")}
    assert {name: getattr(ours, name) for name in numbers} == numbers


def test_names_of_checksums_and_compressions_are_the_same(tmp_path):
    def story(cr):
        kinds = "sha224 sha256 SHA384 sHa512 foobar".split()
        compressions = "gz gzip bz2 bzip2 xz zck zstd XZ none zst".split()
        return (
            [cr.checksum_type(kind) for kind in kinds], [cr.checksum_name_str(n) for n in (0, 4, 5, 6, 7, 65)],
            [cr.compression_type(kind) for kind in (*compressions, "", None)], [cr.compression_suffix(n) for n in range(9)],
        )

    expected, found = both(story, tmp_path)
    assert found == expected


@pytest.mark.parametrize("module", ["copr_repo.compat", "copr_repo.compat.constants", "copr_repo.compat.package"])
def test_examples_in_docstrings_hold(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0 and result.failed == 0
