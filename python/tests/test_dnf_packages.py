"""Real dnf 4: what enable reads of the repositories, and which of them some packages need."""

import re

import pytest
import repositories

HOST = "127.0.0.1"
CHROOT = "fedora-44-x86_64"


@pytest.fixture
def served(hub, tmp_path):
    """A hub whose projects have packages: app needs libfoo of alice/libs, and nothing of alice/base."""
    hub.has("bob/app", ["alice/libs", "alice/base"])
    hub.has("alice/libs")
    hub.has("alice/base")
    for name, *lines in [
        ("bob/app", "app-1-1.x86_64; requires libfoo >= 2"),
        ("alice/libs", "libfoo-2-1.x86_64", "libbar-2-1.x86_64"),
        ("alice/base", "base-1-1.x86_64"),
    ]:
        folder = repositories.folder(tmp_path / "served" / name, *lines)
        for file in ("repomd.xml", "primary.xml"):
            hub.answers[f"/results/{name}/{CHROOT}/repodata/{file}"] = (folder / "repodata" / file).read_bytes()
    return hub


def test_the_packages_of_the_chain_are_counted_and_a_second_time_only_repomd_is_read(dnf, served):
    command = ("-y", f"--setopt=cachedir={dnf.root}/cache", "copr", "enable", f"{served.url}/bob/app", CHROOT)
    first = dnf(*command)
    assert first.returncode == 0, first.stderr
    assert f"|-- {HOST}/alice/libs  (2 packages)" in first.stderr
    assert re.search(r"^3 repositories, 4 packages; \S+ \S+ read\.$", first.stderr, re.MULTILINE)
    assert sum("primary.xml" in path for path in served.asked) == 3
    served.asked.clear()
    assert dnf(*command).returncode == 0
    assert sum("repomd.xml" in path for path in served.asked) == 3
    assert not any("primary.xml" in path for path in served.asked)


def test_for_a_package_only_what_it_needs_is_enabled(dnf, served):
    done = dnf("-y", "copr", "enable", f"{served.url}/bob/app", CHROOT, "--only-for", "app")
    assert done.returncode == 0, done.stderr
    assert list(dnf.files()) == [f"_copr:{HOST}:alice:libs.repo", f"_copr:{HOST}:bob:app.repo"]
    assert "# copr-for: app\n" in dnf.files()[f"_copr:{HOST}:bob:app.repo"]
    assert f"Not needed for app: {HOST}/alice/base\n" in done.stderr


def test_a_package_that_cannot_be_had_is_told_and_nothing_is_written(dnf, served):
    done = dnf("-y", "copr", "enable", f"{served.url}/bob/app", CHROOT, "--only-for", "nosuch")
    assert done.returncode == 1 and "nosuch cannot be installed with these repositories:" in done.stderr
    assert dnf.files() == {}


def test_without_dependencies_only_the_project_is_enabled(dnf, served):
    assert dnf("-y", "copr", "enable", "--no-deps", f"{served.url}/bob/app", CHROOT).returncode == 0
    assert list(dnf.files()) == [f"_copr:{HOST}:bob:app.repo"]
    assert not any("alice" in path for path in served.asked)


def test_a_repository_that_answers_nonsense_is_flagged_and_enabled(dnf, served):
    served.answers[f"/results/alice/libs/{CHROOT}/repodata/primary.xml"] = b"<html>" * 100
    done = dnf("-y", "copr", "enable", f"{served.url}/bob/app", CHROOT)
    assert done.returncode == 0 and f"The packages of {HOST}/alice/libs are not known: " in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert len(dnf.files()) == 3
