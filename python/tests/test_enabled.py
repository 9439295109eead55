"""The folder of .repo files."""

import os

import pytest
from copr_repo import editing, enabled


def repo(repo_id, needs="", requested="yes", on=1):
    return f"# copr-requested: {requested}\n# copr-needs: {needs}\n[{repo_id}]\nname=x\nbaseurl=http://x/\nenabled={on}\n"


def folder_of(path, *texts):
    for text in texts:
        name = enabled.file_name(text.split("[")[1].split("]")[0])
        (path / name).write_text(text)
    return enabled.Folder(str(path))


def names(path):
    return sorted(os.listdir(path))


def test_only_files_of_copr_are_read_and_the_stock_plugins_count_as_requested(tmp_path):
    (tmp_path / "fedora.repo").write_text("[fedora]\n")
    (tmp_path / "_copr:x.repo").write_text("no ini file [\n")
    (tmp_path / "_copr:h:group_g:p.repo").write_text("[copr:h:group_g:p]\nenabled = 0\n[coprdep:x]\n")
    files = enabled.Folder(str(tmp_path)).read()
    assert list(files) == ["copr:h:group_g:p"]
    file = files["copr:h:group_g:p"]
    assert (file.enabled, file.requested, file.project) == (False, True, ("h", "@g", "p"))
    assert file.sections == ("copr:h:group_g:p", "coprdep:x")


def test_a_folder_that_does_not_exist_has_no_files_and_is_made_by_the_first_change(tmp_path):
    folder = enabled.Folder(str(tmp_path / "a" / "b"))
    assert folder.read() == {}
    folder.change({"_copr:h:o:p.repo": repo("copr:h:o:p")})
    assert list(folder.read()) == ["copr:h:o:p"]
    assert os.stat(tmp_path / "a" / "b" / "_copr:h:o:p.repo").st_mode & 0o777 == 0o644


def test_all_files_are_changed_together(tmp_path):
    folder = folder_of(tmp_path, repo("copr:h:o:old"), repo("copr:h:o:gone"))
    folder.change({"_copr:h:o:old.repo": "[new]\n", "_copr:h:o:b.repo": "[b]\n"}, ["_copr:h:o:gone.repo", "_copr:h:o:never.repo"])
    assert names(tmp_path) == ["_copr:h:o:b.repo", "_copr:h:o:old.repo"]
    assert (tmp_path / "_copr:h:o:old.repo").read_text() == "[new]\n"


@pytest.mark.parametrize("interruption", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_takes_everything_back(tmp_path, monkeypatch, interruption):
    folder = folder_of(tmp_path, repo("copr:h:o:a"), repo("copr:h:o:b"))
    before = {name: (tmp_path / name).read_text() for name in names(tmp_path)}
    replace, calls = os.replace, []

    def failing(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise interruption
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises((enabled.FileError, KeyboardInterrupt)):
        folder.change({"_copr:h:o:a.repo": "1", "_copr:h:o:new.repo": "2", "_copr:h:o:z.repo": "3"}, ["_copr:h:o:b.repo"])
    assert {name: (tmp_path / name).read_text() for name in names(tmp_path)} == before


def test_a_folder_that_cannot_be_written_is_an_error_and_stays_as_it_is(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(enabled.FileError, match="nothing was changed"):
        enabled.Folder(str(tmp_path / "file" / "yum.repos.d")).change({"_copr:h:o:a.repo": "x"})
    read_only = "/proc/self/fdinfo"
    if os.path.isdir(read_only):
        with pytest.raises(enabled.FileError, match="nothing was changed"):
            enabled.Folder(read_only).change({"_copr:h:o:a.repo": "x"})


@pytest.mark.parametrize("name", ["../x.repo", "a/b.repo", "x.conf", "", "a" * 300 + ".repo", "a\0.repo"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    with pytest.raises(enabled.FileError):
        enabled.Folder(str(tmp_path)).change({name: "x"})
    assert names(tmp_path) == []


def test_disabling_changes_every_section_and_nothing_else():
    text = "# copr-requested: yes\n[a]\nname=x\nenabled = 1\ngpgcheck=1\n[b]\nname=y\n[c]\nENABLED=1\nenabled=1\n"
    assert editing.disabled(text) == (
        "# copr-requested: yes\n[a]\nname=x\nenabled=0\ngpgcheck=1\n[b]\nname=y\nenabled=0\n[c]\nenabled=0\n"
    )
    assert "enabled_metadata=1" in editing.disabled("[a]\nenabled_metadata=1\nenabled=1\n")


def only_by(path, repo_id, among_enabled=False):
    files = enabled.Folder(str(path)).read()
    return [file.repo_id for file in enabled.needed_only_by(files, repo_id, among_enabled=among_enabled)]


def test_what_two_projects_share_stays_until_both_are_gone(tmp_path):
    shared = repo("copr:h:o:shared", "coprdep:deep", "no")
    folder_of(tmp_path, repo("copr:h:o:a", "copr:h:o:shared"), repo("copr:h:o:b", "copr:h:o:shared"), shared)
    folder_of(tmp_path, repo("coprdep:deep", requested="no"))
    assert only_by(tmp_path, "copr:h:o:a") == []
    (tmp_path / "_copr:h:o:b.repo").unlink()
    assert only_by(tmp_path, "copr:h:o:a") == ["copr:h:o:shared", "coprdep:deep"]


def test_a_disabled_project_keeps_files_but_does_not_keep_them_enabled(tmp_path):
    folder_of(tmp_path, repo("copr:h:o:a", "copr:h:o:s"), repo("copr:h:o:b", "copr:h:o:s", on=0), repo("copr:h:o:s", requested="no"))
    assert only_by(tmp_path, "copr:h:o:a") == []
    assert only_by(tmp_path, "copr:h:o:a", among_enabled=True) == ["copr:h:o:s"]


def test_what_the_user_asked_for_by_name_is_never_taken_along_and_cycles_end(tmp_path):
    folder_of(tmp_path, repo("copr:h:o:a", "copr:h:o:s copr:h:o:t"), repo("copr:h:o:s"), repo("copr:h:o:t", "copr:h:o:a", "no"))
    assert only_by(tmp_path, "copr:h:o:a") == ["copr:h:o:t"]
