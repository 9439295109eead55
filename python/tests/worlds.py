"""A hub that is a dict, a folder of .repo files, and a user that is a list of answers."""

import json
import os

import pytest
from copr_repo import NotFound, Repository, enabled, enabling, hubs, leaving, looking, refreshing
from copr_repo.checking import check
from copr_repo.system import Project, System
from fakehub import project

RESULTS = "http://h:8080/results"
HUB = hubs.Hub("h", "http://h:8080")


def project_of(name):
    return Project(HUB, *name.split("/"))


class Frontend:
    def __init__(self, answer=True):
        self.answer, self.infos, self.notices, self.questions = answer, [], [], []

    def info(self, text):
        self.infos.append(text)

    def notice(self, text):
        self.notices.append(text)

    def confirm(self, question):
        self.questions.append(question)
        return self.answer


class Packages:
    """What is on the system; nothing by itself."""

    def __init__(self):
        self.known, self.failed, self.here = [], {}, []

    def repositories(self, fresh=()):
        self.fresh = set(fresh)
        return self.known, self.failed

    def installed(self, *, whole):
        priority = 1000 if whole else 99
        return Repository.of_packages("the installed system", self.here, priority=priority) if self.here else None


class World:
    """A hub, a folder and a user."""

    def __init__(self, path):
        self.path, self.answers, self.asked = path, {}, []
        self.frontend, self.config = Frontend(), hubs.Config({})
        self.packages = Packages()

    def has(self, name, *dependencies, **more):
        dirname = name.partition("/")[2]
        directories = {dirname, dirname.partition(":")[0]}
        self.answers[name] = project(RESULTS, dependencies, directories=directories, **more)

    def fetch_all(self, urls, *, most):
        return [self.fetch(url) for url in urls]

    def fetch(self, url):
        self.asked.append(url)
        name = "/".join(url.split("/rpmrepo/")[-1].split("/")[:2]) if "/rpmrepo/" in url else url
        answer = self.answers.get(name, NotFound(url))
        return answer if isinstance(answer, (bytes, Exception)) else json.dumps(answer).encode()

    def system(self, releases=("fedora-44",), **more):
        return System(self.config, enabled.Folder(str(self.path)), self, self.frontend, "x86_64", releases, **more)

    def enable(self, name="bob/app", releases=("fedora-44",), **more):
        enabling.enable(self.system(releases), project_of(name), **more)

    def disable(self, name, **more):
        leaving.disable(self.system(), project_of(name), **more)

    def remove(self, name, **more):
        leaving.remove(self.system(), project_of(name), **more)

    def refresh(self, name=None, releases=("fedora-44",), **more):
        return refreshing.refresh(self.system(releases), project_of(name) if name else None, **more)

    def files(self):
        return {name: (self.path / name).read_text() for name in sorted(os.listdir(self.path))}

    def write(self, name, text):
        (self.path / name).write_text(text)

    def edit(self, name, old, new):
        """What a user does with an editor."""
        text = (self.path / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def list(self, **which):
        return self.told(looking.list_installed, **which)

    def tree(self, name=None, **more):
        return self.told(looking.tree, project_of(name) if name else None, **more)

    def why(self, name, **more):
        return self.told(looking.why, name, **more)

    def check(self, releases=("fedora-44",)):
        """Whether all is well, and the findings."""
        self.frontend.infos.clear()
        well = check(self.system(releases, packages=self.packages))
        return well, [line for line in self.frontend.infos if "as long as there are errors" not in line]

    def told(self, command, *arguments, **more):
        """The lines that a command prints."""
        self.frontend.infos.clear()
        command(self.system(), *arguments, **more)
        return list(self.frontend.infos)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)
