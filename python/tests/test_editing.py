"""Texts of .repo files changed with what the user wrote in them."""

import pytest
from copr_repo import editing, enabled

OLD = """\
# Written by dnf copr. Do not edit the lines that begin with "copr-".
# copr-requested: yes
# copr-needs: copr:h:o:gone
# this is mine

[copr:h:o:a]
# why I did it
name = my name
baseurl=http://old/
gpgkey=http://old/key
gpgcheck=1
exclude=a*
  b*

enabled=0
priority=7
[mine]
baseurl=http://mine/
"""
NEW = """\
# Written by dnf copr. Do not edit the lines that begin with "copr-".
# copr-requested: yes
# copr-needs: copr:h:o:b
[copr:h:o:a]
name=x
baseurl=http://new/
gpgcheck=1
gpgkey=http://old/key
enabled=1
cost=5
"""


def test_the_project_decides_where_packages_are_and_the_user_all_else():
    assert editing.merged(OLD, NEW) == """\
# Written by dnf copr. Do not edit the lines that begin with "copr-".
# copr-requested: yes
# copr-needs: copr:h:o:b
# this is mine
[copr:h:o:a]
# why I did it
name = my name
baseurl=http://new/
gpgkey=http://old/key
gpgcheck=1
exclude=a*
  b*

enabled=0
priority=7
cost=5
[mine]
baseurl=http://mine/
"""


def test_merging_again_changes_nothing_and_turning_on_changes_one_line():
    once = editing.merged(OLD, NEW)
    assert editing.merged(once, NEW) == once
    assert editing.merged(once, NEW, turn_on=True) == once.replace("enabled=0", "enabled=1")
    assert editing.merged(NEW, NEW) == NEW


def test_a_key_that_the_project_has_no_more_goes():
    unsigned = NEW.replace("gpgcheck=1\ngpgkey=http://old/key\n", "gpgcheck=0\n")
    assert "gpgkey" not in editing.merged(OLD, unsigned) and "gpgcheck=0\n" in editing.merged(OLD, unsigned)


def test_sections_that_have_a_file_of_their_own_go():
    old = NEW + "[coprdep:h:o:b]\nbaseurl=http://b/\n[mine]\nbaseurl=http://mine/\n[copr:h:o:a:ml]\ncost=1100\n"
    assert editing.merged(old, NEW, elsewhere={"copr:h:o:b"}) == NEW + "[mine]\nbaseurl=http://mine/\n"


def test_differences_are_what_dnf_sees():
    assert editing.differences(OLD, editing.merged(OLD, NEW)) == [
        ("copr:h:o:a", "baseurl", "http://old/", "http://new/"), ("copr:h:o:a", "cost", None, "5"),
    ]
    assert editing.differences("[a]\nx = 1\n", "# comment\n[a]\nx=1\n") == []


def test_disabling_keeps_continued_lines_comments_and_strange_lines():
    text = "[a]\nenabled = 1\n  2\n; enabled=1\n enabled=1\nstrange line\n\n[b]\nbaseurl=x\n\n# end\n"
    assert editing.disabled(text) == (
        "[a]\nenabled=0\n; enabled=1\n enabled=1\nstrange line\n\n[b]\nbaseurl=x\nenabled=0\n\n# end\n"
    )


def test_a_file_without_a_last_newline_or_with_carriage_returns_is_read_and_written():
    assert editing.disabled("[a]\r\nenabled=1") == "[a]\nenabled=0\n"
    assert editing.disabled("") == ""


@pytest.mark.parametrize("line", [" " * 500_000 + "x", "#" + " " * 500_000 + "x", "a" * 500_000, "[" * 500_000, ":" * 500_000])
def test_long_lines_take_no_long_time_and_are_kept(line):
    text = f"# copr-requested: no\n[copr:h:o:a]\nname=x\n{line}\nenabled=1\n"
    file = enabled.parse("_copr:h:o:a.repo", text)
    assert file is not None and file.enabled and not file.requested
    assert line in editing.disabled(text)


def test_bytes_that_are_no_text_are_kept(tmp_path):
    (tmp_path / "_copr:h:o:a.repo").write_bytes(b"[copr:h:o:a]\n# caf\xe9\nenabled=1\n")
    folder = enabled.Folder(str(tmp_path))
    (file,) = folder.read().values()
    folder.change({file.name: editing.disabled(file.text)})
    assert (tmp_path / "_copr:h:o:a.repo").read_bytes() == b"[copr:h:o:a]\n# caf\xe9\nenabled=0\n"
