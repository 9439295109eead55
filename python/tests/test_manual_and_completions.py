"""The manual page, rendered; and the completions of `dnf copr`, in real shells."""

import os
import pty
import re
import select
import shutil
import subprocess

import pytest
from copr_repo import arguments, completions, manual, plain

ALL = [known.name for known in arguments.SUBCOMMANDS]


class TestManual:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "dnf-copr.8"
        path.write_text(manual.page())
        return path

    def rendered(self, path):
        environment = {**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8", "MANROFFOPT": "-c", "PAGER": "cat"}
        done = subprocess.run(
            ["man", "--warnings=w", "--encoding=UTF-8", "--local-file", path], capture_output=True, text=True, env=environment
        )
        assert (done.returncode, done.stderr) == (0, "")
        return re.sub(".\x08", "", done.stdout).replace("\u2010", "-")

    def test_it_has_every_subcommand_and_every_option(self, path):
        text = self.rendered(path)
        assert text.startswith("DNF-COPR(8)")
        for known in arguments.SUBCOMMANDS:
            assert re.search(rf"^ +{known.name} {re.escape(known.arguments)}".rstrip() + r"( |$)", text, re.M), known
        for option in (*arguments.OPTIONS, *plain.OPTIONS):
            assert re.search(rf"^ +({option.short}, )?{option.name}\b", text, re.M), option
            assert option.summary in text

    def test_what_roff_would_take_for_a_request_is_text(self):
        assert manual._escaped(".TH \\x 'y -z") == "\\&.TH \\ex 'y \\-z"


@pytest.fixture
def root(tmp_path):
    """An installroot with two hubs, two projects and an external repository."""
    root = tmp_path / "root"
    repositories, plugins = root / "etc" / "yum.repos.d", root / "etc" / "dnf" / "plugins"
    repositories.mkdir(parents=True)
    (plugins / "copr.d").mkdir(parents=True)
    (plugins / "copr.conf").write_text("[main]\nenabled = 1\n[fedora]\nhostname = copr.fedorainfracloud.org\n")
    (plugins / "copr.d" / "ours.conf").write_text("[ours]\nhostname = copr.example.org\n")
    for name in ("copr:copr.fedorainfracloud.org:bob:app", "copr:copr.example.org:group_g:libs:pr:1", "coprdep:https_x_example"):
        (repositories / f"_{name}.repo").write_text(f"# copr-requested: yes\n[{name}]\nname=x\nenabled=1\n")
    (repositories / "other.repo").write_text("[other]\n")
    return root


PROJECTS = ["bob/app", "copr.example.org/@g/libs:pr:1", "copr.fedorainfracloud.org/bob/app"]
REPOSITORIES = ["copr:copr.example.org:group_g:libs:pr:1", "copr:copr.fedorainfracloud.org:bob:app", "coprdep:https_x_example"]


def lines_to_complete(root):
    """What stands before the cursor, and the words that a shell is to offer."""
    installroot = f"--installroot={root}"
    return [
        ("dnf copr ", ALL),
        ("dnf copr re", ["refresh", "remove"]),
        ("dnf copr enable --", ["--hub", "--no-deps", "--only-for"]),
        ("dnf -y copr list --av", ["--available-by-user"]),
        (f"dnf {installroot} copr disable ", PROJECTS),
        (f"dnf {installroot} copr tree b", ["bob/app"]),
        (f"dnf {installroot} copr why ", REPOSITORIES),
        (f"dnf {installroot} copr enable ", ["fedora/", "ours/"]),
        (f"dnf {installroot} copr search --hub ", ["fedora", "ours"]),
    ]


class TestBash:
    SCRIPT = """\
source /usr/share/bash-completion/bash_completion
source "$1"
[[ $(complete -p dnf) == *_dnf_copr* ]] || exit 9
COMP_LINE=$2 COMP_POINT=${#2}
# As readline cuts it.
COMP_WORDS=($(sed 's/[:=]/ & /g' <<<"$2"))
[[ $2 != *' ' ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_dnf_copr dnf "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""

    @pytest.fixture
    def complete(self, tmp_path):
        script = tmp_path / "dnf-copr.bash"
        script.write_text(completions.bash())

        def complete(line):
            done = subprocess.run(["bash", "-c", self.SCRIPT, "bash", script, line], capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stderr) == (0, "")
            return sorted(set(done.stdout.split()))

        return complete

    def test_dnf_copr_is_completed(self, complete, root):
        for line, words in lines_to_complete(root):
            assert complete(line) == sorted(words), line

    def test_a_word_with_colons_is_completed_behind_the_last_one(self, complete, root):
        assert complete(f"dnf --installroot={root} copr why copr:copr.e") == ["copr.example.org:group_g:libs:pr:1"]

    def test_other_commands_are_left_to_dnfs_own(self, complete):
        assert "userinstalled" in complete("dnf history ")
        assert "install" in complete("dnf insta")


class TestFish:
    def complete(self, tmp_path, line):
        conf = tmp_path / "config" / "fish" / "conf.d"
        conf.mkdir(parents=True, exist_ok=True)
        (conf / "dnf-copr.fish").write_text(completions.fish())
        environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_DATA_HOME": str(tmp_path / "data")}
        empty = tmp_path / "empty"
        empty.mkdir(exist_ok=True)
        done = subprocess.run(
            ["fish", "-c", 'complete -C "$argv[1]"', line], capture_output=True, text=True, timeout=60, env=environment, cwd=empty
        )
        assert (done.returncode, done.stderr) == (0, "")
        return sorted({word.partition("\t")[0] for word in done.stdout.splitlines()})

    def test_dnf_copr_is_completed(self, tmp_path, root):
        for line, words in lines_to_complete(root):
            # What fish says itself of `dnf check` and `dnf list` comes as well, because it looks for any such word.
            assert set(words) <= set(self.complete(tmp_path, line)), line
        assert self.complete(tmp_path, "dnf copr re") == ["refresh", "remove"]

    def test_other_commands_are_still_fishs_own(self, tmp_path):
        assert "userinstalled" in self.complete(tmp_path, "dnf history user")
        assert self.complete(tmp_path, "dnf cop") == ["copr"]


class Zsh:
    """A zsh that somebody types into."""

    def __init__(self, functions, folder):
        process, self.terminal = pty.fork()
        if process == 0:
            os.chdir(folder)
            os.environ.update(TERM="dumb", PS1="> ", COLUMNS="200", LINES="60")
            os.execvp("zsh", ["zsh", "-f"])
        self.process = process
        self.type("stty -echo cols 200 rows 60; unsetopt zle_bracketed_paste list_beep list_ambiguous; LISTMAX=1000\n")
        self.type(f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -D -u; echo re''ady\n")
        self.until("ready")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def until(self, *texts):
        """What was shown when all of these had been shown; fails when nothing more comes."""
        shown = ""
        while not all(text in shown for text in texts):
            ready, _, _ = select.select([self.terminal], [], [], 30)
            assert ready, f"zsh did not show {texts}: {shown!r}"
            shown += os.read(self.terminal, 65536).decode(errors="replace")
        return shown

    def complete(self, line, *texts):
        """Waits for texts that Tab behind a line is to bring."""
        self.type(line + "\t")
        self.until(*texts)
        # So that nothing of this is taken for what the next line brings.
        self.type("\x15echo do''ne\n")
        self.until("done")

    def stop(self):
        os.close(self.terminal)
        os.waitpid(self.process, 0)


class TestZsh:
    @pytest.fixture
    def zsh(self, tmp_path):
        functions, empty = tmp_path / "functions", tmp_path / "empty"
        functions.mkdir()
        empty.mkdir()
        (functions / "_dnf_copr").write_text(completions.zsh())
        zsh = Zsh(functions, empty)
        yield zsh
        zsh.stop()

    def test_dnf_copr_is_completed(self, zsh, root):
        for line, words in lines_to_complete(root):
            zsh.complete(line, *words)

    def test_what_is_the_only_possibility_is_put_in(self, zsh, root):
        zsh.complete(f"dnf --installroot={root} copr why coprd", "copr why coprdep:https_x_example ")

    def test_other_commands_are_left_to_dnfs_own(self, zsh):
        zsh.complete("dnf history user", "dnf history userinstalled ")
        zsh.complete("dnf cop", "dnf copr ")


@pytest.mark.parametrize("shell", completions.SHELLS)
def test_the_shell_reads_its_script_without_a_complaint(shell, tmp_path):
    assert shutil.which(shell), f"these tests need {shell}"
    path = tmp_path / "script"
    path.write_text(completions.SHELLS[shell]())
    assert subprocess.run([shell, "-n", path], capture_output=True).stderr == b""
