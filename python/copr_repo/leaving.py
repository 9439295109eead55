"""disable and remove: a project and what only it needs. Neither asks a hub."""

from __future__ import annotations

from . import enabled
from .frontend import CommandError, Frontend
from .looking import shown
from .system import Project, System


def disable(system: System, project: Project) -> None:
    """Disables a project and what only it needs."""
    files = system.folder.read()
    repo_id = _installed(files, project, "disable")
    brought = [file for file in enabled.needed_only_by(files, repo_id, among_enabled=True) if file.enabled]
    _tell(system.frontend, files, repo_id, brought, "disabled")
    system.folder.change({file.name: enabled.disabled(file.text) for file in [files[repo_id], *brought]})
    system.frontend.info("Repository successfully disabled.")


def remove(system: System, project: Project) -> None:
    """Removes the files of a project and of what only it needs."""
    files = system.folder.read()
    repo_id = _installed(files, project, "remove")
    brought = enabled.needed_only_by(files, repo_id, among_enabled=False)
    _tell(system.frontend, files, repo_id, brought, "removed")
    system.folder.change({}, [file.name for file in [files[repo_id], *brought]])
    system.frontend.info("Repository successfully removed.")


def _installed(files: dict[str, enabled.RepoFile], project: Project, verb: str) -> str:
    repo_id = enabled.project_id(project.hub.hostname, project.owner, project.dirname)
    if repo_id not in files:
        raise CommandError(f"Failed to {verb} copr repo {project}: it is not enabled here.")
    return repo_id


def _tell(
    frontend: Frontend, files: dict[str, enabled.RepoFile], repo_id: str, brought: list[enabled.RepoFile], done: str
) -> None:
    for file in enabled.needing(files, repo_id):
        frontend.notice(f"Warning: {shown(file)} needs this repository; its packages may fail to install.")
    for file in brought:
        frontend.notice(f"Nothing else needs {shown(file)}: it is {done} as well.")
