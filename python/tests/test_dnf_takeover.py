"""Ours and dnf's own plugin copr.py side by side: ours answers, and the stock one when ours is gone or off."""

import shutil

import pytest
from fakehub import PLUGIN

ORDER = """\
import glob
every = glob.glob
glob.glob = lambda *arguments, **more: sorted(every(*arguments, **more), reverse={reverse})
"""
OURS = "--keep-deps"
"""What only our help names."""


def install(folder, file, name=None):
    """A plugin file in a folder of plugins; the package of ours lies beside it."""
    folder.mkdir(exist_ok=True)
    shutil.copy(file, folder / (name or file.name))
    if file.parent == PLUGIN / "plugins" and not (folder / "copr_repo").exists():
        (folder / "copr_repo").symlink_to(file.parent / "copr_repo")


@pytest.fixture
def ours():
    return PLUGIN / "plugins" / "copr_chain.py"


@pytest.fixture
def beside(dnf, ours, stock, tmp_path):
    """Both plugins in one folder."""
    folder = tmp_path / "both"
    install(folder, ours)
    install(folder, stock)
    dnf.pluginpath = [folder]
    return dnf


def read_in_order(dnf, tmp_path, reverse):
    """Makes dnf read the files of a folder by name, or the other way round."""
    (tmp_path / "order").mkdir()
    (tmp_path / "order" / "sitecustomize.py").write_text(ORDER.format(reverse=reverse))
    dnf.environment["PYTHONPATH"] = str(tmp_path / "order")


def assert_ours_answers(dnf):
    help_ = dnf("copr", "help")
    assert (help_.returncode, help_.stderr) == (0, ""), help_
    assert OURS in help_.stdout


def assert_stock_answers(dnf):
    help_ = dnf("copr", "help")
    assert help_.returncode == 0, help_
    assert "Interact with Copr repositories" in help_.stdout and OURS not in help_.stdout


def assert_nobody_answers(dnf):
    help_ = dnf("copr", "help")
    assert help_.returncode == 1 and "No such command: copr" in help_.stderr, help_


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["copr_chain.py", "aaa.py", "zzz.py"])
def test_in_one_folder_ours_answers_whatever_it_is_called_and_whichever_is_read_first(
    dnf, ours, stock, tmp_path, name, reverse
):
    install(tmp_path / "both", ours, name)
    install(tmp_path / "both", stock)
    dnf.pluginpath = [tmp_path / "both"]
    read_in_order(dnf, tmp_path, reverse)
    assert_ours_answers(dnf)


@pytest.mark.parametrize("ours_first", [False, True])
def test_in_two_folders_ours_answers_whichever_is_read_first(dnf, ours, stock, tmp_path, ours_first):
    install(tmp_path / "ours", ours)
    install(tmp_path / "stock", stock)
    folders = [tmp_path / "ours", tmp_path / "stock"]
    dnf.pluginpath = folders if ours_first else folders[::-1]
    assert_ours_answers(dnf)


def test_a_project_is_enabled_and_removed_by_ours_while_the_stock_one_is_there(beside, hub):
    hub.has("bob/app", ["alice/libs"])
    hub.has("alice/libs")
    enabled = beside("-y", "copr", "enable", f"{hub.url}/bob/app", "fedora-44-x86_64")
    assert enabled.returncode == 0, enabled
    assert sorted(beside.files()) == ["_copr:127.0.0.1:alice:libs.repo", "_copr:127.0.0.1:bob:app.repo"]
    assert beside("-y", "copr", "remove", f"{hub.url}/bob/app").returncode == 0
    assert beside.files() == {}


def test_removing_ours_brings_the_stock_one_back(beside):
    assert_ours_answers(beside)
    (beside.pluginpath[0] / "copr_chain.py").unlink()
    (beside.pluginpath[0] / "copr_repo").unlink()
    assert_stock_answers(beside)


def test_ours_that_cannot_be_loaded_leaves_the_command_to_the_stock_one(beside):
    (beside.pluginpath[0] / "copr_repo").unlink()
    (beside.pluginpath[0] / "copr_repo").mkdir()
    (beside.pluginpath[0] / "copr_repo" / "__init__.py").write_text("raise ImportError('broken')\n")
    help_ = beside("copr", "help")
    assert help_.returncode == 0 and OURS not in help_.stdout
    assert 'Failed loading plugin "copr_chain": broken' in help_.stderr


@pytest.mark.parametrize("reverse", [False, True])
def test_the_stock_plugins_other_command_is_still_there(beside, tmp_path, reverse):
    read_in_order(beside, tmp_path, reverse)
    done = beside("playground", "enable")
    assert done.returncode == 1
    assert "Playground is temporarily unsupported" in done.stderr


@pytest.mark.parametrize("pattern", ["copr_chain", "copr-chain", "copr?chain"])
def test_ours_is_switched_off_by_its_files_name_and_the_stock_one_answers(beside, pattern):
    help_ = beside(f"--disableplugin={pattern}", "copr", "help")
    assert help_.returncode == 0 and help_.stderr == "" and OURS not in help_.stdout


def test_switching_off_the_stock_one_leaves_ours_and_a_pattern_for_both_leaves_none(beside):
    help_ = beside("--disableplugin=copr", "copr", "help")
    assert help_.returncode == 0 and help_.stderr == "" and OURS in help_.stdout
    help_ = beside("--disableplugin=copr*", "copr", "help")
    assert help_.returncode == 1 and "No such command: copr" in help_.stderr
    help_ = beside("--noplugins", "copr", "help")
    assert help_.returncode == 1 and "No such command: copr" in help_.stderr


def test_copr_conf_switches_both_off_and_either_is_switched_on_by_name(beside):
    conf = beside.conf / "copr.conf"
    conf.write_text(conf.read_text().replace("enabled = 1", "enabled = 0"))
    assert_nobody_answers(beside)
    ours = beside("--enableplugin=copr_chain", "copr", "help")
    assert ours.returncode == 0 and ours.stderr == "" and OURS in ours.stdout
    stock = beside("--enableplugin=copr", "copr", "help")
    assert stock.returncode == 0 and stock.stderr == "" and OURS not in stock.stdout
    both = beside("--enableplugin=copr*", "copr", "help")
    assert both.returncode == 0 and both.stderr == "" and OURS in both.stdout
