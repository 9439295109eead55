//! The addresses of Copr's API, by noun.

use std::collections::BTreeMap;

use copr_api::v3::{
    ApiToken, ApiVersion, AuditEntry, AuthCheck, Build, BuildChroot, BuildChrootConfig, BuildConfig, BuildList,
    BuildOptions, BuiltPackages, CanBuildIn, ChrootEdit, Delivery, Dependent, Events, Gates, GatesEdit, Group,
    GroupAdd, GroupSummary, Hook, HookAdd, HookEdit, Items, LicenceDecided, LicenceDecision, LicenceKept,
    LicenceWaiting, MemberChange, Monitor, Notice, Package, PackageBuild, PackageEdit, PackageName, Page, Permissions,
    Pins, Project, ProjectAdd, ProjectChroot, ProjectEdit, ProjectKeys, Promotion, PromotionReason, PromotionWish,
    Prune, PruneReport, PruneWish, PublishState, Quota, Rebuild, ReleasePackage, Report, ReportAdd, ReportNote,
    RolesChange, RolesRequest, RpmRepo, ScmBuild, SourceChroot, SourceConfig, Takedown, Terms, TermsAccept, Token,
    TokenWish, Undelete, Undeleted, VoteWish, WebhookSecret,
};
use serde_json::{Map, Value};

use super::{
    Kind, Parameter,
    Role::{Admin, Builder, Owner},
    Route,
    Who::{Anyone, GroupAdmin, Host, InProject, Namespace, Nobody, Oneself, Reviewer, SiteAdmin, User, WholeUser},
    may, must, of,
};
use crate::http::openapi::{Confirmed, ForkTo, Message, Reported, Updated, UpdatedUsers};

/// A table a noun.
pub const API: &[&[Route]] = &[
    SITE,
    TOKENS,
    GROUPS,
    PINS,
    PROJECTS,
    PERMISSIONS,
    PROMOTIONS,
    CHROOTS,
    BUILDS,
    SUBMISSIONS,
    ELSEWHERE,
    BUILD_CHROOTS,
    PACKAGES,
    EVENTS,
    HOOKS,
    PLUGINS,
    LICENCES,
    REPORTS,
];

/// Which project.
const PROJECT: &[Parameter] =
    &[must("ownername", Kind::Owner, "the project's owner"), must("projectname", Kind::Project, "the project")];
/// Which part of a list.
const PAGE: &[Parameter] = &[
    may("limit", Kind::Count, "how many; all when absent"),
    may("offset", Kind::Count, "how many are left out before them"),
    may("order", Kind::Text, "the column; lists keep the order that each has, and say this one back"),
    may("order_type", Kind::Direction, "which way"),
];
const CHROOT: &[Parameter] = &[must("chrootname", Kind::Chroot, "the chroot")];
const BUILD: &[Parameter] = &[must("build_id", Kind::Number, "the build's number")];
/// What a package is shown with.
const LATEST: &[Parameter] = &[
    may("with_latest_build", Kind::Truth, "with its newest build"),
    may("with_latest_succeeded_build", Kind::Truth, "with the newest that succeeded"),
];

/// An object of any keys.
type AnyObject = Map<String, Value>;

const CONFLICT: &[(u16, &str)] = &[(409, "it is too late for that, or something of it is at work")];

const SITE: &[Route] = &[
    Route::get("/api_3", Anyone, "the API's version").gives(of::<ApiVersion>()),
    Route::get("/api_3/openapi.json", Anyone, "this description").gives(of::<AnyObject>()),
    Route::get("/api_3/auth-check", User, "who the caller is").gives(of::<AuthCheck>()),
    Route::get("/api_3/mock-chroots/list", Anyone, "the chroots, each with what is said of it")
        .gives(of::<BTreeMap<String, String>>()),
    Route::get("/api_3/queue", Anyone, "what waits and what is at work").gives(of::<AnyObject>()),
    Route::get("/api_3/quota", Anyone, "what an owner stores, and how much it may")
        .query(&[&[must("ownername", Kind::Owner, "a user, or a group as @name")]])
        .gives(of::<Quota>()),
];

const TOKENS: &[Route] = &[
    Route::post(
        "/api_3/api-token",
        WholeUser,
        "a new token in place of the one that is shown, which is of no use any more",
    )
    .gives(of::<ApiToken>()),
    Route::get("/api_3/api-token/list", WholeUser, "the caller's tokens, newest first")
        .query(&[&[may("username", Kind::Text, "those of this user; for administrators of the site")], PAGE])
        .gives(of::<Page<Token>>())
        .or(&[(404, "There is no such user.")]),
    Route::post("/api_3/api-token/new", WholeUser, "one more token of the caller's")
        .json(of::<TokenWish>())
        .gives(of::<ApiToken>()),
    Route::delete("/api_3/api-token/revoke/{login}", Oneself, "ends a token").gives(of::<Token>()),
];

const GROUPS: &[Route] = &[
    Route::get("/api_3/group", User, "a group with its members")
        .query(&[&[must("groupname", Kind::Group, "its name, with or without @")]])
        .gives(of::<Group>()),
    Route::get("/api_3/group/list", Anyone, "the groups, by name").query(&[PAGE]).gives(of::<Page<GroupSummary>>()),
    Route::post(
        "/api_3/group/add/{group}",
        SiteAdmin,
        "adds a group, which the caller administers; for every user where the site is set up so",
    )
    .json(of::<GroupAdd>())
    .gives(of::<Group>())
    .or(&[(409, "there is one of that name, or another has that claim")]),
    Route::put("/api_3/group/members/{group}", GroupAdmin, "says who is in a group; all of it or nothing")
        .json(of::<BTreeMap<String, MemberChange>>())
        .gives(of::<Group>()),
    Route::delete("/api_3/group/delete/{group}", GroupAdmin, "deletes a group that owns no project")
        .gives(of::<Group>())
        .or(&[(409, "it owns projects")]),
];

const PINS: &[Route] = &[
    Route::get("/api_3/pins", Anyone, "what stands first on the pages of a user or group")
        .query(&[&[must("ownername", Kind::Owner, "the user, or the group as @name")]])
        .gives(of::<Pins>()),
    Route::put("/api_3/pins/{owner}", Host, "pins exactly these projects, in this order")
        .json(of::<Pins>())
        .gives(of::<Pins>()),
];

const PROJECTS: &[Route] = &[
    Route::get("/api_3/project", Anyone, "a project").query(&[PROJECT]).gives(of::<Project>()),
    Route::get("/api_3/project/list", Anyone, "projects, oldest first")
        .query(&[&[may("ownername", Kind::Owner, "of this owner alone")], PAGE])
        .gives(of::<Page<Project>>()),
    Route::get("/api_3/project/search", Anyone, "projects whose names have a text, newest first")
        .query(&[&[must("query", Kind::Text, "the text")], PAGE])
        .gives(of::<Page<Project>>()),
    Route::post(
        "/api_3/project/add/{owner}",
        Namespace,
        "adds a project; its empty repositories stand when it answers",
    )
    .query(&[&[may("exist_ok", Kind::Truth, "one that is there already is answered as if it were new")]])
    .json(of::<ProjectAdd>())
    .gives(of::<Project>()),
    Route::put("/api_3/project/edit/{owner}/{project}", InProject(Admin), "changes a project; what is not sent stays")
        .json(of::<ProjectEdit>())
        .gives(of::<Project>()),
    Route::delete("/api_3/project/delete/{owner}/{project}", InProject(Owner), "deletes a project with all its builds")
        .json(of::<Confirmed>())
        .gives(of::<Project>())
        .or(CONFLICT),
    Route::post("/api_3/project/fork/{owner}/{project}", WholeUser, "copies a project with its last builds")
        .json(of::<ForkTo>())
        .gives(of::<Project>()),
    Route::put(
        "/api_3/project/regenerate-repos/{owner}/{project}",
        InProject(Builder),
        "writes a project's metadata anew",
    )
    .gives(of::<Project>()),
    Route::post(
        "/api_3/project/prune/{owner}/{project}",
        InProject(Admin),
        "takes old builds away that nobody needs, or tells which those are",
    )
    .json(of::<PruneWish>())
    .gives(of::<PruneReport>())
    .or(&[(409, "it is not known what others need")]),
    Route::get("/api_3/project/prunes", Anyone, "what was pruned and can be brought back, the newest first")
        .query(&[PROJECT])
        .gives(of::<Page<Prune>>()),
    Route::put("/api_3/project/undelete/{owner}/{project}", InProject(Admin), "brings back what was pruned")
        .json(of::<Undelete>())
        .gives(of::<Undeleted>())
        .or(CONFLICT),
    Route::get("/api_3/project/publish-state", Anyone, "how far the publishing of each repository is")
        .query(&[PROJECT])
        .gives(of::<PublishState>()),
    Route::get("/api_3/project-key", Anyone, "the keys that a project's packages and metadata are signed with")
        .query(&[PROJECT])
        .gives(of::<ProjectKeys>()),
    Route::post(
        "/api_3/project-key/rotate/{owner}/{project}",
        InProject(Admin),
        "a new key in place of the one that signs; the old one stays trusted for a while",
    )
    .gives(of::<ProjectKeys>()),
    Route::post(
        "/api_3/webhook/generate/{owner}/{project}",
        InProject(Admin),
        "a new secret for webhooks; the old one is void",
    )
    .gives(of::<WebhookSecret>()),
    Route::get("/api_3/monitor", Anyone, "the newest build of each package in each chroot")
        .query(&[
            PROJECT,
            &[
                may("project_dirname", Kind::Text, "of this directory"),
                may("additional_fields[]", Kind::Texts, "url_build_log, url_backend_log"),
            ],
        ])
        .gives(of::<Monitor>()),
];

const PERMISSIONS: &[Route] = &[
    Route::get(
        "/api_3/project/permissions/can_build_in/{who}/{owner}/{project}",
        Anyone,
        "whether a user may build in a project",
    )
    .gives(of::<CanBuildIn>()),
    Route::get("/api_3/project/permissions/get/{owner}/{project}", InProject(Admin), "who may do what")
        .gives(of::<Permissions>()),
    Route::put(
        "/api_3/project/permissions/set/{owner}/{project}",
        InProject(Admin),
        "gives roles, or takes them; all of it or nothing",
    )
    .json(of::<BTreeMap<String, RolesChange>>())
    .gives(of::<UpdatedUsers>()),
    Route::put("/api_3/project/permissions/request/{owner}/{project}", WholeUser, "asks for roles")
        .json(of::<RolesRequest>())
        .gives(of::<Updated>()),
];

const PROMOTIONS: &[Route] = &[
    Route::get("/api_3/project/gates", Anyone, "what a project asks of what is not built in it")
        .query(&[PROJECT])
        .gives(of::<Gates>()),
    Route::put(
        "/api_3/project/gates/{owner}/{project}",
        InProject(Admin),
        "changes what a project asks of what is not built in it; what is not sent stays",
    )
    .json(of::<GatesEdit>())
    .gives(of::<Gates>()),
    Route::get("/api_3/promotion/list", Anyone, "promotions into and out of a project, newest first")
        .query(&[PROJECT, &[may("state", Kind::Text, "in this state")], PAGE])
        .gives(of::<Page<Promotion>>()),
    Route::get("/api_3/promotion/{id}", Anyone, "a promotion").gives(of::<Promotion>()),
    Route::post(
        "/api_3/promotion/new/{owner}/{project}",
        InProject(Builder),
        "asks for builds of another project to come into this one; for administrators where the project says so",
    )
    .json(of::<PromotionWish>())
    .gives(of::<Promotion>())
    .or(&[(409, "too many have not ended")]),
    Route::post("/api_3/promotion/vote/{id}", WholeUser, "votes on a promotion; not for who has asked for it")
        .json(of::<VoteWish>())
        .gives(of::<Promotion>())
        .or(CONFLICT),
    Route::put("/api_3/promotion/approve/{id}", InProject(Admin), "says that a promotion may go")
        .gives(of::<Promotion>())
        .or(CONFLICT),
    Route::put("/api_3/promotion/override/{id}", InProject(Admin), "lets a promotion go whatever breaks")
        .json(of::<PromotionReason>())
        .gives(of::<Promotion>())
        .or(CONFLICT),
    Route::put(
        "/api_3/promotion/cancel/{id}",
        InProject(Admin),
        "refuses a promotion; who has asked for it calls it off",
    )
    .json(of::<PromotionReason>())
    .gives(of::<Promotion>())
    .or(CONFLICT),
];

const CHROOTS: &[Route] = &[
    Route::get("/api_3/project-chroot", Anyone, "what is chosen for one of a project's chroots")
        .query(&[PROJECT, CHROOT])
        .gives(of::<ProjectChroot>()),
    Route::get("/api_3/project-chroot/build-config", Anyone, "what a builder would be told")
        .query(&[PROJECT, CHROOT])
        .gives(of::<BuildConfig>()),
    Route::get(
        "/api_3/project-chroot/release-package",
        Anyone,
        "the package that subscribes a machine to one of a project's repositories",
    )
    .query(&[PROJECT, CHROOT])
    .gives(of::<ReleasePackage>()),
    Route::put(
        "/api_3/project-chroot/edit/{owner}/{project}/{chroot}",
        InProject(Admin),
        "changes what is chosen for a chroot; what is not sent stays",
    )
    .form("upload_comps", false, of::<ChrootEdit>())
    .gives(of::<ProjectChroot>()),
];

const BUILDS: &[Route] = &[
    Route::get("/api_3/build/{id}", Anyone, "a build").gives(of::<Build>()),
    Route::get("/api_3/build/list", Anyone, "a project's builds, newest first")
        .query(&[
            PROJECT,
            &[may("packagename", Kind::Text, "of this package"), may("status", Kind::Text, "in this state")],
            PAGE,
        ])
        .gives(of::<Page<Build>>()),
    Route::get("/api_3/build/source-chroot/{id}", Anyone, "how far a build's source package is")
        .gives(of::<SourceChroot>()),
    Route::get("/api_3/build/source-build-config/{id}", Anyone, "what a build's source package is made of")
        .gives(of::<SourceConfig>()),
    Route::get("/api_3/build/built-packages/{id}", Anyone, "what came of a build, by chroot")
        .gives(of::<BTreeMap<String, BuiltPackages>>()),
    Route::put("/api_3/build/cancel/{id}", InProject(Builder), "stops a build").gives(of::<Build>()).or(CONFLICT),
    Route::delete("/api_3/build/delete/{id}", InProject(Builder), "deletes a build with what came of it")
        .gives(of::<Build>())
        .or(CONFLICT),
    Route::delete("/api_3/build/delete/list", InProject(Builder), "deletes several builds, all or none")
        .json(of::<BuildList>())
        .gives(of::<BuildList>())
        .or(CONFLICT),
];

const SUBMISSIONS: &[Route] = &[
    Route::post("/api_3/build/check-before-build", InProject(Builder), "whether a build like this would be taken")
        .json(of::<BuildOptions>())
        .gives(of::<Message>()),
    Route::post("/api_3/build/create/url", InProject(Builder), "builds source packages that lie on the web")
        .json(of::<BuildOptions>())
        .gives(of::<Page<Build>>()),
    Route::post("/api_3/build/create/scm", InProject(Builder), "builds what is in a git repository")
        .json(of::<ScmBuild>())
        .gives(of::<Build>()),
    Route::post(
        "/api_3/build/create/upload",
        InProject(Builder),
        "builds a source package that is sent, or a spec with its sources",
    )
    .form("pkgs", true, of::<BuildOptions>())
    .gives(of::<Build>()),
    Route::post(
        "/api_3/build/create/rpm-upload",
        InProject(Builder),
        "publishes packages that are sent ready-made, where the project takes such",
    )
    .form("pkgs", true, of::<BuildOptions>())
    .gives(of::<Build>()),
];

const BUILD_CHROOTS: &[Route] = &[
    Route::get("/api_3/build-chroot", Anyone, "a build in one chroot")
        .query(&[BUILD, CHROOT])
        .gives(of::<BuildChroot>()),
    Route::get("/api_3/build-chroot/list", Anyone, "a build in each of its chroots")
        .query(&[BUILD, PAGE])
        .gives(of::<Page<BuildChroot>>()),
    Route::get("/api_3/build-chroot/build-config", Anyone, "how a build is built for one of its chroots")
        .query(&[BUILD, CHROOT])
        .gives(of::<BuildChrootConfig>()),
    Route::get("/api_3/build-chroot/built-packages", Anyone, "what came of a build in one chroot")
        .query(&[BUILD, CHROOT])
        .gives(of::<BuiltPackages>()),
];

/// Ways to a source that Copr has.
const ELSEWHERE: &[Route] = &[
    Route::post("/api_3/build/create/distgit", Nobody, "builds what is in a dist-git"),
    Route::post("/api_3/build/create/pypi", Nobody, "builds what is on PyPI"),
    Route::post("/api_3/build/create/rubygems", Nobody, "builds a gem"),
    Route::post("/api_3/build/create/custom", Nobody, "builds what a script makes"),
    Route::post("/api_3/module/build/{owner}/{project}", Nobody, "builds a module"),
];

const PACKAGES: &[Route] = &[
    Route::get("/api_3/package/list", Anyone, "a project's packages")
        .query(&[PROJECT, LATEST, PAGE])
        .gives(of::<Page<Package>>()),
    Route::get("/api_3/package", Anyone, "a package")
        .query(&[PROJECT, &[must("packagename", Kind::Text, "its name")], LATEST])
        .gives(of::<Package>()),
    Route::post("/api_3/package/add/{owner}/{project}/{name}/{type}", InProject(Builder), "adds a package")
        .json(of::<PackageEdit>())
        .gives(of::<Package>())
        .or(&[(409, "it exists already")]),
    Route::post("/api_3/package/edit/{owner}/{project}/{name}/{type}", InProject(Builder), "changes a package")
        .json(of::<PackageEdit>())
        .gives(of::<Package>()),
    Route::put("/api_3/package/reset", InProject(Builder), "forgets how a package is built")
        .json(of::<PackageName>())
        .gives(of::<Package>()),
    Route::delete("/api_3/package/delete", InProject(Builder), "deletes a package with its builds")
        .json(of::<PackageName>())
        .gives(of::<Package>())
        .or(CONFLICT),
    Route::post("/api_3/package/build", InProject(Builder), "builds a package as it was added")
        .json(of::<PackageBuild>())
        .gives(of::<Build>()),
];

const EVENTS: &[Route] = &[
    Route::get(
        "/api_3/events",
        Anyone,
        "what has happened, oldest first; with `Accept: text/event-stream`, what happens, as it does",
    )
    .query(&[&[
        may("since", Kind::Number, "after the event of this number"),
        may("project", Kind::Text, "of this project, as OWNER/PROJECT; unlisted ones are only told so"),
        may("topics", Kind::Text, "of these topics, with commas between them"),
        may("limit", Kind::Count, "how many; of a list"),
    ]])
    .gives(of::<Events>())
    .or(&[(404, "There is no such project."), (503, "too many follow")]),
    Route::get("/api_3/project/notices", Anyone, "what a project's people should know until it is mended")
        .query(&[PROJECT])
        .gives(of::<Items<Notice>>()),
    Route::get("/api_3/project/rebuilds", Anyone, "builds that nobody asked for, newest first")
        .query(&[PROJECT])
        .gives(of::<Items<Rebuild>>()),
    Route::get(
        "/api_3/project/dependents",
        InProject(Builder),
        "which packages require something of a project's packages, and whether they would be built anew; nothing is",
    )
    .query(&[
        PROJECT,
        &[may("packagename", Kind::Text, "of this package"), may("chrootname", Kind::Chroot, "in this chroot")],
    ])
    .gives(of::<Items<Dependent>>()),
];

const HOOKS: &[Route] = &[
    Route::get(
        "/api_3/webhook/list/{owner}/{project}",
        InProject(Admin),
        "addresses that are told of a project's events",
    )
    .gives(of::<Items<Hook>>()),
    Route::post(
        "/api_3/webhook/add/{owner}/{project}",
        InProject(Admin),
        "has one more address told; the answer has the secret that bodies are signed with, this once",
    )
    .json(of::<HookAdd>())
    .gives(of::<Hook>()),
    Route::put("/api_3/webhook/edit/{owner}/{project}/{hook}", InProject(Admin), "changes one; what is not sent stays")
        .json(of::<HookEdit>())
        .gives(of::<Hook>()),
    Route::delete("/api_3/webhook/delete/{owner}/{project}/{hook}", InProject(Admin), "has one told no more")
        .gives(of::<Hook>()),
    Route::get(
        "/api_3/webhook/deliveries/{owner}/{project}/{hook}",
        InProject(Admin),
        "what one was told, newest first, and how it answered",
    )
    .gives(of::<Items<Delivery>>()),
    Route::post(
        "/api_3/webhook/test/{owner}/{project}/{hook}",
        InProject(Admin),
        "tells one something, to see whether it hears",
    )
    .gives(of::<Delivery>()),
    Route::post(
        "/api_3/webhook/redeliver/{owner}/{project}/{hook}/{delivery}",
        InProject(Admin),
        "tells one the same once more",
    )
    .gives(of::<Delivery>()),
];

const PLUGINS: &[Route] = &[Route::get(
    "/api_3/rpmrepo/{owner}/{dirname}/{name_release}",
    Anyone,
    "what the DNF plugins make a .repo file of; dependencies included",
)
.gives(of::<RpmRepo>())];

const LICENCES: &[Route] = &[
    Route::get("/api_3/licence/queue", Reviewer, "builds that wait for a decision about their licence, oldest first")
        .query(&[PAGE])
        .gives(of::<Page<LicenceWaiting>>()),
    Route::post(
        "/api_3/licence/approve/{id}",
        Reviewer,
        "lets a build go on, and those that wait with the same licence",
    )
    .json(of::<LicenceDecision>())
    .gives(of::<LicenceDecided>())
    .or(&[(409, "it does not wait for that")]),
    Route::post("/api_3/licence/refuse/{id}", Reviewer, "ends a build, and those that wait with the same licence")
        .json(of::<LicenceDecision>())
        .gives(of::<LicenceDecided>())
        .or(&[(409, "it does not wait for that")]),
    Route::get("/api_3/licence/list", Reviewer, "what was decided about licences, newest first")
        .query(&[PAGE])
        .gives(of::<Page<LicenceKept>>()),
    Route::delete("/api_3/licence/forget/{id}", Reviewer, "forgets what was decided; later builds are judged anew")
        .gives(of::<Message>()),
    Route::get("/api_3/terms", User, "what users accept before they bring anything, and whether the caller has")
        .gives(of::<Terms>()),
    Route::post("/api_3/terms/accept", WholeUser, "accepts the terms that are in force")
        .json(of::<TermsAccept>())
        .gives(of::<Terms>()),
];

const REPORTS: &[Route] = &[
    Route::post(
        "/api_3/report/add",
        User,
        "tells the administrators of something that should not be here; for everyone where the site is set up so",
    )
    .json(of::<ReportAdd>())
    .gives(of::<Reported>())
    .or(&[(409, "there are too many reports of the caller's")]),
    Route::get("/api_3/report/list", SiteAdmin, "the reports, those that are open first")
        .query(&[PAGE])
        .gives(of::<Page<Report>>()),
    Route::post("/api_3/report/dismiss/{id}", SiteAdmin, "closes a report and does nothing")
        .json(of::<ReportNote>())
        .gives(of::<Report>())
        .or(CONFLICT),
    Route::post("/api_3/report/takedown/{id}", SiteAdmin, "takes down what a report is about; its files are kept")
        .json(of::<ReportNote>())
        .gives(of::<Report>())
        .or(CONFLICT),
    Route::post("/api_3/takedown/add", SiteAdmin, "takes a project or a build down; its files are kept")
        .json(of::<ReportAdd>())
        .gives(of::<Takedown>())
        .or(CONFLICT),
    Route::get("/api_3/takedown/list", SiteAdmin, "what is or was down, newest first")
        .query(&[PAGE])
        .gives(of::<Page<Takedown>>()),
    Route::post("/api_3/takedown/restore/{id}", SiteAdmin, "gives back what was taken down")
        .json(of::<ReportNote>())
        .gives(of::<Takedown>())
        .or(CONFLICT),
    Route::get("/api_3/audit/list", SiteAdmin, "what administrators and reviewers did, newest first")
        .query(&[PAGE])
        .gives(of::<Page<AuditEntry>>()),
];
