"""Real dnf 4 with the plugin of the tree, in a scratch installroot, against a hub on the loopback."""

import os
import pathlib

import pytest

HOST = "127.0.0.1"


def host_state():
    """Names, sizes and times of all that dnf keeps under the host's /etc."""
    folders = [pathlib.Path(folder) for folder in ("/etc/dnf", "/etc/yum.repos.d", "/etc/yum", "/etc/distro.repos.d")]
    paths = [path for folder in folders if folder.exists() for path in [folder, *folder.rglob("*")]]
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in paths}


@pytest.fixture(autouse=True)
def the_hosts_etc_is_not_touched():
    before = host_state()
    yield
    assert host_state() == before


@pytest.fixture
def named(hub, dnf):
    """The hub under the short name `ours`, as a package that sets it up would name it."""
    port = hub.url.rpartition(":")[2]
    section = f"[ours]\nhostname = {HOST}\nprotocol = http\nport = {port}\n"
    (dnf.conf / "copr.d" / "ours.conf").write_text(section)
    hub.has("bob/app", ["alice/libs", "http://127.0.0.1:1/repo/"])
    hub.has("alice/libs")
    return hub


def test_a_project_is_enabled_listed_disabled_and_removed_with_its_chain(dnf, named):
    enabled = dnf("-y", "copr", "enable", "ours/bob/app", "fedora-44-x86_64")
    assert enabled.returncode == 0, enabled.stderr
    assert "Repository successfully enabled." in enabled.stdout
    assert f"{HOST}/bob/app\n|-- {HOST}/alice/libs\n`-- http://127.0.0.1:1/repo/  (not a Copr project" in enabled.stderr
    assert list(dnf.files()) == [
        f"_copr:{HOST}:alice:libs.repo", f"_copr:{HOST}:bob:app.repo", "_coprdep:http_127_0_0_1_1_repo.repo",
    ]

    listed = dnf("repolist", "--all")
    assert f"copr:{HOST}:bob:app" in listed.stdout and f"copr:{HOST}:alice:libs" in listed.stdout, listed
    listed = dnf("copr", "list")
    assert listed.stdout.splitlines() == [f"{HOST}/alice/libs (needed by {HOST}/bob/app)", f"{HOST}/bob/app"]

    disabled = dnf("-y", "copr", "disable", "ours/bob/app")
    assert disabled.returncode == 0 and "Repository successfully disabled." in disabled.stdout, disabled
    assert "Nothing else needs" in disabled.stderr
    assert dnf("copr", "list", "--enabled").stdout == ""
    assert f"{HOST}/bob/app (disabled)" in dnf("copr", "list", "--disabled").stdout
    assert "copr:" not in dnf("repolist", "--enabled").stdout

    removed = dnf("-y", "copr", "remove", "ours/bob/app")
    assert removed.returncode == 0 and "Repository successfully removed." in removed.stdout, removed
    assert dnf.files() == {}


def test_the_release_is_taken_from_the_installroots_os_release_or_the_configuration(dnf, named):
    (dnf.root / "etc" / "os-release").write_text("ID=fedora\nVERSION_ID=44\n")
    assert dnf("-y", "copr", "enable", "--hub", "ours", "bob/app").returncode == 0
    assert "/bob/app/fedora-$releasever-$basearch/" in dnf.files()[f"_copr:{HOST}:bob:app.repo"]
    with (dnf.conf / "copr.conf").open("a") as file:
        file.write("[main]\ndistribution = epel\nreleasever = 9\n")
    assert dnf("-y", "copr", "enable", "ours/bob/app").returncode == 0
    assert "/bob/app/epel-9-$basearch/" in dnf.files()[f"_copr:{HOST}:bob:app.repo"]


def test_the_user_is_asked_and_no_is_the_safe_answer(dnf, named):
    command = ("copr", "enable", "ours/bob/app", "fedora-44-x86_64")
    for answer in [dnf(*command, stdin="n\n"), dnf(*command, stdin=""), dnf("--assumeno", *command)]:
        assert answer.returncode == 1
        assert "Safe and good answer. Exiting." in answer.stderr
        assert dnf.files() == {}
    yes = dnf(*command, stdin="y\n")
    assert yes.returncode == 0
    assert f"Do you really want to enable {HOST}/bob/app? [y/N]: " in yes.stdout
    assert len(dnf.files()) == 3


def test_the_hub_may_be_a_url_and_the_group_has_an_at_sign(dnf, hub):
    hub.has("@g/app", gpgcheck=False)
    done = dnf("-y", "copr", "enable", "--hub", hub.url, "@g/app", "fedora-44-x86_64")
    assert done.returncode == 0, done.stderr
    text = dnf.files()[f"_copr:{HOST}:group_g:app.repo"]
    assert f"[copr:{HOST}:group_g:app]\n" in text and "gpgcheck=0\n" in text and "gpgkey" not in text
    assert f"{HOST}/@g/app" in dnf("copr", "list").stdout
    assert dnf("copr", "remove", f"{hub.url}/@g/app").returncode == 0
    assert dnf.files() == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ours/bob/none", "fedora-44-x86_64"], "Project bob/none does not exist."),
        (["ours/bob/app", "mageia-9-x86_64"], "Available repositories: 'epel-9-x86_64', 'fedora-44-x86_64'"),
        (["ours/bob/app", "fedora-44"], "Bad format of optional chroot."),
        (["app"], "use format `copr_username/copr_projectname`"),
        (["--hub", "ours", "ours/bob/app"], "specify Copr hub either with `--hub`"),
        (["ours/bob/../app"], "use format"),
        (["ours/bob/app", "a-b-c", "d"], "Too many arguments."),
        ([], "exactly two additional parameters"),
    ],
)
def test_what_cannot_be_enabled_says_why_and_writes_nothing(dnf, named, arguments, message):
    done = dnf("-y", "copr", "enable", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert dnf.files() == {}


@pytest.mark.parametrize("answer", [500, b"", b"<html>", 404])
def test_a_dependencys_hub_that_fails_leaves_nothing_half_done(dnf, named, answer):
    named.answers["alice/libs"] = answer
    done = dnf("-y", "copr", "enable", "ours/bob/app", "fedora-44-x86_64")
    if answer == 404:
        assert done.returncode == 0 and "is left out: it does not exist" in done.stderr
        assert f"_copr:{HOST}:alice:libs.repo" not in dnf.files()
    else:
        assert done.returncode == 1 and "alice/libs" in done.stderr
        assert dnf.files() == {}


def test_a_hub_that_is_down_is_told(dnf, hub):
    hub.stop()
    done = dnf("-y", "copr", "enable", f"{hub.url}/bob/app", "fedora-44-x86_64")
    assert done.returncode == 1
    assert "It wasn't possible to enable this project." in done.stderr and hub.url in done.stderr
    assert dnf.files() == {}


def test_disable_and_remove_need_no_hub_and_say_when_there_is_nothing(dnf, named):
    assert dnf("-y", "copr", "enable", "ours/bob/app", "fedora-44-x86_64").returncode == 0
    named.answers.clear()
    named.asked.clear()
    for verb in ("disable", "remove"):
        failed = dnf("copr", verb, "ours/bob/none")
        assert failed.returncode == 1 and f"Failed to {verb} copr repo {HOST}/bob/none" in failed.stderr
        assert dnf("copr", verb, "ours/bob/app").returncode == 0
    assert named.asked == []


def test_an_installroot_without_a_folder_for_repositories_gets_one_of_its_own(dnf, named):
    os.rmdir(dnf.reposdir)
    assert dnf("-y", "copr", "enable", "ours/bob/app", "fedora-44-x86_64").returncode == 0
    assert len(dnf.files()) == 3


def test_search_and_the_list_of_a_user_ask_the_hub(dnf, named):
    item = {"name": "app", "full_name": "bob/app", "description": "An app."}
    named.answers["/api_3/project/list?ownername=bob"] = {"items": [item]}
    named.answers["/api_3/project/search?query=ap"] = {"items": [item]}
    assert dnf("copr", "list", "--hub", "ours", "--available-by-user=bob").stdout.splitlines()[1:] == ["bob/app : An app."]
    assert dnf("copr", "search", "--hub", "ours", "ap").stdout.splitlines()[1:] == ["bob/app : An app."]
    assert dnf("copr", "help").returncode == 0


def test_without_copr_d_and_copr_conf_the_plugin_works(dnf, named):
    (dnf.conf / "copr.d" / "ours.conf").unlink()
    (dnf.conf / "copr.d" / "README").unlink()
    (dnf.conf / "copr.d").rmdir()
    (dnf.conf / "copr.conf").unlink()
    assert dnf("copr", "list").returncode == 0
    assert dnf("-y", "copr", "enable", f"{named.url}/bob/app", "fedora-44-x86_64").returncode == 0
