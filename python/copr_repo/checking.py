"""check: what does not work, or not any more, in the enabled projects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Union

from . import enabled, facts, keys, refreshing
from ._native import Error, NotFound, Pool, ProjectRef, Unreachable, Unsatisfied
from .looking import named_by_id, printable, shown, without_password
from .messages import _
from .refreshing import Remembering, chroots_of, hub_of, url_of
from .system import System

ERROR, WARNING, NOTE = "error", "warning", "note"
_MOST_NAMED = 5
"""Names in one line."""
_SIGNS = {ERROR: "E", WARNING: "W", NOTE: "-"}


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    severity: str
    """``error``: dnf will fail or miss packages; ``warning``: to be looked after; ``note``: not checked, or meant so."""
    subject: str
    what: str
    advice: str = ""
    """What to do; empty where there is nothing to be done."""


def check(system: System, *, as_json: bool = False) -> bool:
    """Reports on all that is enabled here; returns whether all is well. Nothing is changed."""
    files: dict[str, enabled.RepoFile] = {}
    found: list[Finding] = []
    for file in system.folder.scan():
        if isinstance(file, enabled.FileError):
            found.append(Finding(ERROR, system.folder.path, str(file), _("make it readable, or remove it")))
        elif file.repo_id in files:
            what = _("it has the same repository as {file}").format(file=files[file.repo_id].name)
            found.append(Finding(WARNING, file.name, what, _("remove one of them")))
        else:
            files[file.repo_id] = file
    found += _hubs(system, files)
    found += _files(files)
    found += _keys(system, files)
    found += _packages(system, files, broken=any(finding.severity == ERROR for finding in found))
    well = all(finding.severity == NOTE for finding in found)
    if as_json:
        system.frontend.info(json.dumps({"ok": well, "findings": [asdict(finding) for finding in found]}, indent=2))
        return well
    for finding in sorted(found, key=lambda finding: list(_SIGNS).index(finding.severity)):
        line = f"{_SIGNS[finding.severity]} {printable(finding.subject)}: {printable(finding.what)}"
        system.frontend.info(line + (f"; {finding.advice}" if finding.advice else ""))
    if well:
        count = sum(file.enabled and file.project is not None for file in files.values())
        system.frontend.info(_("Enabled projects: {count}; all is well.").format(count=count))
    return well


def _hubs(system: System, files: Mapping[str, enabled.RepoFile]) -> Iterator[Finding]:
    """What the hubs say of the projects, and what they say that these need."""
    projects = [file for _id, file in sorted(files.items()) if file.enabled and file.project]
    fetcher = Remembering(system.fetcher)
    asking = replace(system, fetcher=fetcher)
    asked = [(file, url) for file in projects for url in [url_of(system, file)]]
    for file, url in asked:
        if not url:
            yield Finding(ERROR, shown(file), _("its file does not tell hub and chroot"), _enable_again(file))
    asked = [(file, url) for file, url in asked if url]
    answers = fetcher.fetch_all([url for _file, url in asked], most=facts.LARGEST_ANSWER)
    gone = [file for (file, _url), answer in zip(asked, answers) if isinstance(answer, NotFound)]
    old = [file for file in gone if _has_repo_file(asking, file)]
    alive: list[enabled.RepoFile] = []
    moved: set[str] = set()
    silent: dict[str, list[tuple[enabled.RepoFile, str]]] = {}
    answering: set[str] = set()
    for (file, _url), answer in zip(asked, answers):
        hub = hub_of(system, file).url
        if file in old:
            yield Finding(NOTE, shown(file), _("its hub is too old to tell what it needs"))
            continue
        said = _said(file, answer)
        if isinstance(said, Unreachable):
            silent.setdefault(hub, []).append((file, str(said)))
            continue
        answering.add(hub)
        found = list(_project(system, file, said))
        yield from found
        if not any(finding.severity == ERROR for finding in found):
            alive.append(file)
        if found:
            moved.add(file.repo_id)
    for hub, failures in silent.items():
        if hub in answering:
            for file, why in failures:
                yield Finding(ERROR, shown(file), why, _("try again later"))
        else:
            names = ", ".join(shown(file) for file, _why in failures[:_MOST_NAMED]) + (", ..." if len(failures) > _MOST_NAMED else "")
            advice = _("try again later; if it is gone for good, remove its projects: {projects}").format(projects=names)
            yield Finding(ERROR, hub, failures[0][1], advice)
    unheard = {file.repo_id for failures in silent.values() for file, _why in failures}
    roots = [file for file in alive if file.requested and not enabled.reachable(files, [file.repo_id]) & unheard]
    yield from _chains(asking, files, roots, moved)


def _has_repo_file(system: System, file: enabled.RepoFile) -> bool:
    """Whether a hub that does not know /api_3/rpmrepo has the project nevertheless."""
    _host, owner, dirname = file.project or ("", "", "")
    releases, arch, _explicit = chroots_of(system, file)
    urls = [facts.repo_file_url(hub_of(system, file).url, owner, dirname, release, arch) for release in releases]
    return any(isinstance(answer, bytes) for answer in system.fetcher.fetch_all(urls, most=facts.LARGEST_ANSWER))


def _said(file: enabled.RepoFile, answer: Union[bytes, NotFound, Unreachable]) -> Union[facts.Facts, NotFound, Unreachable]:
    if isinstance(answer, Error):
        return answer
    host, owner, dirname = file.project or ("", "", "")
    try:
        found = facts.parse(ProjectRef(host, owner, dirname), answer)
    except Unreachable as error:
        return error
    return found if dirname in found.directories else NotFound(dirname)


def _project(
    system: System, file: enabled.RepoFile, said: Union[facts.Facts, NotFound]
) -> Iterator[Finding]:
    _host, owner, dirname = file.project or ("", "", "")
    if isinstance(said, NotFound):
        advice = _("`dnf copr remove {project}`").format(project=shown(file)) if file.requested else _refresh()
        yield Finding(ERROR, shown(file), _("the hub has no such project (any more)"), advice)
        return
    releases, arch, _explicit = chroots_of(system, file)
    wanted = [f"{release}-{arch}" for release in releases]
    if wanted and not any(chroot in said.chroots for chroot in wanted):
        offered = ", ".join(sorted(said.chroots)[:20]) or _("none")
        yield Finding(
            ERROR, shown(file), _("it has no repository for {chroot} (any more)").format(chroot=wanted[0]),
            _("disable it, or enable it for one of these: {chroots}").format(chroots=offered),
        )
    elif not file.parts[0].baseurl.startswith(f"{said.results_url}/{owner}/{dirname}/"):
        yield Finding(
            WARNING, shown(file), _("its packages are at {url} now").format(url=said.results_url), _refresh()
        )


def _chains(
    system: System, files: Mapping[str, enabled.RepoFile], roots: Sequence[enabled.RepoFile], known: set[str]
) -> Iterator[Finding]:
    """What the projects need by now. What was told of a repository (``known``) is not told twice."""
    found = refreshing.outlook(system, files, roots, all_orphans=False)
    for repo_id, why in found.failed.items():
        yield Finding(ERROR, named_by_id(repo_id), why, _("try again later"))
    declared = {need for file in files.values() if file.enabled for need in file.needs}
    for change in found.changes:
        if change.repo_id in known or (change.kind == "added" and change.repo_id in declared):
            continue
        name = named_by_id(change.repo_id)
        if change.kind == "added":
            yield Finding(WARNING, name, _("an enabled project needs it by now, and it is not here"), _refresh())
        elif change.kind == "removed":
            yield Finding(WARNING, name, _("no enabled project needs it any more"), _refresh())
        elif change.options:
            names = ", ".join(name for name, _old, _new in change.options)
            yield Finding(WARNING, name, _("the hub says otherwise: {options}").format(options=names), _refresh())
        else:
            yield Finding(WARNING, name, _("it needs other repositories by now"), _refresh())


def _files(files: Mapping[str, enabled.RepoFile]) -> Iterator[Finding]:
    """What the files tell by themselves."""
    here = {section.id: section for file in files.values() for section in file.parts}
    told = set()
    for _id, file in sorted(files.items()):
        if not file.enabled:
            continue
        for need in file.needs:
            if need in told:
                continue
            if need not in here:
                told.add(need)
                what = _("{project} needs it, and it is not here").format(project=shown(file))
                yield Finding(ERROR, named_by_id(need), what, _refresh())
            elif not here[need].enabled:
                told.add(need)
                yield Finding(NOTE, named_by_id(need), _("{project} needs it, and it is disabled").format(project=shown(file)))
    lost = enabled.orphans(files)
    in_use = enabled.reachable(files, (repo_id for repo_id, file in files.items() if file.requested and file.enabled))
    for repo_id, file in sorted(files.items()):
        if file.enabled and repo_id not in in_use and file not in lost:
            advice = _("`dnf copr disable {project}`").format(project=shown(file)) if file.project else ""
            yield Finding(NOTE, shown(file), _("only disabled projects need it"), advice)
    for file in lost:
        yield Finding(WARNING, shown(file), _("nothing needs it any more"), _refresh())


def _keys(system: System, files: Mapping[str, enabled.RepoFile]) -> Iterator[Finding]:
    """Whether the keys can be had, and still are good."""
    users: dict[str, str] = {}
    for _id, file in sorted(files.items()):
        for section in file.parts:
            if not section.enabled or not section.signed:
                continue
            if not section.gpgkeys:
                yield Finding(WARNING, named_by_id(section.id), _("its packages are to be signed, but it names no key"))
            for url in section.gpgkeys:
                url = url.replace("$basearch", system.arch)
                if file.chroot and file.chroot.count("-") >= 2:
                    url = url.replace("$releasever", file.chroot.rsplit("-", 2)[1])
                users.setdefault(url, named_by_id(section.id))
    remote = [url for url in users if url.startswith(("http://", "https://")) and "$" not in url]
    answers = dict(zip(remote, system.fetcher.fetch_all(remote, most=keys.LARGEST_KEY))) if remote else {}
    for url, user in users.items():
        if url in answers:
            data = answers[url]
        elif url.startswith("file:///"):
            data = _local(url[len("file://"):])
        else:
            yield Finding(NOTE, user, _("key {url} cannot be checked from here").format(url=without_password(url)))
            continue
        if isinstance(data, Error):
            missing = isinstance(data, NotFound)
            what = _("key {url} does not exist") if missing else _("key {url} cannot be had")
            yield Finding(ERROR, user, what.format(url=without_password(url)), _refresh() if missing else _("try again later"))
            continue
        try:
            problem = keys.problem(data)
        except keys.CannotCheck as error:
            yield Finding(NOTE, user, _("keys are not checked: {why}").format(why=error))
            return
        if problem is not None:
            what = _("key {url} {problem}").format(url=without_password(url), problem=problem)
            yield Finding(ERROR, user, what, _("ask the owner of the project for a new key"))


def _local(path: str) -> Union[bytes, NotFound, Unreachable]:
    try:
        with open(path, "rb") as file:
            return file.read(keys.LARGEST_KEY)
    except FileNotFoundError:
        return NotFound(path)
    except OSError as error:
        return Unreachable(f"{path}: {error.strerror}")


def _packages(system: System, files: Mapping[str, enabled.RepoFile], *, broken: bool) -> Iterator[Finding]:
    """Whether the packages of the enabled repositories could be installed here."""
    ids = {section.id for file in files.values() for section in file.parts if section.enabled}
    if not ids:
        return
    subject = _("packages")
    if broken:
        yield Finding(NOTE, subject, _("what they need is not checked as long as there are errors"))
        return
    if system.packages is None:
        yield Finding(NOTE, subject, _("what they need is not checked: only `dnf copr check` knows the system's repositories"))
        return
    repositories, failed = system.packages.repositories(ids)
    for repo_id in sorted(ids & failed.keys()):
        yield Finding(ERROR, named_by_id(repo_id), failed[repo_id], _("try again later"))
    if failed:
        missing = ", ".join(named_by_id(repo_id) for repo_id in sorted(failed)[:_MOST_NAMED])
        what = _("what they need is not checked without the metadata of {repositories}").format(repositories=missing)
        yield Finding(NOTE, subject, what, _("`dnf makecache`"))
        return
    here = sorted(ids & {repository.id for repository in repositories})
    installed = system.packages.installed(whole=True)
    try:
        unsatisfied = Pool(system.arch, [*repositories, *([installed] if installed else [])]).closure(here, newest=True)
    except Error as error:
        yield Finding(ERROR, subject, _("what they need cannot be checked: {why}").format(why=error))
        return
    by_repository: dict[str, list[Unsatisfied]] = {}
    for one in unsatisfied:
        by_repository.setdefault(one.package.repository, []).append(one)
    for repo_id, ones in sorted(by_repository.items()):
        names = "; ".join(
            _("{package} needs {requirements}").format(package=one.package, requirements=", ".join(one.requirements))
            for one in ones[:_MOST_NAMED]
        ) + ("; ..." if len(ones) > _MOST_NAMED else "")
        what = _("{count} of its packages cannot be installed here: {packages}").format(count=len(ones), packages=names)
        yield Finding(WARNING, named_by_id(repo_id), what, _("tell the owner of the project"))


def _enable_again(file: enabled.RepoFile) -> str:
    return _("`dnf copr enable {project}`").format(project=shown(file))


def _refresh() -> str:
    return _("`dnf copr refresh`")
