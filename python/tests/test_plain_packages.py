"""What dnf has fetched before, found without dnf."""

import os

import pytest
import repositories
from copr_repo import Pool
from copr_repo.plain_packages import Packages, at_hand


@pytest.fixture
def system(tmp_path):
    class System:
        folder, cache, other_cache = tmp_path / "repos", tmp_path / "libdnf5", tmp_path / "dnf"

        def enabled(self, text, name="x.repo"):
            self.folder.mkdir(exist_ok=True)
            (self.folder / name).write_text(text)

        def cached(self, repo_id, *packages, cache=None, checksum="0123456789abcdef", age=0):
            path = repositories.folder((cache or self.cache) / f"{repo_id}-{checksum}", *packages)
            os.utime(path / "repodata" / "repomd.xml", (1_700_000_000 - age,) * 2)
            return str(path)

        def found(self, **variables):
            return at_hand([str(self.folder)], [str(self.cache), str(self.other_cache)], variables)

    return System()


def test_enabled_repositories_with_cached_metadata_are_found_with_their_rank(system):
    system.enabled(
        "[main]\n[fedora-$releasever]\nname=x\npriority=5\ncost=7\nmodule_hotfixes=1\n[off]\nenabled=0\n[copr:h:o:p]\n[never-fetched]\n"
    )
    paths = [system.cached(repo_id, "a-1-1.noarch") for repo_id in ("copr:h:o:p", "fedora-44")]
    for repo_id in ("off", "main", "not-here-any-more"):
        system.cached(repo_id)
    copr, fedora = system.found(releasever="44")
    assert [copr.id, fedora.id] == ["copr:h:o:p", "fedora-44"]
    assert [copr.path, fedora.path] == paths
    assert (copr.priority, copr.cost, copr.module_hotfixes) == (99, 1000, False)
    assert (fedora.priority, fedora.cost, fedora.module_hotfixes) == (5, 7, True)
    assert [package.repository for package in Pool("x86_64", [copr, fedora]).packages("a")] == ["copr:h:o:p", "fedora-44"]


def test_the_newest_metadata_count_whichever_dnf_fetched_them(system):
    system.enabled("[base]\n[base-x]\n")
    system.cached("base", age=50)
    newest = system.cached("base", cache=system.other_cache, age=10)
    system.cached("base", cache=system.other_cache, checksum="f" * 16, age=20)
    # Another's, though its name begins like that one's.
    system.cached("base-x", age=0)
    assert system.found()[0].path == newest


def test_what_cannot_be_read_is_not_there(system):
    assert system.found() == []
    system.enabled("no section\n", "broken.repo")
    (system.folder / "folder.repo").mkdir()
    system.enabled("[base]\npriority=high\n", "z.repo")
    system.cached("base")
    system.cached("base", checksum="not-a-checksum!!", age=-5)
    (repository,) = system.found()
    assert (repository.id, repository.priority) == ("base", 99)


def test_a_repository_that_dnf_has_not_fetched_is_told_and_none_is_fetched_anew(tmp_path):
    repos = tmp_path / "etc"
    repos.mkdir()
    (repos / "x.repo").write_text("[base]\n[new]\n")
    repositories.folder(tmp_path / "var/cache/dnf/base-0123456789abcdef", "a-1-1.noarch")
    packages = Packages(str(tmp_path), [str(repos)], {})
    found, failed = packages.repositories()
    assert [repository.id for repository in found] == ["base"]
    assert failed == {"new": "it is not in dnf's cache"}
    found, failed = packages.repositories(fresh=["base"])
    assert found == [] and failed["base"] == "without dnf its metadata are not fetched"
