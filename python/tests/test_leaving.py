"""disable and remove: what goes along, what stays."""

import pytest
from copr_repo import frontend
from worlds import world  # noqa: F401

APP, LIBS, BASE, TOOL = (f"_copr:h:{name}.repo" for name in ("bob:app", "alice:libs", "alice:base", "bob:tool"))
STOCK = """\
[copr:h:bob:app]
name=Copr repo for app owned by bob
baseurl=http://h/results/bob/app/fedora-$releasever-$basearch/
enabled=1
enabled_metadata=1
[copr:h:bob:app:ml]
name=Copr repo for app owned by bob (i386)
baseurl=http://h/results/bob/app/fedora-$releasever-i386/
cost=1100
enabled=1
[coprdep:h:alice:libs]
name=Copr h/bob/app runtime dependency #1 - alice/libs
baseurl=http://h/results/alice/libs/fedora-$releasever-$basearch/
enabled=1
"""


@pytest.fixture
def chain(world):  # noqa: F811
    """bob/app and bob/tool need alice/libs, and that alice/base; bob/app also a foreign repository."""
    world.has("bob/app", "alice/libs", "https://x.example/")
    world.has("bob/tool", "alice/libs")
    world.has("alice/libs", "alice/base")
    world.has("alice/base")
    world.enable("bob/app")
    world.answers_before = dict(world.answers)
    world.asked.clear()
    world.frontend.questions.clear()
    return world


def states(world):  # noqa: F811
    return {name: "enabled=1\n" in text for name, text in world.files().items()}


def test_what_nothing_else_needs_goes_along_when_the_user_says_yes(chain):
    chain.remove("bob/app")
    assert chain.files() == {}
    assert chain.frontend.questions == ["Do you want to remove these repositories as well?"]
    assert chain.frontend.notices[-1] == (
        "Nothing else needs these repositories, which came with h/bob/app:\n"
        "  h/alice/base\n  h/alice/libs\n  coprdep:https_x_example"
    )
    assert chain.frontend.infos[-1] == "Repository successfully removed."
    assert chain.asked == []


def test_what_nothing_else_needs_stays_when_the_user_says_no_and_the_project_still_goes(chain):
    chain.frontend.answer = False
    chain.remove("bob/app")
    assert list(chain.files()) == [BASE, LIBS, "_coprdep:https_x_example.repo"]
    assert all(states(chain).values())
    assert "They stay as they are." in chain.frontend.notices[-1]


@pytest.mark.parametrize("verb", ["disable", "remove"])
def test_keep_deps_takes_the_project_alone_and_asks_nothing(chain, verb):
    getattr(chain, verb)("bob/app", keep_deps=True)
    assert chain.frontend.questions == []
    assert states(chain)[LIBS] and not states(chain).get(APP)


def test_what_another_enabled_project_needs_never_goes_along(chain):
    chain.enable("bob/tool")
    chain.disable("bob/app")
    assert states(chain) == {APP: False, BASE: True, LIBS: True, TOOL: True, "_coprdep:https_x_example.repo": False}
    chain.disable("bob/tool")
    assert not any(states(chain).values())
    chain.remove("bob/app")
    assert list(chain.files()) == [BASE, LIBS, TOOL]
    chain.remove("bob/tool")
    assert chain.files() == {}


def test_what_only_a_disabled_project_needs_as_well_is_disabled_and_keeps_its_file(chain):
    chain.enable("bob/tool")
    chain.disable("bob/tool")
    chain.remove("bob/app")
    assert states(chain) == {BASE: False, LIBS: False, TOOL: False}
    assert "  h/alice/libs (is only disabled: a disabled project needs it)" in chain.frontend.notices[-1]


def test_where_nothing_came_along_nothing_is_asked(world):  # noqa: F811
    world.has("bob/app")
    world.enable()
    world.frontend.questions.clear()
    world.disable("bob/app")
    world.remove("bob/app")
    assert world.frontend.questions == [] and world.files() == {}


def test_a_dependency_enabled_by_name_as_well_outlives_the_project(chain):
    chain.enable("alice/libs")
    chain.remove("bob/app")
    assert list(chain.files()) == [BASE, LIBS]


def test_removing_what_another_project_needs_is_done_with_a_warning(chain):
    chain.remove("alice/libs", keep_deps=True)
    assert LIBS not in chain.files()
    assert "Warning: h/bob/app needs this repository; its packages may fail to install." in chain.frontend.notices


@pytest.mark.parametrize("verb", ["disable", "remove"])
def test_what_is_not_here_is_told(world, verb):  # noqa: F811
    with pytest.raises(frontend.CommandError, match=f"Failed to {verb} copr repo h/bob/app"):
        getattr(world, verb)("bob/app")


def test_what_the_user_wrote_in_a_file_stays_when_it_is_disabled(chain):
    chain.edit(APP, "enabled=1\n", "enabled = 1\n# mine\nexclude=a\n  b\n")
    before = chain.files()[APP]
    chain.disable("bob/app")
    assert chain.files()[APP] == before.replace("enabled = 1\n", "enabled=0\n")


def test_a_disabled_project_is_enabled_again_with_its_chain_and_what_the_user_wrote(chain):
    chain.edit(APP, "enabled=1\n", "enabled=1\nexclude=a\n")
    before = chain.files()
    chain.disable("bob/app")
    assert not any(states(chain).values())
    chain.enable("bob/app")
    assert chain.files() == before


def test_another_program_that_changes_the_files_while_the_user_thinks_is_noticed(chain):
    def confirm(question):
        chain.edit(BASE, "enabled=1", "enabled=0")
        return True

    chain.frontend.confirm = confirm
    with pytest.raises(frontend.Error, match="another program has changed the files meanwhile; nothing was changed"):
        chain.remove("bob/app")
    assert len(chain.files()) == 4


def test_every_section_of_the_stock_plugins_file_is_disabled_and_the_file_is_removed(world):  # noqa: F811
    world.write(APP, STOCK)
    world.disable("bob/app")
    assert world.files()[APP] == STOCK.replace("enabled=1\n", "enabled=0\n")
    world.remove("bob/app")
    assert world.files() == {} and world.frontend.questions == []


@pytest.mark.parametrize("name", ["_copr_bob-app.repo", "_copr:h:bob:app.repo"])
def test_files_of_old_versions_of_the_stock_plugin_are_disabled_and_removed(world, name):  # noqa: F811
    world.write(name, "[bob-app]\nname=x\nbaseurl=http://h/\nenabled=1\n")
    world.disable("bob/app")
    assert world.files()[name].endswith("enabled=0\n")
    world.remove("bob/app")
    assert world.files() == {}


def test_an_old_file_of_another_hub_is_left_alone(world):  # noqa: F811
    world.write("_copr:other:bob:app.repo", "[bob-app]\nname=x\nbaseurl=http://h/\n")
    with pytest.raises(frontend.CommandError, match="Failed to remove"):
        world.remove("bob/app")
