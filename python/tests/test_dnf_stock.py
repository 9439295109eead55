"""The same command lines for dnf's own plugin copr.py and for ours: exit codes, files and texts must be the same.

What differs on purpose is asserted as such, in tests of its own at the end.
"""

import base64
import configparser
import copy
import json

import pytest

HOST = "127.0.0.1"
CHROOT = "fedora-44-x86_64"


@pytest.fixture
def both(dnf, hub, stock, tmp_path):
    """Runs a command line with each plugin on a folder of .repo files of its own: (stock's answer, ours)."""
    hub.has("bob/app")
    hub.has("@g/tool", gpgcheck=True)
    for owner, in_id, name in (("bob", "bob", "app"), ("@g", "group_g", "tool")):
        base = f"{hub.url}/results/{owner}/{name}"
        hub.answers[f"/coprs/{owner}/{name}/repo/fedora-44/dnf.repo?arch=x86_64"] = (
            f"[copr:{HOST}:{in_id}:{name}]\nname=Copr repo for {name} owned by {owner}\n"
            f"baseurl={base}/{CHROOT}/\ntype=rpm-md\nskip_if_unavailable=True\ngpgcheck=1\n"
            f"gpgkey={base}/pubkey.gpg\nrepo_gpgcheck=0\nenabled=1\nenabled_metadata=1\n"
        ).encode()
    data = base64.b64encode(json.dumps({"available chroots": ["epel-9-x86_64", CHROOT]}).encode()).decode()
    hub.answers["/coprs/bob/app/repo/mageia-9/dnf.repo?arch=x86_64"] = (404, b"no", {"Copr-Error-Data": data})
    items = [{"name": "app", "full_name": "bob/app", "description": "An app."}]
    hub.answers["/api_3/project/list?ownername=bob"] = {"items": items}
    hub.answers["/api_3/project/list?ownername=nobody"] = {"items": []}
    hub.answers["/api_3/project/search?query=ap"] = {"items": items}
    hub.answers["/api_3/project/search?query=zz"] = {"items": []}
    port = hub.url.rpartition(":")[2]
    (dnf.conf / "copr.d" / "hub.conf").write_text(f"[hub]\nhostname = {HOST}\nprotocol = http\nport = {port}\n")
    others = []
    for name, pluginpath in (("stock", [stock.parent]), ("ours", dnf.pluginpath)):
        other = copy.copy(dnf)
        other.pluginpath = pluginpath
        other.reposdir = tmp_path / f"repos-{name}"
        other.reposdir.mkdir()
        others.append(other)

    def run(*arguments, stdin=""):
        return [other(f"--setopt=reposdir={other.reposdir}", *arguments, stdin=stdin) for other in others]

    run.others = others
    run.files = lambda: [
        {name: sections(text) for name, text in other.files().items()} for other in others
    ]
    return run


def sections(text):
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {name: dict(parser[name]) for name in parser.sections()}


def assert_same_files(both):
    theirs, ours = both.files()
    assert ours == theirs
    return theirs


ENABLE = ("copr", "enable", "hub/bob/app", CHROOT)


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["-y", *ENABLE], ""),
        (ENABLE, "y\n"),
        (ENABLE, "yes\n"),
        (ENABLE, "perhaps\ny\n"),
        (["-y", "copr", "enable", "--hub", "hub", "bob/app", CHROOT], ""),
        (["-y", "copr", "enable", "hub/@g/tool", CHROOT], ""),
    ],
)
def test_enabling_succeeds_alike(both, arguments, stdin):
    theirs, ours = both(*arguments, stdin=stdin)
    assert (theirs.returncode, ours.returncode) == (0, 0), (theirs, ours)
    for answer in (theirs, ours):
        assert answer.stdout.endswith("Repository successfully enabled.\n")
        assert answer.stderr.startswith(
            "Enabling a Copr repository. Please note that this repository is not part\n"
            "of the main distribution, and quality may vary."
        )
    assert len(assert_same_files(both)) == 1


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [(ENABLE, "n\n"), (ENABLE, "\n"), (ENABLE, ""), (["--assumeno", *ENABLE], ""), (["--assumeno", "-y", *ENABLE], "")],
)
def test_saying_no_is_alike(both, arguments, stdin):
    theirs, ours = both(*arguments, stdin=stdin)
    assert (theirs.returncode, ours.returncode) == (1, 1), (theirs, ours)
    for answer in (theirs, ours):
        assert answer.stderr.splitlines()[-1] == "Error: Safe and good answer. Exiting."
    assert assert_same_files(both) == {}


def test_the_prompt_is_alike_but_for_the_port_of_the_hub(both, hub):
    theirs, ours = both(*ENABLE, stdin="y\n")
    port = hub.url.rpartition(":")[2]
    assert theirs.stdout.replace(f":{port}", "") == ours.stdout
    assert f"\nDo you really want to enable {HOST}/bob/app? [y/N]: " in ours.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["enable", "hub/bob/app", "fedora-44"],
            "Bad format of optional chroot. The format is distribution-version-architecture.",
        ),
        (["enable", "hub/bob/app", CHROOT, "more"], "Too many arguments."),
        (["enable", "app", CHROOT], "use format `copr_username/copr_projectname` to reference copr project"),
        (["enable"], "exactly two additional parameters to copr command are required"),
        (["disable"], "exactly two additional parameters to copr command are required"),
        (["search"], "exactly two additional parameters to copr command are required"),
        (
            ["enable", "--hub", "hub", "hub/bob/app", CHROOT],
            "specify Copr hub either with `--hub` or using `copr_hub/copr_username/copr_projectname` format",
        ),
        (["enable", "hub/bob/none", CHROOT], "It wasn't possible to enable this project.\nProject bob/none does not exist."),
        (
            ["enable", "hub/bob/app", "mageia-9-x86_64"],
            "It wasn't possible to enable this project.\n"
            "Repository 'mageia-9-x86_64' does not exist in project 'bob/app'.\n"
            "Available repositories: 'epel-9-x86_64', 'fedora-44-x86_64'\n\n"
            "If you want to enable a non-default repository, use the following command:\n"
            "  'dnf copr enable bob/app <repository>'\n"
            "But note that the installed repo file will likely need a manual modification.",
        ),
        (["disable", "hub/bob/none"], "Failed to disable copr repo"),
        (["remove", "hub/bob/none"], "Failed to remove copr repo"),
    ],
)
def test_what_does_not_work_is_told_alike(both, arguments, message):
    theirs, ours = both("-y", "copr", *arguments)
    assert (theirs.returncode, ours.returncode) == (1, 1), (theirs, ours)
    assert message in theirs.stderr
    assert message in ours.stderr
    assert "Traceback" not in ours.stderr
    assert assert_same_files(both) == {}


@pytest.mark.parametrize("arguments", [["copr"], ["copr", "frobnicate"], ["copr", "list", "--enabled", "--disabled"]])
def test_a_wrong_command_line_has_the_same_exit_code(both, arguments):
    theirs, ours = both(*arguments)
    assert ours.returncode == theirs.returncode != 0


def test_help_is_there_with_both(both):
    theirs, ours = both("copr", "help")
    assert (theirs.returncode, ours.returncode) == (0, 0)
    theirs, ours = both("copr", "--help")
    assert (theirs.returncode, ours.returncode) == (0, 0)


def assert_same_lists(both):
    """The lines are the same in ours' order, by id, and a group has its @ in ours, as on the command line."""
    for option in ([], ["--installed"], ["--enabled"], ["--disabled"]):
        theirs, ours = both("copr", "list", *option)
        assert (theirs.returncode, ours.returncode) == (0, 0)
        assert sorted(ours.stdout.splitlines()) == sorted(theirs.stdout.replace("/group_", "/@").splitlines())


def test_lists_disabling_and_removing_are_alike(both):
    for arguments in (["-y", *ENABLE], ["-y", "copr", "enable", "hub/@g/tool", CHROOT]):
        both(*arguments)
    assert_same_lists(both)
    theirs, ours = both("copr", "disable", "hub/bob/app")
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout) == (0, "Repository successfully disabled.\n")
    assert_same_files(both)
    assert_same_lists(both)
    theirs, ours = both("copr", "remove", "hub/bob/app")
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout) == (0, "Repository successfully removed.\n")
    assert len(assert_same_files(both)) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--hub", "hub", "--available-by-user=bob"],
        ["search", "--hub", "hub", "ap"],
        ["list", "--hub", "hub", "--available-by-user=nobody"],
        ["search", "--hub", "hub", "zz"],
    ],
)
def test_what_a_hub_has_is_shown_alike(both, arguments):
    theirs, ours = both("copr", *arguments)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    assert theirs.returncode == 0


def test_of_a_long_description_ours_shows_the_first_line_only(both, hub):
    items = [{"name": "app", "full_name": "bob/app", "description": "First line.\n\nSecond line."}]
    hub.answers["/api_3/project/search?query=ap"] = {"items": items}
    theirs, ours = both("copr", "search", "--hub", "hub", "ap")
    assert "Second line." in theirs.stdout
    assert ours.stdout.splitlines()[1:] == ["bob/app : First line."]


def test_files_that_the_stock_one_wrote_are_ours_to_disable_and_remove_and_the_other_way_round(both, hub, dnf):
    both("-y", *ENABLE)
    swapped = [both.others[1].reposdir, both.others[0].reposdir]
    for other, folder in zip(both.others, swapped):
        other.reposdir = folder
    theirs, ours = both("copr", "disable", "hub/bob/app")
    assert (theirs.returncode, ours.returncode) == (0, 0), (theirs, ours)
    assert_same_files(both)
    theirs, ours = both("copr", "remove", "hub/bob/app")
    assert (theirs.returncode, ours.returncode) == (0, 0), (theirs, ours)
    assert assert_same_files(both) == {}
