"""refresh: what the hubs say now of the projects that are enabled, and the .repo files changed to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional, Union

from . import editing, enabled, facts
from ._native import Error, NotFound, Unreachable
from .chroots import distname, split_chroot
from .fetching import Download, Fetcher
from .frontend import CommandError
from .hubs import Hub, UsageError
from .looking import named_by_id, printable, shown, without_password
from .messages import _
from .plan import Impossible, Plan, resolve
from .system import Project, System

_LARGEST_REMEMBERED = 64 << 10
"""Bytes of an answer that is kept for the next who asks; larger ones are asked for again."""


@dataclass(frozen=True)
class Change:
    """What happens to one repository."""

    repo_id: str
    file: str
    kind: str
    """``added``, ``removed`` or ``changed``."""
    options: tuple[tuple[str, Optional[str], Optional[str]], ...] = ()
    """Name, old and new value of each option that changes."""
    needs: tuple[str, ...] = ()
    """Ids that it needs from now on."""
    needs_no_more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outlook:
    """What would have to be done so that the files are as the hubs say."""

    changes: Sequence[Change]
    write: Mapping[str, str]
    remove: Sequence[str]
    failed: Mapping[str, str]
    """Projects, by id, that stay as they are, and why."""
    warnings: Sequence[str]


def refresh(system: System, project: Optional[Project] = None, *, as_json: bool = False) -> bool:
    """Asks the hubs again for a project, or for all that are enabled; shows what has changed, asks, and applies it.

    Returns whether all hubs gave an answer; projects of which there is none stay as they are.
    """
    files = system.folder.read()
    roots = _roots(files, project)
    found = outlook(system, files, roots, all_orphans=project is None)
    if as_json:
        system.frontend.info(json.dumps(_for_programs(found), indent=2))
    else:
        for repo_id, why in found.failed.items():
            system.frontend.notice(
                _("Warning: {project} stays as it is: {why}").format(project=named_by_id(repo_id), why=why)
            )
        for line in _lines(found):
            system.frontend.info(line)
    if found.changes:
        if not system.frontend.confirm(_("Do you want to change these repositories?")):
            raise CommandError(_("Safe and good answer. Exiting."))
        system.folder.change(found.write, found.remove, since=files)
        if not as_json:
            system.frontend.info(_("Repositories successfully refreshed."))
    elif not as_json and not found.failed:
        system.frontend.info(_("Nothing has changed.") if roots else _("No project is enabled here."))
    return not found.failed


def outlook(
    system: System, files: Mapping[str, enabled.RepoFile], roots: Sequence[enabled.RepoFile], *, all_orphans: bool
) -> Outlook:
    """Asks the hubs of these projects and compares; with ``all_orphans`` all that nothing needs is to be removed."""
    fetcher = Remembering(system.fetcher)
    system = replace(system, fetcher=fetcher)
    offers: dict[str, list[str]] = {}
    failed: dict[str, str] = {}
    warnings: list[str] = []
    gone: set[str] = set()
    fetcher.ask([url_of(system, root) for root in roots])
    for root in roots:
        try:
            plan = _plan(system, files, root)
            texts = plan.files(files)
        except Error as error:
            why = error.reason if isinstance(error, Impossible) else str(error)
            failed[root.repo_id] = printable(why.partition("\n\n")[0].replace("\n", " "))
            continue
        warnings += [text for text in plan.warnings if text not in warnings]
        if root.ours or not _same_as_stock(root, texts):
            for name, text in texts.items():
                offers.setdefault(name, []).append(text)
            if root.name not in texts:
                # Of an old version of the stock plugin, whose names say less.
                gone.add(root.name)
    by_name = {file.name: file for file in files.values()}
    in_use = enabled.reachable(files, (repo_id for repo_id, file in files.items() if file.requested and file.enabled))
    own_files = {file.repo_id for name, offered in offers.items() for file in _parsed(name, offered[0])}
    changes: list[Change] = []
    write: dict[str, str] = {}
    for name, offered in sorted(offers.items()):
        before = by_name.get(name)
        if before is None:
            text = _new(offered[0], files, roots)
            write[name] = text
            changes += [Change(file.repo_id, name, "added") for file in _parsed(name, text)]
            continue
        turn_on = before.repo_id not in in_use
        merged = [editing.merged(before.text, text, elsewhere=own_files, turn_on=turn_on) for text in offered]
        compared = [(text, _compared(before, text)) for text in merged]
        # Two projects may have chosen different chroots of the same repository: what is there stays if one agrees.
        if all(change is not None for _text, change in compared):
            text, change = compared[0]
            if change is not None:
                changes.append(change)
                write[name] = text
    after = {file.repo_id: file for file in files.values() if file.name not in gone}
    after.update({file.repo_id: file for name, text in write.items() for file in _parsed(name, text)})
    of_roots = enabled.reachable(files, [root.repo_id for root in roots if root.repo_id not in failed])
    for orphan in enabled.orphans(after):
        if all_orphans or orphan.repo_id in of_roots:
            gone.add(orphan.name)
    changes = [change for change in changes if change.file not in gone]
    changes += [Change(by_name[name].repo_id, name, "removed") for name in sorted(gone)]
    write = {name: text for name, text in write.items() if name not in gone}
    return Outlook(changes, write, sorted(gone), failed, warnings)


def hub_of(system: System, file: enabled.RepoFile) -> Hub:
    """The hub of a project's file; raises ``UsageError``."""
    host = (file.project or ("",))[0]
    if file.hub_url is not None:
        hub = system.config.hub(file.hub_url)
        if hub.hostname == host:
            return hub
    return system.config.at(host)


def url_of(system: System, file: enabled.RepoFile) -> str:
    """Where the hub tells of a project; empty when the file does not say which."""
    try:
        hub, (releases, _arch, _explicit) = hub_of(system, file), chroots_of(system, file)
    except UsageError:
        return ""
    _host, owner, dirname = file.project or ("", "", "")
    return facts.url(hub.url, owner, dirname, releases[0] if releases else "")


def chroots_of(system: System, file: enabled.RepoFile) -> tuple[Sequence[str], str, bool]:
    """Releases, best first, and architecture that a project is enabled for, and whether the user has named them.

    What was guessed is guessed again, so that it follows an upgrade of the system. Raises ``UsageError``.
    """
    last = file.parts[0].baseurl.rstrip("/").rpartition("/")[2]
    if "$" not in last:
        release, arch = split_chroot(last)
        return [release], arch, True
    if file.ours and system.releases:
        return system.releases, system.arch, False
    # The stock plugin's files do not tell what was guessed: what stands in them holds.
    release = last.removesuffix("-$basearch")
    if "$" not in release:
        return [release], system.arch, False
    distribution = release.removesuffix("-$releasever")
    releases = [release for release in system.releases if distname(release) == distribution]
    return releases or ([split_chroot(file.chroot)[0]] if file.chroot else []), system.arch, False


class Remembering:
    """A fetcher that asks for nothing twice, so that all hubs can be asked at once before anybody needs the answer."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._known: dict[str, Union[bytes, NotFound, Unreachable]] = {}

    def ask(self, urls: Sequence[str]) -> None:
        """Asks for answers that will be needed, all at the same time."""
        self.fetch_all([url for url in dict.fromkeys(urls) if url], most=facts.LARGEST_ANSWER)

    def fetch_all(self, urls: Sequence[str], *, most: int) -> list[Union[bytes, NotFound, Unreachable]]:
        """See ``fetching.Fetcher``."""
        new = [url for url in dict.fromkeys(urls) if url not in self._known]
        got = dict(zip(new, self._fetcher.fetch_all(new, most=most))) if new else {}
        for url, answer in got.items():
            if not isinstance(answer, bytes) or len(answer) <= _LARGEST_REMEMBERED:
                self._known[url] = answer
        return [self._known[url] if url in self._known else got[url] for url in urls]

    def download(self, wanted: Sequence[Download]) -> list[Optional[Error]]:
        """See ``fetching.Fetcher``."""
        return self._fetcher.download(wanted)


def _roots(files: Mapping[str, enabled.RepoFile], project: Optional[Project]) -> list[enabled.RepoFile]:
    if project is None:
        return [file for _id, file in sorted(files.items()) if file.requested and file.enabled and file.project]
    file = enabled.find(files, project.hub.hostname, project.owner, project.dirname)
    if file is None or not file.enabled:
        raise CommandError(_("{project} is not enabled here.").format(project=project))
    return [file]


def _plan(system: System, files: Mapping[str, enabled.RepoFile], root: enabled.RepoFile) -> Plan:
    """What the hub says now, with the choice that the user made when he enabled the project."""
    releases, arch, explicit = chroots_of(system, root)
    _host, owner, dirname = root.project or ("", "", "")
    plan = resolve(system, Project(hub_of(system, root), owner, dirname), releases, arch, explicit, deps=root.takes_deps)
    if root.wanted:
        here = enabled.reachable(files, [root.repo_id]) | set(root.needs)
        plan.choose([link for link in plan.links if plan.id(link) in here], root.wanted)
    return plan


def _same_as_stock(root: enabled.RepoFile, texts: Mapping[str, str]) -> bool:
    """Whether a file of the stock plugin, which has all repositories in sections, still is what the hub says."""
    here = {editing.own_id(part.id): part.baseurl for part in root.parts if not enabled.is_multilib(part.id)}
    return here == {file.repo_id: file.parts[0].baseurl for name, text in texts.items() for file in _parsed(name, text)}


def _new(text: str, files: Mapping[str, enabled.RepoFile], roots: Sequence[enabled.RepoFile]) -> str:
    """A file that was not there: off where the user had turned off the same repository in a file of the stock plugin."""
    ids = {file.repo_id for file in _parsed("_copr.repo", text)}
    states = [part.enabled for root in roots for part in root.parts[1:] if editing.own_id(part.id) in ids]
    return editing.disabled(text) if states and not any(states) else text


def _parsed(name: str, text: str) -> list[enabled.RepoFile]:
    file = enabled.parse(name, text)
    return [file] if file else []


def _compared(before: enabled.RepoFile, text: str) -> Optional[Change]:
    """What a new text changes for dnf, or in what a project needs; other comment lines are no change."""
    (after,) = _parsed(before.name, text)
    options = tuple(
        (key if section == after.repo_id else f"[{section}] {key}", old, new)
        for section, key, old, new in editing.differences(before.text, text)
    )
    old_needs, new_needs = ({editing.own_id(need): need for need in file.needs} for file in (before, after))
    needs = tuple(need for own, need in new_needs.items() if own not in old_needs)
    no_more = tuple(need for own, need in old_needs.items() if own not in new_needs)
    if not options and not needs and not no_more:
        return None
    return Change(before.repo_id, before.name, "changed", options, needs, no_more)


def _lines(found: Outlook) -> list[str]:
    lines = [_("Warning: {text}.").format(text=printable(text)) for text in found.warnings] if found.changes else []
    signs = {"added": "+", "removed": "-", "changed": "~"}
    for change in found.changes:
        file = next(iter(_parsed(change.file, found.write.get(change.file, ""))), None)
        name = shown(file) if file else named_by_id(change.repo_id)
        if file and change.kind == "added":
            name += f"  {printable(file.parts[0].baseurl)}"
        lines.append(f"{signs[change.kind]} {name}")
        for key, old, new in change.options:
            none = _("(none)")
            lines.append(f"    {printable(key)}: {printable(old or none)} -> {printable(new or none)}")
        for text, needs in (
            (_("needs {repository}"), change.needs), (_("does not need {repository} any more"), change.needs_no_more)
        ):
            lines += ["    " + text.format(repository=named_by_id(need)) for need in needs]
    return lines


def _for_programs(found: Outlook) -> dict[str, object]:
    return {
        "changes": [
            {
                "id": change.repo_id,
                "file": change.file,
                "kind": change.kind,
                "options": {
                    key: {"old": old and without_password(old), "new": new and without_password(new)}
                    for key, old, new in change.options
                },
                "needs": list(change.needs),
                "needs_no_more": list(change.needs_no_more),
            }
            for change in found.changes
        ],
        "failed": dict(found.failed),
        "warnings": list(found.warnings),
    }
