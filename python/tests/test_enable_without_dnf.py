"""`python -m copr_repo.enable` where no dnf can be imported, beside the plugin under real dnf."""

import os
import pty
import signal
import subprocess
import sys

import pytest
from fakehub import PLUGIN

HOST = "127.0.0.1"
BLOCK = """\
import sys
class NoDnf:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("dnf", "libdnf", "libdnf5", "hawkey"):
            raise ImportError(f"{name} is not here")
sys.meta_path.insert(0, NoDnf())
"""


class Plain:
    """The program in a scratch installroot with the configuration of the tests' dnf."""

    def __init__(self, path, dnf):
        (path / "blocked").mkdir()
        (path / "blocked" / "sitecustomize.py").write_text(BLOCK)
        self.root = path / "plain-root"
        self.reposdir = self.root / "etc" / "yum.repos.d"
        self.reposdir.mkdir(parents=True)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "PYTHONPATH": f"{path / 'blocked'}:{PLUGIN / 'plugins'}", "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8",
        }
        self._options = [f"--installroot={self.root}", f"--config-dir={dnf.conf}", "--arch=x86_64"]

    def command(self, *arguments, module="copr_repo.enable"):
        return [sys.executable, "-m", module, *self._options, *arguments]

    def __call__(self, *arguments, stdin="", **more):
        return subprocess.run(
            self.command(*arguments, **more), input=stdin, capture_output=True, text=True, timeout=60, env=self.environment
        )

    def files(self):
        return {path.name: path.read_text() for path in sorted(self.reposdir.iterdir())}


@pytest.fixture
def plain(tmp_path, dnf):
    return Plain(tmp_path, dnf)


@pytest.fixture
def named(hub, dnf):
    """The hub under the short name `ours`."""
    port = hub.url.rpartition(":")[2]
    (dnf.conf / "copr.d" / "ours.conf").write_text(f"[ours]\nhostname = {HOST}\nprotocol = http\nport = {port}\n")
    hub.has("bob/app", ["alice/libs", "http://127.0.0.1:1/$distname/$chroot/"])
    hub.has("alice/libs", ["@g/base:pr:1"], gpgcheck=False)
    hub.has("@g/base:pr:1")
    return hub


def test_dnf_is_really_not_there(plain):
    code = "import copr_repo.enable\ntry:\n import dnf\nexcept ImportError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=plain.environment)
    assert done.stdout == "dnf is not here\n", done


@pytest.mark.parametrize("arguments", [["ours/bob/app"], ["ours/bob/app", "epel-9-x86_64"], ["--hub=ours", "alice/libs"]])
def test_the_files_are_those_that_the_plugin_writes_under_dnf(plain, dnf, named, arguments):
    for root in (plain.root, dnf.root):
        (root / "etc" / "os-release").write_text("ID=fedora\nVERSION_ID=44\n")
    by_dnf = dnf("-y", "copr", "enable", *arguments)
    asked = list(named.asked)
    by_us = plain("-y", *arguments)
    assert by_dnf.returncode == by_us.returncode == 0, (by_dnf, by_us)
    assert plain.files() and plain.files() == dnf.files()
    assert sorted(named.asked[len(asked):]) == sorted(asked)
    assert by_us.stdout == "Repository successfully enabled.\n"


def test_the_user_is_asked_and_no_is_the_safe_answer(plain, named):
    command = ("ours/bob/app", "fedora-44-x86_64")
    for answer in [plain(*command, stdin="n\n"), plain(*command, stdin="what\n"), plain(*command), plain("--assumeno", *command)]:
        assert answer.returncode == 1
        assert answer.stderr.endswith("Error: Safe and good answer. Exiting.\n")
        assert plain.files() == {}
    yes = plain(*command, stdin="what\nyes\n")
    assert yes.returncode == 0, yes
    assert yes.stdout.count(f"Do you really want to enable {HOST}/bob/app? [y/N]: ") == 2
    assert len(plain.files()) == 4


def test_what_cannot_be_enabled_says_why_and_writes_nothing(plain, named):
    named.answers["bob/down"] = 500
    for arguments, message in [
        (["ours/bob/none", "fedora-44-x86_64"], "Project bob/none does not exist."),
        (["ours/bob/app", "mageia-9-x86_64"], "Available repositories: 'epel-9-x86_64', 'fedora-44-x86_64'"),
        (["ours/bob/down", "fedora-44-x86_64"], "status 500"),
        (["app"], "use format"),
        (["http://user:secret@h/bob/app"], "password"),
        (["--arch=z80", "ours/bob/app"], "'z80' is no architecture"),
    ]:
        done = plain("-y", *arguments)
        assert done.returncode == 1
        assert message in done.stderr and "Traceback" not in done.stderr and "secret" not in done.stderr
        assert plain.files() == {}


def test_the_release_may_be_another_and_the_folder_too(plain, named, tmp_path):
    (plain.root / "etc" / "os-release").write_text("ID=rocky\nVERSION_ID=8.9\nID_LIKE='rhel centos fedora'\n")
    assert plain("-y", "ours/bob/app").returncode == 1
    folder = tmp_path / "elsewhere"
    done = plain("-y", "ours/bob/app", "--releasever=9.2", f"--reposdir={folder}")
    assert done.returncode == 0, done
    assert plain.files() == {}
    assert "/bob/app/epel-9-$basearch/" in (folder / f"_copr:{HOST}:bob:app.repo").read_text()


def test_a_user_who_may_not_write_the_folder_is_told_before_any_question(plain, named):
    # Root may write everything; so the program gives up root first.
    plain.root.chmod(0o755)
    for folder in [plain.root, *plain.root.parents]:
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *plain.command("ours/bob/app", "fedora-44-x86_64")],
        capture_output=True, text=True, env=plain.environment, stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr) == (1, "Error: This command has to be run under the root user.\n")
    assert named.asked == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_question_ends_it_with_nothing_written(plain, named, number):
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        plain.command("ours/bob/app", "fedora-44-x86_64"), stdin=terminal, stdout=terminal, stderr=subprocess.PIPE,
        text=True, env=plain.environment,
    )
    os.close(terminal)
    shown = b""
    while b"[y/N]: " not in shown:
        shown += os.read(controller, 1000)
    for _ in range(5):
        process.send_signal(number)
        try:
            _, told = process.communicate(timeout=10)
            break
        except subprocess.TimeoutExpired:
            # It came after the question, but before Python waited for the answer: then it is seen after that.
            continue
    os.close(controller)
    assert process.returncode == 1
    assert told.endswith("Terminated.\n") and "Traceback" not in told
    assert plain.files() == {}


def test_proxy_and_other_settings_of_dnf_hold(plain, named):
    (plain.root / "etc" / "dnf").mkdir()
    (plain.root / "etc" / "dnf" / "dnf.conf").write_text("[main]\nproxy=http://127.0.0.1:1\nretries=1\n")
    done = plain("-y", "ours/bob/app", "fedora-44-x86_64")
    assert done.returncode == 1 and "Connection refused" in done.stderr
    assert named.asked == []
    (plain.root / "etc" / "dnf" / "dnf.conf").write_text("[main]\nassumeyes=1\nuser_agent=mine\nreposdir=/etc/other.d\n")
    done = plain("ours/bob/app", "fedora-44-x86_64")
    assert done.returncode == 0, done
    assert len(os.listdir(plain.root / "etc" / "other.d")) == 4


def test_all_commands_but_install_work_without_dnf(plain, named):
    def run(*arguments, **more):
        done = plain(*arguments, module="copr_repo", **more)
        assert "Traceback" not in done.stderr
        return done

    assert run("-y", "enable", "--hub", "ours", "bob/app", "fedora-44-x86_64").returncode == 0
    named.answers["/api_3/project/search?query=ap"] = {"items": [{"full_name": "bob/app", "description": "An app."}]}
    assert run("search", "--hub=ours", "ap").stdout.endswith("bob/app : An app.\n")
    assert f"{HOST}/bob/app\n" in run("list").stdout
    assert f"{HOST}/@g/base:pr:1" in run("tree", "ours/bob/app").stdout
    assert f"{HOST}/bob/app" in run("why", f"copr:{HOST}:alice:libs").stdout
    assert run("debug", "--json").stdout.startswith("{")
    named.has("alice/libs")
    assert run("check").returncode == 1
    assert run("-y", "refresh").returncode == 0
    assert f"_copr:{HOST}:group_g:base:pr:1.repo" not in plain.files()
    assert run("disable", "ours/bob/app", stdin="n\n").returncode == 0
    assert run("-y", "remove", "ours/bob/app").returncode == 0
    assert plain.files() == {}
    assert run("remove", "ours/bob/app").returncode == 1
    assert "enable [hub/]owner/project [chroot]" in run("help").stdout
    assert run("install", "ours/bob/app", "app").returncode == 2


def test_the_manual_page_and_the_completions_are_printed(plain, tmp_path):
    page = plain("man", module="copr_repo").stdout
    assert ".TH DNF" in page
    assert plain("man", str(tmp_path / "man8"), module="copr_repo").returncode == 0
    assert (tmp_path / "man8" / "dnf-copr.8").read_text() == page
    assert "#compdef dnf" in plain("completions", "zsh", module="copr_repo").stdout
    for wrong in ([], ["tcsh"], ["bash", "zsh"]):
        done = plain("completions", *wrong, module="copr_repo")
        assert (done.returncode, done.stdout) == (1, "") and "bash, zsh, fish" in done.stderr


def test_output_that_nobody_reads_is_no_traceback(plain):
    process = subprocess.Popen(
        plain.command("man", module="copr_repo"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=plain.environment
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(60) == 1
