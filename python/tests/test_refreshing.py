"""refresh: the hub's chain has changed."""

import json

import pytest
from copr_repo import Unreachable, frontend
from copr_repo.hubs import Config
from test_leaving import APP, BASE, LIBS, STOCK, TOOL, chain  # noqa: F401
from worlds import RESULTS, world  # noqa: F401


def test_nothing_changed_is_told_and_nothing_is_asked(chain):  # noqa: F811
    before = chain.files()
    chain.frontend.infos.clear()
    assert chain.refresh()
    assert chain.frontend.infos == ["Nothing has changed."] and chain.frontend.questions == []
    assert chain.files() == before


def test_what_is_added_removed_and_changed_is_shown_and_applied(chain):  # noqa: F811
    chain.has("bob/app", "alice/new", "https://x.example/")
    chain.has("alice/new")
    chain.answers["bob/app"]["repos"]["fedora-44"]["arch"]["x86_64"]["opts"] = {"priority": 5}
    chain.frontend.infos.clear()
    assert chain.refresh()
    assert chain.frontend.infos == [
        f"+ h/alice/new  {RESULTS}/alice/new/fedora-$releasever-$basearch/",
        "~ h/bob/app",
        "    priority: (none) -> 5",
        "    needs h/alice/new",
        "    does not need h/alice/libs any more",
        "- h/alice/base",
        "- h/alice/libs",
        "Repositories successfully refreshed.",
    ]
    assert chain.frontend.questions == ["Do you want to change these repositories?"]
    assert list(chain.files()) == ["_copr:h:alice:new.repo", APP, "_coprdep:https_x_example.repo"]
    assert "priority=5\n" in chain.files()[APP]
    assert "# copr-requested: no\n" in chain.files()["_copr:h:alice:new.repo"]
    chain.frontend.infos.clear()
    assert chain.refresh() and chain.frontend.infos == ["Nothing has changed."]


def test_no_is_the_safe_answer_and_changes_nothing(chain):  # noqa: F811
    before = chain.files()
    chain.has("bob/app")
    chain.frontend.answer = False
    with pytest.raises(frontend.CommandError, match="Safe and good answer. Exiting."):
        chain.refresh()
    assert chain.files() == before


def test_a_project_whose_hub_is_down_stays_as_it_is_while_others_are_refreshed(chain):  # noqa: F811
    chain.enable("bob/tool")
    before = chain.files()
    chain.answers["bob/app"] = Unreachable("no route")
    chain.has("bob/tool")
    assert not chain.refresh()
    assert any("h/bob/app stays as it is" in text and "no route" in text for text in chain.frontend.notices)
    assert chain.files() == {**before, TOOL: before[TOOL].replace("# copr-needs: copr:h:alice:libs\n", "")}


def test_a_dependency_that_cannot_be_asked_keeps_the_whole_project_as_it_is(chain):  # noqa: F811
    before = chain.files()
    chain.answers["alice/libs"] = Unreachable("no route")
    assert not chain.refresh()
    assert chain.files() == before


def test_a_project_that_moved_gets_its_new_address_and_key(chain):  # noqa: F811
    for name in ("bob/app", "alice/libs"):
        chain.answers[name]["results_url"] = "https://new.example/r"
    assert chain.refresh()
    text = chain.files()[APP]
    assert "baseurl=https://new.example/r/bob/app/fedora-$releasever-$basearch/\n" in text
    assert "gpgkey=https://new.example/r/bob/app/pubkey.gpg\n" in text
    assert "https://new.example" not in chain.files()[BASE]


def test_packages_that_are_no_longer_signed_are_shown(chain):  # noqa: F811
    chain.has("alice/base", gpgcheck=False)
    assert chain.refresh()
    assert "    gpgcheck: 1 -> 0" in chain.frontend.infos
    assert "gpgcheck=0" in chain.files()[BASE] and "gpgkey" not in chain.files()[BASE]


def test_what_the_user_wrote_stays(chain):  # noqa: F811
    chain.edit(APP, "enabled=1\n", "enabled=1\nexclude=a b\n# mine\n")
    chain.edit(LIBS, "enabled=1\n", "enabled=0\n")
    chain.has("bob/app", "alice/libs", "https://x.example/", "https://y.example/")
    before = chain.files()
    assert chain.refresh()
    after = chain.files()
    assert "exclude=a b\n# mine\n" in after[APP] and "coprdep:https_y_example" in after[APP]
    assert after[LIBS] == before[LIBS]


def test_what_was_off_because_its_project_is_off_is_turned_on_for_a_new_one(chain):  # noqa: F811
    chain.disable("bob/app")
    chain.has("bob/tool")
    chain.enable("bob/tool")
    chain.has("bob/tool", "alice/libs")
    assert chain.refresh()
    assert "enabled=1\n" in chain.files()[LIBS] and "enabled=1\n" in chain.files()[BASE]
    assert "enabled=0\n" in chain.files()[APP]


def test_one_project_alone_can_be_refreshed(chain):  # noqa: F811
    chain.enable("bob/tool")
    for name in ("bob/app", "bob/tool"):
        chain.has(name, "https://y.example/")
    before = chain.files()
    assert chain.refresh("bob/tool")
    assert chain.files()[APP] == before[APP] and LIBS in chain.files()
    assert "coprdep:https_y_example" in chain.files()[TOOL]
    with pytest.raises(frontend.CommandError, match="h/bob/none is not enabled here"):
        chain.refresh("bob/none")


def test_a_project_without_dependencies_by_choice_keeps_to_it(world):  # noqa: F811
    world.has("bob/app", "alice/libs")
    world.has("alice/libs")
    world.enable(deps=False)
    assert world.refresh() and list(world.files()) == [APP]


def test_an_explicit_chroot_stays(world):  # noqa: F811
    world.has("bob/app")
    world.enable(chroot="epel-9-x86_64")
    world.answers["bob/app"]["results_url"] = "https://new.example/r"
    assert world.refresh()
    assert "baseurl=https://new.example/r/bob/app/epel-9-x86_64/\n" in world.files()[APP]


def test_a_chroot_that_has_ended_leaves_the_project_as_it_is(chain):  # noqa: F811
    before = chain.files()
    chain.has("bob/app", chroots=["fedora-45-x86_64"])
    assert not chain.refresh()
    assert any("Repository 'fedora-44-x86_64' does not exist" in text for text in chain.frontend.notices)
    assert chain.files() == before


def test_the_stock_plugins_file_stays_while_it_is_true_and_becomes_files_of_ours_when_it_is_not(world):  # noqa: F811
    stock = STOCK.replace("http://h/results", RESULTS)
    world.write(APP, stock.replace("[coprdep", "# mine\n[coprdep"))
    world.has("bob/app", "alice/libs")
    world.has("alice/libs")
    world.config = Config({"ours": {"hostname": "h", "protocol": "http", "port": "8080"}})
    assert world.refresh() and list(world.files()) == [APP]
    world.has("bob/app", "alice/libs", "alice/base")
    world.has("alice/base")
    assert world.refresh()
    assert list(world.files()) == [BASE, LIBS, APP]
    text = world.files()[APP]
    assert "[copr:h:bob:app:ml]\n" not in text and "coprdep" not in text and "# copr-requested: yes\n" in text


def test_a_literal_chroot_in_the_stock_plugins_file_stays(world):  # noqa: F811
    world.config = Config({"ours": {"hostname": "h", "protocol": "http", "port": "8080"}})
    world.write(APP, f"[copr:h:bob:app]\nbaseurl={RESULTS}/bob/app/epel-9-$basearch/\nenabled=1\n")
    world.has("bob/app")
    world.answers["bob/app"]["results_url"] = "https://new.example/r"
    assert world.refresh()
    assert "baseurl=https://new.example/r/bob/app/epel-9-$basearch/\n" in world.files()[APP]


def test_what_was_guessed_follows_an_upgrade_of_the_system(world):  # noqa: F811
    world.has("bob/app", chroots=["epel-9-x86_64", "epel-10-x86_64"])
    world.enable(releases=["rocky-9", "epel-9"])
    assert world.refresh(releases=["rocky-10", "epel-10"])
    assert f"baseurl={RESULTS}/bob/app/epel-10-$basearch/\n" in world.files()[APP]


def test_a_file_that_does_not_tell_its_chroot_keeps_its_project_as_it_is(world):  # noqa: F811
    world.write(APP, "[copr:h:bob:app]\nbaseurl=http://h/elsewhere/\n")
    before = world.files()
    assert not world.refresh() and world.files() == before
    assert not world.check()[0]


def test_what_nothing_needs_any_more_is_removed_as_well(chain):  # noqa: F811
    chain.enable("bob/tool")
    chain.remove("bob/app", keep_deps=True)
    assert chain.refresh()
    assert list(chain.files()) == [BASE, LIBS, TOOL]


def test_the_difference_for_programs(chain):  # noqa: F811
    chain.has("bob/app", "alice/libs")
    chain.frontend.infos.clear()
    assert chain.refresh(as_json=True)
    (text,) = chain.frontend.infos
    assert json.loads(text) == {
        "changes": [
            {"id": "copr:h:bob:app", "file": APP, "kind": "changed", "options": {}, "needs": [],
             "needs_no_more": ["coprdep:https_x_example"]},
            {"id": "coprdep:https_x_example", "file": "_coprdep:https_x_example.repo", "kind": "removed", "options": {},
             "needs": [], "needs_no_more": []},
        ],
        "failed": {},
        "warnings": [],
    }


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[" * 100_000])
def test_an_answer_that_is_none_keeps_everything(chain, answer):  # noqa: F811
    before = chain.files()
    chain.answers["bob/app"] = answer
    assert not chain.refresh()
    assert chain.files() == before
