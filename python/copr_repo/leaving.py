"""disable and remove: a project and, if the user agrees, what only it needs. Neither asks a hub."""

from __future__ import annotations

from collections.abc import Sequence

from . import editing, enabled
from .frontend import CommandError, Frontend
from .looking import shown
from .messages import _
from .system import Project, System


def disable(system: System, project: Project, *, keep_deps: bool = False) -> None:
    """Disables a project: every repository of its file, and of the files that only it needs."""
    files = system.folder.read()
    file = _installed(files, project, _("Failed to disable copr repo {project}: it is not enabled here."))
    brought = [other for other in enabled.needed_only_by(files, file.repo_id, among_enabled=True) if other.enabled]
    taken = _taken(
        system.frontend, files, file, [] if keep_deps else brought, _("Do you want to disable these repositories as well?")
    )
    system.folder.change({other.name: editing.disabled(other.text) for other in [file, *taken]}, since=files)
    system.frontend.info(_("Repository successfully disabled."))


def remove(system: System, project: Project, *, keep_deps: bool = False) -> None:
    """Removes the file of a project, and the files that only it needs."""
    files = system.folder.read()
    file = _installed(files, project, _("Failed to remove copr repo {project}: it is not enabled here."))
    brought = enabled.needed_only_by(files, file.repo_id, among_enabled=False)
    # What only disabled projects need as well keeps its file, for when these are enabled again.
    idle = [
        other for other in enabled.needed_only_by(files, file.repo_id, among_enabled=True)
        if other.enabled and other not in brought
    ]
    taken = _taken(
        system.frontend, files, file, [] if keep_deps else [*brought, *idle],
        _("Do you want to remove these repositories as well?"), only_disabled=idle,
    )
    off = [other for other in taken if other in idle]
    gone = [file, *(other for other in taken if other not in idle)]
    system.folder.change(
        {other.name: editing.disabled(other.text) for other in off}, [other.name for other in gone], since=files
    )
    system.frontend.info(_("Repository successfully removed."))


def _installed(files: dict[str, enabled.RepoFile], project: Project, message: str) -> enabled.RepoFile:
    file = enabled.find(files, project.hub.hostname, project.owner, project.dirname)
    if file is None:
        raise CommandError(message.format(project=project))
    return file


def _taken(
    frontend: Frontend,
    files: dict[str, enabled.RepoFile],
    file: enabled.RepoFile,
    brought: Sequence[enabled.RepoFile],
    question: str,
    only_disabled: Sequence[enabled.RepoFile] = (),
) -> Sequence[enabled.RepoFile]:
    """What is to go with a project. Nothing is asked where there is nothing, so that scripts for the stock plugin go on."""
    for other in enabled.needing(files, file.repo_id):
        frontend.notice(
            _("Warning: {project} needs this repository; its packages may fail to install.").format(project=shown(other))
        )
    if not brought:
        return ()
    lines = [_("Nothing else needs these repositories, which came with {project}:").format(project=shown(file))]
    for other in brought:
        note = _(" (is only disabled: a disabled project needs it)") if other in only_disabled else ""
        lines.append(f"  {shown(other)}{note}")
    frontend.notice("\n".join(lines))
    if frontend.confirm(question):
        return brought
    frontend.notice(_("They stay as they are. `dnf copr check` names what nothing needs, `dnf copr refresh` removes it."))
    return ()
