"""list, tree, why and search: what is enabled here, what needs what, and what a hub has."""

from __future__ import annotations

import contextlib
import json
import os
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from . import drawing, editing, enabled
from ._native import NotFound, Unreachable
from .facts import LARGEST_ANSWER
from .fetching import fetch
from .frontend import CommandError
from .hubs import Config, Hub, UsageError, parse_spec
from .messages import _
from .system import Project, System


def available_by_user(system: System, hub: Hub, owner: str) -> None:
    """Lists the projects of a user on a hub."""
    items = _items(system, hub, f"list?ownername={urllib.parse.quote(owner)}")
    system.frontend.info(_heading(_("List of {owner} coprs").format(owner=owner)))
    for item in items:
        system.frontend.info(_described(f"{owner}/{item.get('name')}", item))


def search(system: System, hub: Hub, words: str) -> None:
    """Lists the projects of a hub that match words."""
    items = _items(system, hub, f"search?query={urllib.parse.quote(words, safe='')}")
    system.frontend.info(_heading(_("Matched: {words}").format(words=words)))
    for item in items:
        system.frontend.info(_described(str(item.get("full_name")), item))


def _items(system: System, hub: Hub, query: str) -> list[dict[str, Any]]:
    try:
        answer = json.loads(fetch(system.fetcher, f"{hub.url}/api_3/project/{query}", most=LARGEST_ANSWER))
        return [dict(item) for item in answer["items"]]
    except NotFound as error:
        raise CommandError(_("{hub}: the hub knows no such user or cannot search.").format(hub=hub.hostname)) from error
    except (ValueError, KeyError, TypeError, RecursionError, Unreachable) as error:
        raise CommandError(_("Can't parse repositories of {hub}: {reason}").format(hub=hub.hostname, reason=error)) from error


def _heading(text: str) -> str:
    """A line as the stock plugin writes it above what a hub answers."""
    return f" {text} ".center(80, "=")


def list_installed(
    system: System, *, only_enabled: bool = False, only_disabled: bool = False, hub: Optional[Hub] = None,
    as_json: bool = False,
) -> None:
    """Lists the projects that have a .repo file here, of a hub or of all, as ``host/owner/dirname``."""
    files = system.folder.read()
    by_need: dict[str, list[enabled.RepoFile]] = {}
    for file in files.values():
        for need in file.needs:
            by_need.setdefault(need, []).append(file)
    items = []
    for _id, file in sorted(files.items()):
        project = file.project
        if project is None or (only_enabled and not file.enabled) or (only_disabled and file.enabled):
            continue
        if hub is None or project[0].partition(":")[0] == hub.hostname:
            items.append((file, by_need.get(file.repo_id, [])))
    if as_json:
        shown_as = [{**_facts(file), "needed_by": [other.repo_id for other in by]} for file, by in items]
        system.frontend.info(json.dumps(shown_as, indent=2))
        return
    for file, by in items:
        line = shown(file)
        if not file.enabled:
            line += _(" (disabled)")
        if not file.requested:
            names = ", ".join(map(shown, by))
            line += _(" (needed by {projects})").format(projects=names) if by else _(" (not needed any more)")
        system.frontend.info(line + (" *" if file.guesses_hub else ""))
    if any(file.guesses_hub for file, _by in items):
        system.frontend.info(_(
            "* These coprs have repo file with an old format that contains "
            "no information about Copr hub - the default one was assumed. "
            "Re-enable the project to fix this."
        ))


def tree(system: System, project: Optional[Project] = None, *, as_json: bool = False) -> None:
    """Shows what a project, or all that are enabled, need, as far as the files here tell."""
    files = system.folder.read()
    if project is not None:
        file = enabled.find(files, project.hub.hostname, project.owner, project.dirname)
        if file is None:
            raise CommandError(_("{project} is not enabled here.").format(project=project))
        roots = [file]
    else:
        roots = [file for _id, file in sorted(files.items()) if file.requested and file.enabled]
    known = {section.id: section for file in files.values() for section in reversed(file.parts)}
    if as_json:
        below = sorted(enabled.reachable(files, [root.repo_id for root in roots]))
        whole = {"projects": [root.repo_id for root in roots], "repositories": [_facts(files[repo_id]) for repo_id in below]}
        system.frontend.info(json.dumps(whole, indent=2))
        return

    def needs(repo_id: str) -> Sequence[str]:
        return files[repo_id].needs if repo_id in files else ()

    def label(repo_id: str) -> str:
        return _label(repo_id, known.get(repo_id))

    for root in roots:
        for line in drawing.tree(root.repo_id, needs, label, _(" (see above)")):
            system.frontend.info(line)


def why(system: System, name: str, *, as_json: bool = False) -> None:
    """Tells which projects need a repository, given by its id, its file, or as a project, and on which way."""
    files = system.folder.read()
    repo_id = _named(files, system.config, name)
    ways = [
        (file, enabled.path_to(files, root, repo_id))
        for root, file in sorted(files.items()) if file.requested and root != repo_id
    ]
    found = [(file, way) for file, way in ways if way is not None]
    if as_json:
        by = [{"project": file.repo_id, "enabled": file.enabled, "path": way} for file, way in found]
        here = files.get(repo_id)
        told = {"id": repo_id, "requested": here is not None and here.requested, "needed_by": by}
        system.frontend.info(json.dumps(told, indent=2))
        return
    if repo_id in files and files[repo_id].requested:
        system.frontend.info(_("{repository} was enabled by name.").format(repository=shown(files[repo_id])))
    elif not found:
        system.frontend.info(_("Nothing needs {repository} any more.").format(repository=named_by_id(repo_id)))
    for file, way in found:
        note = "" if file.enabled else _(" (disabled)")
        system.frontend.info(" -> ".join(map(named_by_id, way)) + note)


def _named(files: Mapping[str, enabled.RepoFile], config: Config, name: str) -> str:
    """The id of a repository that a file here has or declares."""
    ids = {repo_id for file in files.values() for repo_id in (*file.sections, *file.needs)}
    if name in ids:
        return name
    by_file = {file.name: repo_id for repo_id, file in files.items()}
    for written in (os.path.basename(name), f"{name}.repo"):
        if written in by_file:
            return by_file[written]
    with contextlib.suppress(UsageError):
        spec = parse_spec(name)
        hosts = [config.hub(spec.hub).hostname, *([spec.hub] if spec.hub else [])]
        for host in hosts:
            file = enabled.find(files, host, spec.owner, spec.dirname)
            for repo_id in (file.repo_id if file else "", *_ids(host, spec.owner, spec.dirname)):
                if repo_id in ids:
                    return repo_id
    raise CommandError(_("No .repo file of Copr here has or needs a repository {name!r}.").format(name=name[:300]))


def _ids(host: str, owner: str, dirname: str) -> list[str]:
    repo_id = enabled.project_id(host, owner, dirname)
    return [repo_id, "coprdep" + repo_id[len("copr"):]]


def shown(file: enabled.RepoFile) -> str:
    """``host/owner/dirname``, or the id of another repository."""
    return printable("/".join(file.project) if file.project else file.repo_id)


def named_by_id(repo_id: str) -> str:
    """``host/owner/dirname`` of a project's id, or the id of another repository."""
    kind, *rest = editing.own_id(repo_id).split(":", 3)
    if kind != "copr" or len(rest) != 3:
        return printable(repo_id)
    host, owner, dirname = rest
    return printable(f"{host}/{'@' + owner[len('group_'):] if owner.startswith('group_') else owner}/{dirname}")


def printable(text: str) -> str:
    """A text that came from elsewhere, for a line on the screen."""
    return without_password("".join(c if c.isprintable() else "?" for c in text[:2000]))[:300]


def without_password(text: str) -> str:
    """A text with ``***`` for the user and password of each URL in it.

    >>> without_password("baseurl=https://me:secret@example.org/")
    'baseurl=https://***@example.org/'
    """
    return re.sub(r"//[^/\s@]*@", "//***@", text)


def _facts(file: enabled.RepoFile) -> dict[str, Any]:
    """A file for programs."""
    host, owner, dirname = file.project or (None, None, None)
    return {
        "id": file.repo_id,
        "hub": host,
        "owner": owner,
        "project": dirname,
        "file": file.name,
        "baseurl": without_password(file.parts[0].baseurl),
        "chroot": file.chroot,
        "enabled": file.enabled,
        "signed": file.parts[0].signed,
        "requested": file.requested,
        "needs": list(file.needs),
    }


def _label(repo_id: str, section: Optional[enabled.Section]) -> str:
    text, notes = named_by_id(repo_id), []
    if section is None:
        return _("{repository}  (missing here)").format(repository=text)
    if "/" not in text:
        if repo_id.startswith("coprdep:"):
            notes.append(_("not a Copr project"))
            text = printable(section.baseurl) or text
    if not section.signed:
        notes.append(_("packages are not signed"))
    if not section.enabled:
        notes.append(_("disabled"))
    return text + (f"  ({', '.join(notes)})" if notes else "")


def _described(name: str, item: dict[str, Any]) -> str:
    first_line = (str(item.get("description") or "").strip().splitlines() or [_("No description given.")])[0]
    return "".join(c for c in f"{name} : {first_line}" if c.isprintable())
