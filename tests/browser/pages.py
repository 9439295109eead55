"""Every page of the site, once: the checks that hold for all of them, and the screenshots, go through this table."""

import dataclasses

from hub import CHROOT


@dataclasses.dataclass(frozen=True)
class Page:
    """A page: the name of its pictures, its address with names of the hub's builds, and who looks at it."""

    name: str
    path: str
    user: str | None = None
    status: int = 200
    still: bool = True
    """Whether it has all that it will ever have once it is loaded; a page of what goes on asks for more."""

    def address(self, hub):
        numbers = {"library": hub.library, "failing": hub.failing, "app": hub.app, "waiting": hub.waiting}
        numbers |= {"markup": hub.markup, "promotion": hub.promotion}
        return self.path.format(**numbers, chroot=CHROOT)

    def __str__(self):
        return self.name


PAGES = [
    # The site.
    Page("projects", "/"),
    Page("projects-pinned", "/", "alice"),
    Page("projects-found", "/?q=greet"),
    Page("projects-none", "/?q=nothing-is-called-so"),
    Page("builds", "/coprs/builds/"),
    Page("status", "/status/"),
    Page("status-stats", "/status/stats/"),
    Page("feeds", "/feeds/"),
    Page("owner", "/coprs/alice/"),
    Page("owner-self", "/coprs/carol/", "carol"),
    Page("owner-group", "/coprs/g/tools/"),
    Page("sign-in", "/login/"),
    Page("missing", "/coprs/alice/nothing/", status=404),
    Page("forbidden", "/coprs/alice/libs/edit/", "bob", status=403),
    # A project.
    Page("project", "/coprs/alice/libs/"),
    Page("project-owner", "/coprs/alice/libs/", "alice"),
    Page("project-with-needs", "/coprs/bob/app/"),
    Page("project-empty", "/coprs/alice/empty/"),
    Page("project-of-group", "/coprs/g/tools/nightly/"),
    Page("project-hostile", "/coprs/mallory/markup/"),
    Page("project-builds", "/coprs/alice/libs/builds/"),
    Page("packages", "/coprs/alice/libs/packages/", "alice"),
    Page("package", "/coprs/alice/libs/package/libgreet/", "alice"),
    Page("package-add", "/coprs/alice/libs/packages/add/", "alice"),
    Page("monitor", "/coprs/alice/libs/monitor/"),
    Page("monitor-empty", "/coprs/alice/empty/monitor/"),
    Page("keys", "/coprs/alice/libs/keys/"),
    Page("keys-owner", "/coprs/alice/libs/keys/", "alice"),
    Page("promotions", "/coprs/alice/libs/promotions/", "alice"),
    Page("promotions-visitor", "/coprs/alice/empty/promotions/"),
    Page("promotion", "/coprs/alice/tried/promotions/{promotion}/", "alice"),
    Page("promotion-voter", "/coprs/alice/tried/promotions/{promotion}/", "dora"),
    Page("permissions", "/coprs/alice/libs/permissions/", "alice"),
    Page("permissions-of-group", "/coprs/g/tools/nightly/permissions/", "dora"),
    Page("permissions-visitor", "/coprs/alice/libs/permissions/", "bob"),
    Page("settings", "/coprs/alice/libs/edit/", "alice"),
    Page("settings-chroot", "/coprs/alice/libs/edit_chroot/{chroot}/", "alice"),
    Page("prune", "/coprs/alice/libs/prune/", "alice"),
    Page("fork", "/coprs/alice/libs/fork/", "bob"),
    Page("integrations", "/coprs/alice/libs/integrations/", "alice"),
    Page("rebuilds", "/coprs/alice/libs/rebuilds/?package=libgreet", "alice"),
    Page("project-delete", "/coprs/alice/libs/delete/", "alice"),
    # Its repository.
    Page("repository", "/coprs/alice/libs/repo-view/{chroot}/"),
    Page("repository-all", "/coprs/alice/libs/repo-view/{chroot}/all/"),
    Page("repository-latest", "/coprs/alice/libs/repo-view/{chroot}/latest/"),
    Page("repository-package", "/coprs/alice/libs/repo-view/{chroot}/package/libgreet/"),
    Page("repository-package-hostile", "/coprs/mallory/markup/repo-view/{chroot}/package/markup/"),
    Page("repository-empty", "/coprs/alice/empty/repo-view/fedora-44-x86_64/"),
    Page("repository-side", "/coprs/alice/libs:custom:try/repo-view/fedora-44-x86_64/"),
    Page("results", "/results/alice/libs/{chroot}/"),
    # Its builds.
    Page("build-add", "/coprs/alice/libs/add_build/", "alice"),
    Page("build-add-url", "/coprs/alice/libs/add_build/url/", "alice"),
    Page("build-add-git", "/coprs/alice/libs/add_build/git/", "alice"),
    Page("build-log", "/coprs/build/{failing}/log/{chroot}/builder-live.log"),
    Page("build-log-hostile", "/coprs/build/{markup}/log/{chroot}/builder-live.log"),
    Page("build-buildroot", "/coprs/build/{app}/buildroot/{chroot}/"),
    Page("build", "/coprs/build/{app}/"),
    Page("build-owner", "/coprs/build/{app}/", "bob"),
    Page("build-failed", "/coprs/build/{failing}/"),
    Page("build-waiting", "/coprs/build/{waiting}/", "alice", still=False),
    # What is one's own.
    Page("project-add", "/coprs/add/", "alice"),
    Page("account", "/user/", "alice"),
    Page("password", "/user/password/", "alice"),
    Page("api-token", "/api/", "alice"),
    Page("api-token-nobody", "/api/"),
    Page("groups", "/groups/", "admin"),
    Page("group", "/groups/tools/", "dora"),
    Page("group-project", "/coprs/g/tools/nightly/", "dora"),
    # The administrator's.
    Page("admin-users", "/admin/", "admin"),
    Page("admin-chroots", "/admin/chroots/", "admin"),
    Page("admin-tasks", "/admin/tasks/", "admin"),
    Page("admin-reports", "/admin/reports/", "admin"),
    Page("licences", "/licences/", "admin"),
    Page("report", "/report/?project=alice/libs", "bob"),
    Page("report-sent", "/report/?done=1", "bob"),
]
