"""disable, remove, tree, why, check and refresh with real dnf 4, a hub, and small real repositories."""

import json
import os
import subprocess

import pytest
from repositories import folder
from test_dnf import HOST, the_hosts_etc_is_not_touched  # noqa: F401
from test_leaving import STOCK

CHROOT = "fedora-44-x86_64"
APP, LIBS, TOOL = (f"_copr:{HOST}:{name}.repo" for name in ("bob:app", "alice:libs", "bob:tool"))


class Hub:
    """A hub of unsigned projects with repositories."""

    def __init__(self, hub, path):
        self.hub, self._path = hub, path

    def has(self, name, *dependencies, packages=(), **more):
        self.hub.has(name, dependencies, gpgcheck=False, **more)
        self.serves(f"/results/{name}/{CHROOT}", name, packages)

    def serves(self, url, name, packages):
        path = folder(self._path / name, *packages)
        for file in (path / "repodata").iterdir():
            self.hub.answers[f"{url}/repodata/{file.name}"] = file.read_bytes()


@pytest.fixture
def ours(dnf, hub, tmp_path):
    port = hub.url.rpartition(":")[2]
    (dnf.conf / "copr.d" / "ours.conf").write_text(f"[ours]\nhostname = {HOST}\nprotocol = http\nport = {port}\n")
    (dnf.root / "etc" / "os-release").write_text("ID=fedora\nVERSION_ID=44\n")
    hub = Hub(hub, tmp_path / "repositories")
    hub.has("bob/app", "alice/libs", packages=["app-1-1.noarch; requires libs"])
    hub.has("bob/tool", "alice/libs", packages=["tool-1-1.noarch"])
    hub.has("alice/libs", packages=["libs-1-1.noarch"])
    return hub


def enable(dnf, *names):
    for name in names:
        done = dnf("-y", "copr", "enable", f"ours/{name}")
        assert done.returncode == 0, done.stderr


def packages(dnf):
    done = dnf("-q", "repoquery", "--qf", "%{name}")
    assert done.returncode == 0, done.stderr
    return sorted(line for line in done.stdout.splitlines() if line)


@pytest.mark.parametrize("how", [{"stdin": "n\n"}, {"stdin": ""}, {"option": "--assumeno"}, {"option": "--keep-deps"}])
def test_remove_keeps_what_came_along_unless_the_user_agrees(dnf, ours, how):
    enable(dnf, "bob/app")
    options = [how["option"]] if "option" in how else []
    done = dnf("copr", "remove", *options, "ours/bob/app", stdin=how.get("stdin", ""))
    assert done.returncode == 0 and "Repository successfully removed." in done.stdout, done.stderr
    assert list(dnf.files()) == [LIBS]
    assert ("Nothing else needs" in done.stderr) == ("--keep-deps" not in options)


@pytest.mark.parametrize("how", [{"stdin": "y\n"}, {"option": "-y"}])
def test_remove_takes_what_came_along_when_the_user_agrees(dnf, ours, how):
    enable(dnf, "bob/app")
    options = [how["option"]] if "option" in how else []
    done = dnf(*options, "copr", "remove", "ours/bob/app", stdin=how.get("stdin", ""))
    assert done.returncode == 0, done.stderr
    assert f"Nothing else needs these repositories, which came with {HOST}/bob/app:\n  {HOST}/alice/libs" in done.stderr
    assert dnf.files() == {}


def test_dnf_sees_what_is_enabled_and_no_more_what_is_disabled_and_all_without_the_hub_for_that(dnf, ours):
    enable(dnf, "bob/app", "bob/tool")
    assert packages(dnf) == ["app", "libs", "tool"]
    ours.hub.asked.clear()
    assert dnf("-y", "copr", "disable", "ours/bob/app").returncode == 0
    assert not any("rpmrepo" in path for path in ours.hub.asked)
    assert packages(dnf) == ["libs", "tool"]
    assert dnf("-y", "copr", "disable", "ours/bob/tool").returncode == 0
    assert "copr:" not in dnf("repolist", "--enabled").stdout
    enable(dnf, "bob/app")
    assert packages(dnf) == ["app", "libs"]


def test_tree_why_and_list_need_no_hub(dnf, ours):
    enable(dnf, "bob/app", "bob/tool")
    ours.hub.stop()
    unsigned = "  (packages are not signed)"
    assert dnf("copr", "tree").stdout.splitlines() == [
        f"{HOST}/bob/app{unsigned}", f"`-- {HOST}/alice/libs{unsigned}",
        f"{HOST}/bob/tool{unsigned}", f"`-- {HOST}/alice/libs{unsigned}",
    ]
    assert json.loads(dnf("copr", "tree", "--json", "ours/bob/app").stdout)["projects"] == [f"copr:{HOST}:bob:app"]
    why = dnf("copr", "why", "ours/alice/libs")
    assert why.stdout.splitlines() == [f"{HOST}/bob/app -> {HOST}/alice/libs", f"{HOST}/bob/tool -> {HOST}/alice/libs"]
    unknown = dnf("copr", "why", "fedora")
    assert unknown.returncode == 1 and "No .repo file of Copr here" in unknown.stderr
    assert [item["project"] for item in json.loads(dnf("copr", "list", "--json").stdout)] == ["libs", "app", "tool"]


def test_check_says_that_all_is_well_and_what_is_not(dnf, ours):
    enable(dnf, "bob/app")
    well = dnf("copr", "check")
    assert (well.returncode, well.stdout) == (0, "Enabled projects: 2; all is well.\n"), well.stderr
    ours.serves(f"/results/alice/libs/{CHROOT}", "alice/libs", ["other-1-1.noarch"])
    assert dnf("clean", "expire-cache").returncode == 0
    broken = dnf("copr", "check")
    assert broken.returncode == 1 and broken.stdout == (
        f"W {HOST}/bob/app: 1 of its packages cannot be installed here: app-1-1.noarch needs libs; "
        "tell the owner of the project\n"
    ), broken.stderr
    (dnf.reposdir / "system.repo").write_text("[system]\nname=x\nbaseurl=http://127.0.0.1:1/\n")
    assert "without the metadata of system; `dnf makecache`" in dnf("copr", "check").stdout
    (dnf.reposdir / "system.repo").unlink()
    del ours.hub.answers["alice/libs"]
    gone = dnf("copr", "check")
    assert gone.returncode == 1
    assert f"E {HOST}/alice/libs: the hub has no such project (any more); `dnf copr refresh`" in gone.stdout
    ours.hub.stop()
    dead = dnf("copr", "check", "--json")
    report = json.loads(dead.stdout)
    assert dead.returncode == 1 and report["findings"][0]["subject"] == ours.hub.url
    assert "Traceback" not in gone.stderr + dead.stderr


def test_refresh_shows_and_applies_what_the_hub_says_now(dnf, ours):
    enable(dnf, "bob/app")
    unchanged = dnf("copr", "refresh")
    assert (unchanged.returncode, unchanged.stdout) == (0, "Nothing has changed.\n"), unchanged.stderr
    ours.has("bob/app", "alice/new", packages=["app-1-1.noarch; requires libs"])
    ours.has("alice/new", packages=["new-1-1.noarch"])
    before = dnf.files()
    refused = dnf("--assumeno", "copr", "refresh")
    assert refused.returncode == 1 and "Safe and good answer. Exiting." in refused.stderr
    assert f"+ {HOST}/alice/new" in refused.stdout and f"- {HOST}/alice/libs" in refused.stdout
    assert dnf.files() == before
    done = dnf("-y", "copr", "refresh", "ours/bob/app")
    assert done.returncode == 0 and "Repositories successfully refreshed." in done.stdout, done.stderr
    assert packages(dnf) == ["app", "new"]


def test_refresh_with_the_hub_down_changes_nothing_and_says_so(dnf, ours):
    enable(dnf, "bob/app")
    before = dnf.files()
    ours.hub.stop()
    done = dnf("-y", "copr", "refresh")
    assert done.returncode == 1 and f"{HOST}/bob/app stays as it is" in done.stderr
    assert "Traceback" not in done.stderr and dnf.files() == before


def test_the_stock_plugins_file_is_disabled_in_every_section_and_removed(dnf, ours):
    (dnf.reposdir / APP).write_text(STOCK.replace(":h:", f":{HOST}:"))
    assert dnf("copr", "disable", "ours/bob/app").returncode == 0
    assert "copr" not in dnf("repolist", "--enabled").stdout
    assert dnf("copr", "list").stdout == f"{HOST}/bob/app (disabled)\n"
    assert dnf("copr", "remove", "ours/bob/app").returncode == 0
    assert dnf.files() == {}


def test_what_a_killed_dnf_left_half_done_is_taken_back_by_the_next(dnf, ours):
    enable(dnf, "bob/app")
    before = dnf.files()
    undo = dnf.reposdir / ".copr-undo"
    for part in ("old", "new", "none"):
        (undo / part).mkdir(parents=True)
    os.rename(dnf.reposdir / APP, undo / "old" / APP)
    assert dnf("copr", "list").stdout.splitlines() == [f"{HOST}/alice/libs (needed by {HOST}/bob/app)", f"{HOST}/bob/app"]
    assert dnf.files() == before


def test_what_is_installed_counts_for_the_packages_of_a_project(dnf, ours, tmp_path):
    ours.has("bob/app", packages=["app-1-1.noarch; requires base >= 2, /opt/base"])
    enable(dnf, "bob/app")
    assert "app-1-1.noarch needs base >= 2, /opt/base" in dnf("copr", "check").stdout
    spec = tmp_path / "base.spec"
    spec.write_text(
        "Name: base\nVersion: 2\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\n"
        "%install\nmkdir -p %{buildroot}/opt\ntouch %{buildroot}/opt/base\n%files\n/opt/base\n"
    )
    subprocess.run(["rpmbuild", "-bb", "--define", f"_topdir {tmp_path}", spec], check=True, capture_output=True)
    (package,) = (tmp_path / "RPMS").rglob("base-*.rpm")
    subprocess.run(
        ["rpm", "--root", dnf.root, "--install", "--justdb", "--nodeps", "--ignorearch", package], check=True, capture_output=True
    )
    well = dnf("copr", "check")
    assert (well.returncode, well.stdout) == (0, "Enabled projects: 1; all is well.\n"), well.stderr
