"""dnf 4's answers, many in one process: repositories are loaded once, and each request gets a new goal.

`dnf install` does the same: test_resolve_dnf.py compares some of the answers with those of the program.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import dnf
import dnf.exceptions

# What a request ends in when dnf refuses it: before solving (no such package), or in solving.
UNKNOWN, UNSOLVABLE = "unknown", "unsolvable"
# The settings that keep dnf from everything of this system; see also `options` for the program.
SETTINGS = {"reposdir": "/nonexistent", "pluginpath": "/nonexistent", "module_platform_id": "platform:el12"}
ARCH = "x86_64"


@dataclass(frozen=True)
class Repository:
    """A folder with `repodata`, under a name."""

    name: str
    folder: Path
    priority: int = 99
    cost: int = 1000


class Dnf:
    """dnf's solver over some repositories, with nothing installed."""

    def __init__(self, repositories, folder, arch=ARCH):
        logging.getLogger("dnf").setLevel(logging.CRITICAL)
        conf = dnf.conf.Conf()
        for name in ("cachedir", "logdir", "persistdir", "installroot"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            setattr(conf, name, str(folder / name))
        for name, value in SETTINGS.items():
            setattr(conf, name, value)
        conf.substitutions.update(arch=arch, basearch=arch, releasever="12")
        conf.gpgcheck = False
        self.base = dnf.Base(conf)
        for repository in repositories:
            added = self.base.repos.add_new_repo(
                repository.name,
                conf,
                baseurl=[Path(repository.folder).resolve().as_uri()],
                priority=repository.priority,
                cost=repository.cost,
                skip_if_unavailable=False,
            )
            added.enable()
        self.base.fill_sack(load_system_repo=False)

    def names(self):
        """The names of all packages that may be installed, in alphabetical order."""
        return sorted({package.name for package in self.base.sack.query().available() if package.arch != "src"})

    def install(self, specs, weak=True, best=False, debug=None):
        """What `dnf install SPEC...` would install: (NEVRA, repository) of each, in order; or why it refuses.
        `debug`: a folder for libsolv's test case."""
        self.base.reset(goal=True)
        self.base.conf.install_weak_deps = weak
        self.base.conf.best = best
        try:
            for spec in specs:
                self.base.install(spec)
        except dnf.exceptions.MarkingError:
            return UNKNOWN
        try:
            self.base.resolve()
        except dnf.exceptions.DepsolveError as error:
            self.problem = str(error)
            return UNSOLVABLE
        finally:
            if debug:
                self.base._goal.write_debugdata(str(debug))
        return sorted((nevra(item.pkg), item.pkg.reponame) for item in self.base.transaction)


def nevra(package):
    """name-[epoch:]version-release.arch, the epoch only if it is not 0."""
    return str(package)
