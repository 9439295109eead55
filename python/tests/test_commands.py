"""enable and search with a hub that is a dict and a user that is a list of answers."""

import json

import pytest
from copr_repo import Unreachable, frontend, looking
from fakehub import project
from worlds import HUB, RESULTS, world  # noqa: F401


def test_a_project_is_enabled_with_the_stock_plugins_file_name_id_and_lines(world):
    world.has("@g/app:pr:1")
    world.enable("@g/app:pr:1")
    assert world.asked == ["http://h:8080/api_3/rpmrepo/@g/app:pr:1/fedora-44"]
    (name, text), = world.files().items()
    assert name == "_copr:h:group_g:app:pr:1.repo"
    assert text.endswith(
        "[copr:h:group_g:app:pr:1]\nname=Copr repo for app:pr:1 owned by @g\n"
        f"baseurl={RESULTS}/@g/app:pr:1/fedora-$releasever-$basearch/\ntype=rpm-md\nskip_if_unavailable=True\n"
        f"gpgcheck=1\ngpgkey={RESULTS}/@g/app/pubkey.gpg\nrepo_gpgcheck=0\nenabled=1\nenabled_metadata=1\n"
    )
    assert world.frontend.questions == ["Do you really want to enable h/@g/app:pr:1?"]
    assert world.frontend.infos == ["Repository successfully enabled."]


def test_the_whole_chain_is_shown_as_a_tree_and_enabled(world):
    world.has("bob/app", "alice/libs", "https://x.example/$distname/$chroot/")
    world.has("alice/libs", "alice/base", gpgcheck=False)
    world.has("alice/base")
    world.enable()
    shown = world.frontend.notices[0]
    assert shown.endswith(
        "h/bob/app\n"
        "|-- h/alice/libs  (packages are not signed)\n"
        "|   `-- h/alice/base\n"
        "`-- https://x.example/$distname/$chroot/  (not a Copr project, at another host, packages are not signed)\n\n"
        "With --only-for PACKAGE only those are enabled that a package needs, with\n"
        "  --no-deps none of them."
    )
    files = world.files()
    assert list(files) == [
        "_copr:h:alice:base.repo", "_copr:h:alice:libs.repo", "_copr:h:bob:app.repo",
        "_coprdep:https_x_example_fedora_fedora_44_x86_64.repo",
    ]
    libs, app = files["_copr:h:alice:libs.repo"], files["_copr:h:bob:app.repo"]
    assert "gpgcheck=0\n" in libs and "gpgkey" not in libs and "# copr-requested: no\n" in libs
    assert "# copr-needs: copr:h:alice:libs coprdep:https_x_example_fedora_fedora_44_x86_64\n" in app
    assert "baseurl=https://x.example/fedora/fedora-44-x86_64/\n" in files["_coprdep:https_x_example_fedora_fedora_44_x86_64.repo"]


def test_enabling_again_changes_nothing(world):
    world.has("bob/app", "alice/libs")
    world.has("alice/libs")
    world.enable()
    before = world.files()
    world.enable()
    assert world.files() == before


def test_no_is_the_safe_answer_and_writes_nothing(world):
    world.has("bob/app")
    world.frontend.answer = False
    with pytest.raises(frontend.CommandError, match="Safe and good answer. Exiting."):
        world.enable()
    assert world.files() == {}


def test_an_unknown_project_and_an_unknown_directory_are_told(world):
    with pytest.raises(frontend.CommandError, match="Project bob/app does not exist."):
        world.enable()
    world.answers["bob/app:pr:3"] = project(RESULTS, directories=["app"])
    with pytest.raises(frontend.CommandError, match="Directory 'bob/app:pr:3' not found in 'bob/app' Copr project"):
        world.enable("bob/app:pr:3")


def test_a_chroot_that_the_project_lacks_is_told_with_those_that_it_has(world):
    world.has("bob/app")
    with pytest.raises(frontend.CommandError) as error:
        world.enable(releases=["mageia-9"])
    assert "Repository 'mageia-9-x86_64' does not exist in project 'bob/app'." in str(error.value)
    assert "Available repositories: 'epel-9-x86_64', 'fedora-44-x86_64'" in str(error.value)


def test_the_first_release_that_the_project_has_is_taken(world):
    world.has("bob/app")
    world.enable(releases=["rocky-9", "epel-9"])
    assert "/bob/app/epel-9-$basearch/\n" in world.files()["_copr:h:bob:app.repo"]


def test_an_explicit_chroot_is_written_as_it_is(world):
    world.has("bob/app")
    world.enable(chroot="fedora-44-x86_64")
    assert "/bob/app/fedora-44-x86_64/\n" in world.files()["_copr:h:bob:app.repo"]


def test_options_of_the_chroot_are_written(world):
    world.has("bob/app")
    options = {"priority": 5, "cost": "1100", "module_hotfixes": "1"}
    world.answers["bob/app"]["repos"]["fedora-44"]["arch"]["x86_64"]["opts"] = options
    world.enable()
    text = world.files()["_copr:h:bob:app.repo"]
    assert "cost=1100\n" in text and "priority=5\n" in text and "module_hotfixes=1\n" in text


def test_dependencies_that_are_gone_or_lack_the_chroot_are_left_out_with_a_warning(world):
    world.has("bob/app", "alice/gone", "alice/other")
    world.has("alice/other", chroots=["epel-9-x86_64"])
    world.enable()
    assert list(world.files()) == ["_copr:h:bob:app.repo"]
    warned = world.frontend.notices[0]
    assert "Warning: h/alice/gone, needed by h/bob/app, is left out: it does not exist (any more)." in warned
    assert "Warning: h/alice/other, needed by h/bob/app, is left out: it has no repository for fedora-44-x86_64." in warned


def test_a_hub_that_fails_in_the_middle_of_a_chain_leaves_nothing_behind(world):
    world.has("bob/app", "alice/libs")
    world.answers["alice/libs"] = Unreachable("connection reset")
    with pytest.raises(frontend.CommandError, match="h/alice/libs, needed by h/bob/app, is left out: connection reset"):
        world.enable()
    assert world.files() == {}


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b"{}", b"null", b"[" * 100_000, b'{"results_url": 5}', b"x" * (5 << 20), b"\xff\xfe"],
)
def test_an_answer_that_is_none_is_told_and_nothing_is_written(world, answer):
    world.answers["bob/app"] = answer
    with pytest.raises(frontend.CommandError, match="the hub's answer"):
        world.enable()
    assert world.files() == {}


@pytest.mark.parametrize("url", ["file:///etc", "http://u:p@x/", "http://x/\n[evil]", "http://x/ http://y/", ""])
def test_an_external_repository_that_may_not_be_is_left_out_with_a_warning(world, url):
    world.has("bob/app")
    world.answers["bob/app"]["dependencies"] = [{"type": "external_baseurl", "opts": {}, "data": {"pattern": url}}]
    world.enable()
    assert list(world.files()) == ["_copr:h:bob:app.repo"]
    assert "is left out" in world.frontend.notices[0]


@pytest.mark.parametrize("owner", ["a]\n[b", "../..", "a/b", "@", ""])
def test_a_dependency_with_a_hostile_name_never_reaches_a_file_or_a_url(world, owner):
    world.has("bob/app")
    data = {"owner": owner, "projectname": "x"}
    world.answers["bob/app"]["dependencies"] = [{"type": "copr", "opts": {}, "data": data}]
    world.enable()
    assert list(world.files()) == ["_copr:h:bob:app.repo"]
    assert len(world.asked) == 1


def test_a_results_url_that_would_break_the_file_is_refused(world):
    for url in ["file:///x", "http://x/\n[evil]\n", "http://u:p@x/results", 5]:
        world.has("bob/app")
        world.answers["bob/app"]["results_url"] = url
        with pytest.raises(frontend.CommandError):
            world.enable()
        assert world.files() == {}


def test_projects_that_need_each_other_are_enabled_and_told(world):
    world.has("bob/app", "alice/libs")
    world.has("alice/libs", "bob/app")
    world.enable()
    assert len(world.files()) == 2
    assert "Note: these projects need each other: h/alice/libs, h/bob/app." in world.frontend.notices[0]
    assert "`-- h/alice/libs\n    `-- h/bob/app (see above)" in world.frontend.notices[0]


def test_search_and_list_of_a_user_print_one_line_each(world):
    world.fetch = lambda url: json.dumps({"items": [
        {"name": "app", "full_name": "bob/app", "description": "first\nsecond"},
        {"name": "x", "full_name": "bob/x", "description": None},
    ]}).encode()
    looking.search(world.system(), HUB, "a b")
    looking.available_by_user(world.system(), HUB, "bob")
    lines = ["bob/app : first", "bob/x : No description given."]
    assert world.frontend.infos == [" Matched: a b ".center(80, "="), *lines, " List of bob coprs ".center(80, "="), *lines]
