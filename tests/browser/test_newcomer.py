"""Somebody who looks for a program and finds it here: page by page to what dnf then does."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess

from hub import ROOT, minidistro

PLUGIN = pathlib.Path(os.environ.get("COPR_PLUGIN", ROOT / "target" / "plugin"))


class System:
    """A scratch root of the minidistro, and the machine's own dnf with the plugin of the tree."""

    def __init__(self, folder):
        self.folder, self.root = folder, folder / "root"
        self.hubs = folder / "pluginconf" / "copr.d"
        repositories, home = self.root / "etc" / "yum.repos.d", folder / "home"
        for made in [self.hubs, repositories, home]:
            made.mkdir(parents=True)
        (repositories / "minidistro.repo").write_text(
            f"[minidistro]\nname=minidistro\nbaseurl=file://{minidistro()}\ngpgcheck=0\nenabled=1\n"
        )
        (self.hubs.parent / "copr.conf").write_text("[main]\ndistribution = minidistro\nreleasever = 12\n")
        # Debian's rpm keeps its database in the home folder unless told otherwise.
        (home / ".rpmmacros").write_text("%_dbpath /var/lib/rpm\n")
        (folder / "dnf.conf").write_text("[main]\ngpgcheck=0\ninstall_weak_deps=0\n")
        assert (PLUGIN / "plugins" / "copr_repo").is_dir(), f"{PLUGIN} has no plugin: run `make plugin`"

    def run(self, command):
        """A command line as the page has it, here; `dnf` is told to leave the machine alone."""
        words = shlex.split(command)
        words = words[1:] if words[0] == "sudo" else words
        assert words[0] == "dnf", command
        dnf = shutil.which("dnf-3") or shutil.which("dnf")
        done = subprocess.run(
            [
                *([] if os.geteuid() == 0 else ["sudo"]), "env", f"HOME={self.folder / 'home'}", "LC_ALL=C.UTF-8", dnf, "-y",
                "--releasever=12", "--config", self.folder / "dnf.conf", f"--installroot={self.root}",
                f"--setopt=reposdir={self.root}/etc/yum.repos.d", f"--setopt=pluginpath={PLUGIN / 'plugins'}",
                f"--setopt=pluginconfpath={self.hubs.parent}", *words[1:],
            ],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done}"
        return done.stdout + done.stderr

    def program(self, *words):
        """What an installed program prints."""
        privileged = [] if os.geteuid() == 0 else ["sudo"]
        return subprocess.run([*privileged, "chroot", self.root, *words], check=True, capture_output=True, text=True).stdout

    def remove(self):
        """Root owns what dnf has made."""
        subprocess.run([*([] if os.geteuid() == 0 else ["sudo"]), "rm", "-rf", "--one-file-system", self.root], check=True)


def find(page, words):
    """Searches in the head of the page."""
    page.get_by_role("banner").get_by_role("searchbox").fill(words)
    page.get_by_role("banner").get_by_role("button", name="Search").click()


def enabled_as_the_page_says(page, folder):
    """Does all that a project's page asks for, word by word; gives the system where that was done."""
    system = System(folder)
    # Playwright shows what a person would see, so what is folded together is unfolded.
    page.get_by_text("Once for this server").click()
    where = page.get_by_text("Save this as").inner_text()
    file = re.search(r"/etc/dnf/plugins/copr\.d/(\S+\.conf)", where).group(1)
    (system.hubs / file).write_text(page.get_by_label("Plugin configuration").inner_text())
    system.run(page.get_by_label("Command that enables this project").inner_text())
    return system


def test_a_newcomer_finds_a_project_enables_it_and_has_the_program(visitor, page, built, tmp_path):
    visitor.goto("/")
    find(page, "app")
    page.get_by_role("link", name="bob/app").first.click()
    assert page.get_by_role("heading", level=1).inner_text() == "bob/app"
    assert "alice/libs" in page.get_by_label("Run-time dependencies").text_content()

    system = enabled_as_the_page_says(page, tmp_path)
    names = sorted(path.name for path in (system.root / "etc/yum.repos.d").iterdir())
    assert len(names) == 3 and any("alice" in name for name in names) and any("bob" in name for name in names), names
    system.run("dnf install app")
    assert "Hello, app, from libgreet" in system.program("/usr/bin/app")
    system.remove()


def test_the_repo_file_behind_the_link_is_one_that_dnf_reads(visitor, page, built, tmp_path):
    visitor.goto("/coprs/alice/libs/")
    address = page.get_by_role("link", name=".repo file for minidistro-12-x86_64").get_attribute("href")
    text = visitor.context.request.get(address).text()
    system = System(tmp_path)
    (system.root / "etc/yum.repos.d/libs.repo").write_text(text)
    assert "libgreet" in system.run(f"dnf repoquery --repo=copr:{built.host}:alice:libs libgreet")
    system.remove()


def test_the_button_copies_the_command(visitors, built):
    visitor = visitors(permissions=["clipboard-read", "clipboard-write"])
    page = visitor.goto("/coprs/bob/app/")
    command = page.get_by_label("Command that enables this project").inner_text()
    page.get_by_role("button", name=f"Copy: {command}").click()
    page.get_by_role("button", name=f"Copy: {command}").get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == command
