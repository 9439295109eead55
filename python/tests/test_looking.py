"""list, tree and why: from the files alone."""

import json

import pytest
from copr_repo import frontend
from copr_repo.hubs import Hub
from test_leaving import APP, STOCK, chain  # noqa: F401
from worlds import world  # noqa: F401


def test_list_tells_state_and_reason(chain):  # noqa: F811
    chain.enable("bob/tool")
    chain.disable("bob/app")
    assert chain.list() == [
        "h/alice/base (needed by h/alice/libs)", "h/alice/libs (needed by h/bob/app, h/bob/tool)",
        "h/bob/app (disabled)", "h/bob/tool",
    ]
    assert chain.list(only_disabled=True) == ["h/bob/app (disabled)"]
    assert "h/bob/app (disabled)" not in chain.list(only_enabled=True)
    assert chain.list(hub=Hub("elsewhere", "https://elsewhere")) == []


def test_list_has_old_files_with_a_star_and_no_sections_beside_the_projects(world):  # noqa: F811
    world.write(APP, STOCK)
    world.write("_copr_eve-x-y.repo", "[eve-x-y]\nname=x\nbaseurl=http://h/\n")
    assert world.list() == [
        "h/bob/app", "copr.fedorainfracloud.org/eve/x-y *",
        "* These coprs have repo file with an old format that contains no information about Copr hub - the default one was "
        "assumed. Re-enable the project to fix this.",
    ]


def test_list_for_programs_has_every_fact(chain):  # noqa: F811
    (text,) = chain.list(as_json=True)
    libs = next(item for item in json.loads(text) if item["project"] == "libs")
    assert libs == {
        "id": "copr:h:alice:libs", "hub": "h", "owner": "alice", "project": "libs", "file": "_copr:h:alice:libs.repo",
        "baseurl": "http://h:8080/results/alice/libs/fedora-$releasever-$basearch/", "chroot": "fedora-44-x86_64",
        "enabled": True, "signed": True, "requested": False, "needs": ["copr:h:alice:base"], "needed_by": ["copr:h:bob:app"],
    }


def test_the_tree_is_drawn_without_a_hub(chain):  # noqa: F811
    chain.enable("bob/tool")
    (chain.path / "_copr:h:alice:base.repo").unlink()
    chain.asked.clear()
    assert chain.tree() == [
        "h/bob/app",
        "|-- h/alice/libs",
        "|   `-- h/alice/base  (missing here)",
        "`-- https://x.example/  (not a Copr project, packages are not signed)",
        "h/bob/tool",
        "`-- h/alice/libs",
        "    `-- h/alice/base  (missing here)",
    ]
    assert chain.tree("alice/libs") == ["h/alice/libs", "`-- h/alice/base  (missing here)"]
    assert chain.asked == []


def test_the_tree_shows_sections_of_the_stock_plugins_file_and_ends_in_a_circle(world):  # noqa: F811
    world.write(APP, STOCK)
    assert world.tree() == [
        "h/bob/app  (packages are not signed)", "`-- h/alice/libs  (packages are not signed)",
    ]
    world.write("_copr:h:o:a.repo", "# copr-needs: copr:h:o:b\n[copr:h:o:a]\ngpgcheck=1\n")
    world.write("_copr:h:o:b.repo", "# copr-requested: no\n# copr-needs: copr:h:o:a\n[copr:h:o:b]\ngpgcheck=1\nenabled=0\n")
    assert world.tree("o/a") == ["h/o/a", "`-- h/o/b  (disabled)", "    `-- h/o/a (see above)"]


def test_the_tree_for_programs_names_every_repository_once(chain):  # noqa: F811
    chain.enable("bob/tool")
    (text,) = chain.tree(as_json=True)
    whole = json.loads(text)
    assert whole["projects"] == ["copr:h:bob:app", "copr:h:bob:tool"]
    assert [item["id"] for item in whole["repositories"]] == [
        "copr:h:alice:base", "copr:h:alice:libs", "copr:h:bob:app", "copr:h:bob:tool", "coprdep:https_x_example",
    ]


def test_a_tree_of_what_is_not_here_is_told(world):  # noqa: F811
    with pytest.raises(frontend.CommandError, match="h/bob/app is not enabled here"):
        world.tree("bob/app")


@pytest.mark.parametrize("name", ["copr:h:alice:base", "_copr:h:alice:base.repo", "h/alice/base"])
def test_why_tells_the_way_for_an_id_a_file_and_a_project(chain, name):  # noqa: F811
    chain.enable("bob/tool")
    chain.disable("bob/tool", keep_deps=True)
    assert chain.why(name) == [
        "h/bob/app -> h/alice/libs -> h/alice/base", "h/bob/tool -> h/alice/libs -> h/alice/base (disabled)",
    ]
    (text,) = chain.why(name, as_json=True)
    assert json.loads(text)["needed_by"][0] == {
        "project": "copr:h:bob:app", "enabled": True, "path": ["copr:h:bob:app", "copr:h:alice:libs", "copr:h:alice:base"],
    }


def test_why_tells_what_was_enabled_by_name_and_what_nothing_needs(chain):  # noqa: F811
    assert chain.why("h/bob/app") == ["h/bob/app was enabled by name."]
    chain.remove("bob/app", keep_deps=True)
    assert chain.why("h/alice/base") == ["Nothing needs h/alice/base any more."]


def test_why_knows_a_section_of_the_stock_plugins_file(world):  # noqa: F811
    world.write(APP, STOCK)
    assert world.why("coprdep:h:alice:libs") == world.why("h/alice/libs") == ["h/bob/app -> h/alice/libs"]


def test_why_of_what_is_unknown_is_an_error(chain):  # noqa: F811
    for name in ("copr:h:x:y", "h/x/y", "", "../x"):
        with pytest.raises(frontend.CommandError, match="No .repo file of Copr here"):
            chain.why(name)


def test_texts_that_would_change_the_screen_are_shown_harmless(world):  # noqa: F811
    world.write("_copr:h:o:a.repo", "[copr:h:o:a\x1b[2J]\ngpgcheck=1\n")
    assert world.list() == ["h/o/a?[2J"]


def test_a_password_in_a_file_is_never_shown(world):  # noqa: F811
    url = "https://me:secret@x.example/"
    world.write("_coprdep:x.repo", f"[coprdep:x]\nbaseurl={url}\ngpgkey={url}key\ngpgcheck=1\n")
    told = [*world.tree(), *world.list(as_json=True), *world.check()[1], *world.why("coprdep:x")]
    world.write("_copr:h:o:a.repo", "# copr-needs: coprdep:x\n[copr:h:o:a]\ngpgcheck=1\n")
    told += [*world.tree(), *world.tree(as_json=True), *world.check()[1]]
    assert "https://***@x.example/" in "".join(told) and "secret" not in "".join(told)


def test_a_chain_of_thousands_is_drawn_as_far_as_anybody_reads(world):  # noqa: F811
    for number in range(2000):
        tags = f"# copr-needs: copr:h:o:p{number + 1}\n# copr-requested: no\n"
        world.write(f"_copr:h:o:p{number}.repo", f"{tags}[copr:h:o:p{number}]\n")
    lines = world.tree("o/p0")
    assert len(lines) == 102 and lines[-1].endswith("`-- ...")
