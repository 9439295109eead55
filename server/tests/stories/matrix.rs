//! Who may call what: every address of the table, by everyone there is. What is expected is read from the table alone.

use axum::{
    body::Body as Bytes,
    http::{Request, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use coprd::{
    clock,
    http::table::{self, Body, Role, Route, Who},
};
use serde_json::{Value, json};

use crate::packages::Rpm;
use crate::support::{Answer, BINARY, CHROOT, Hub, SOURCE, User, sha256};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Anonymous,
    /// The owner with a token that has ended.
    Expired,
    /// A user whom the project does not know.
    Other,
    /// One who may build in the project.
    Builder,
    /// One who administers the project.
    Admin,
    Owner,
    /// A member of the group that owns the project.
    Member,
    /// An administrator of the group that owns the project.
    GroupAdmin,
    /// The owner with a token for another of his projects.
    Elsewhere,
    SiteAdmin,
    /// A builder with the builders' token.
    Machine,
}

/// Far from the numbers that the engine gives.
const FAR: i64 = 1_000_000;

const CALLERS: [Caller; 11] = [
    Caller::Anonymous,
    Caller::Expired,
    Caller::Other,
    Caller::Builder,
    Caller::Admin,
    Caller::Owner,
    Caller::Member,
    Caller::GroupAdmin,
    Caller::Elsewhere,
    Caller::SiteAdmin,
    Caller::Machine,
];

impl Caller {
    /// Whether the server knows which user this is.
    fn known(self) -> bool {
        !matches!(self, Self::Anonymous | Self::Expired | Self::Machine)
    }

    /// The owner of the projects that this one is tried on.
    fn owner(self) -> &'static str {
        if matches!(self, Self::Member | Self::GroupAdmin) { "@grp" } else { "alice" }
    }

    fn role(self) -> Role {
        match self {
            Self::Anonymous | Self::Expired | Self::Machine | Self::Other | Self::Elsewhere => Role::Nobody,
            Self::Builder => Role::Builder,
            Self::Admin => Role::Admin,
            Self::Owner | Self::Member | Self::GroupAdmin | Self::SiteAdmin => Role::Owner,
        }
    }

    fn may(self, who: Who) -> bool {
        match who {
            Who::Anyone => true,
            Who::Nobody => false,
            Who::Builder => self == Self::Machine,
            _ if !self.known() => false,
            Who::User => true,
            Who::WholeUser => self != Self::Elsewhere,
            // What is somebody's own is the owner's here.
            Who::Oneself => matches!(self, Self::Owner | Self::SiteAdmin),
            Who::InProject(least) => self.role() >= least,
            Who::Namespace => self.role() == Role::Owner,
            Who::Host => matches!(self, Self::Owner | Self::GroupAdmin | Self::SiteAdmin),
            Who::GroupAdmin => matches!(self, Self::GroupAdmin | Self::SiteAdmin),
            Who::Reviewer | Who::SiteAdmin => self == Self::SiteAdmin,
        }
    }
}

/// A server with everyone who calls.
pub(crate) struct Stage<'a> {
    hub: &'a Hub,
    pub(crate) admin: User,
    users: Vec<(Caller, Option<String>)>,
}

/// What calls are about.
#[derive(Debug, Clone)]
pub(crate) struct World {
    owner: &'static str,
    project: String,
    /// A build that waits.
    pending: i64,
    /// One that was cancelled.
    ended: i64,
    /// A promotion that waits, and which dora has asked for.
    promotion: i64,
    /// Login of a token of alice's, who uses others.
    token: String,
    /// A group without projects, which has the members of the other.
    team: String,
    /// A webhook, and what it is to be told.
    hook: i64,
    delivery: i64,
    /// A number that nothing else has.
    number: usize,
    /// A build that waits for a decision about its licence; a decision, a report and a takedown have this number and [`FAR`].
    reviewed: i64,
}

/// What a call sends.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) json: Value,
    /// Name of a file's part, where a form is sent; empty: a form without a file.
    pub(crate) file: Option<&'static str>,
}

impl<'a> Stage<'a> {
    pub(crate) async fn set(hub: &'a Hub) -> Stage<'a> {
        let admin = hub.user("admin").await;
        let mut users = vec![(Caller::Anonymous, None), (Caller::Machine, Some("Bearer builder-secret".to_owned()))];
        for (caller, name) in [
            (Caller::Other, "olaf"),
            (Caller::Builder, "carol"),
            (Caller::Admin, "bob"),
            (Caller::Owner, "alice"),
            (Caller::Member, "gina"),
            (Caller::GroupAdmin, "greta"),
        ] {
            users.push((caller, Some(hub.user(name).await.basic)));
        }
        hub.user("dora").await;
        users.push((Caller::SiteAdmin, Some(admin.basic.clone())));
        hub.beside("INSERT INTO user_groups (name, created_ms) VALUES ('grp', 1)").await;
        hub.beside(
            "INSERT INTO group_members (group_id, user_id, admin) SELECT g.id, u.id, CASE WHEN u.name = 'greta' THEN 1 ELSE 0 END \
             FROM user_groups g, users u WHERE u.name IN ('gina', 'greta')",
        )
        .await;
        let mut stage = Self { hub, admin, users };
        // What can be promoted.
        let add = json!({ "name": "origin", "chroots": [CHROOT] });
        hub.call(&stage.admin, "POST", "/api_3/project/add/alice", &add).await.ok();
        hub.built(&stage.admin, "alice/origin").await;
        let other = stage.world("alice", 0).await;
        for (caller, login) in [(Caller::Expired, "expired"), (Caller::Elsewhere, "elsewhere")] {
            let ends = if caller == Caller::Expired { 1 } else { clock::now_ms() + 3_600_000 };
            let only = if caller == Caller::Elsewhere {
                format!("(SELECT id FROM projects WHERE owner = 'alice' AND name = '{}')", other.project)
            } else {
                "NULL".to_owned()
            };
            let token = format!("token-{login}");
            hub.beside(&format!(
                "INSERT INTO tokens (login, user_id, token_sha256, created_ms, expires_ms, project_id) \
                 SELECT '{login}', id, '{}', 1, {ends}, {only} FROM users WHERE name = 'alice'",
                sha256(token.as_bytes())
            ))
            .await;
            stage.users.push((caller, Some(format!("Basic {}", STANDARD.encode(format!("{login}:{token}"))))));
        }
        stage
    }

    /// A new project with two builds, a package, and people who may do something there.
    pub(crate) async fn world(&self, owner: &'static str, number: usize) -> World {
        let (hub, admin) = (self.hub, &self.admin);
        let project = format!("libs-{number}");
        let add = json!({ "name": project, "chroots": [CHROOT] });
        hub.call(admin, "POST", &format!("/api_3/project/add/{owner}"), &add).await.ok();
        for (name, role, how) in
            [("bob", "admin", "approved"), ("carol", "builder", "approved"), ("dora", "builder", "request")]
        {
            hub.beside(&format!(
                "INSERT INTO permissions (project_id, user_id, {role}) SELECT p.id, u.id, '{how}' FROM projects p, users u \
                 WHERE p.owner = '{owner}' AND p.name = '{project}' AND u.name = '{name}'"
            ))
            .await;
        }
        let full = format!("{owner}/{project}");
        let (pending, ended) = (hub.submit(admin, &full).await, hub.submit(admin, &full).await);
        hub.call(admin, "PUT", &format!("/api_3/build/cancel/{ended}"), &Value::Null).await.ok();
        if table::all().any(|route| route.path == "/api_3/package/add/{owner}/{project}/{name}/{type}") {
            let tool = json!({ "clone_url": "https://src.example.org/tool.git", "webhook_rebuild": true });
            hub.call(admin, "POST", &format!("/api_3/package/add/{full}/tool/scm"), &tool).await.ok();
        }
        let reviewed = hub.submit(admin, &full).await;
        let far = FAR + reviewed;
        for sql in [
            format!(
                "UPDATE builds SET licence = 'Foo', licence_sha256 = '{reviewed}', licence_state = 'review' WHERE id = {reviewed}"
            ),
            format!("UPDATE build_chroots SET state = 'waiting' WHERE build_id = {reviewed}"),
            format!(
                "INSERT INTO licence_decisions (id, licence, licence_sha256, approved, reason, decided_by, decided_ms) \
                 VALUES ({far}, 'Bar', 'bar', 1, '', 'admin', 1)"
            ),
            format!(
                "INSERT INTO reports (id, owner, project, build_id, reporter, reason, created_ms) \
                 VALUES ({far}, '{owner}', '{project}', {ended}, 'dora', 'bad', 1)"
            ),
            // Of something that is long gone, so that nothing of this world is down.
            format!(
                "INSERT INTO takedowns (id, owner, project, build_id, reason, taken_by, taken_ms) \
                 VALUES ({far}, '{owner}', 'gone-{project}', 0, 'bad', 'admin', 1)"
            ),
        ] {
            hub.beside(&sql).await;
        }
        hub.beside(&format!(
            "INSERT INTO project_gates (project_id, rpm_uploads) SELECT id, 1 FROM projects \
             WHERE owner = '{owner}' AND name = '{project}'"
        ))
        .await;
        // No number that one will be given.
        let promotion = 1_000_000 + pending;
        hub.beside(&format!(
            "INSERT INTO promotions (id, source_id, source_owner, source_name, target_id, submitter, state, created_ms) \
             SELECT {promotion}, 0, 'alice', 'origin', id, 'dora', 'waiting', 1 FROM projects \
             WHERE owner = '{owner}' AND name = '{project}'"
        ))
        .await;
        let (token, team) = (format!("spare-{owner}-{number}"), format!("team-{}-{number}", owner.replace('@', "")));
        hub.beside(&format!(
            "INSERT INTO tokens (login, user_id, token_sha256, created_ms, expires_ms) \
             SELECT '{token}', id, 'none', 1, 2 FROM users WHERE name = 'alice'"
        ))
        .await;
        hub.beside(&format!("INSERT INTO user_groups (name, created_ms) VALUES ('{team}', 1)")).await;
        hub.beside(&format!(
            "INSERT INTO group_members (group_id, user_id, admin) SELECT t.id, m.user_id, m.admin FROM group_members m \
             JOIN user_groups g ON g.id = m.group_id AND g.name = 'grp', user_groups t WHERE t.name = '{team}'"
        ))
        .await;
        let add = json!({ "url": "https://hooks.example.org/world" });
        let hook =
            hub.call(admin, "POST", &format!("/api_3/webhook/add/{full}"), &add).await.ok()["id"].as_i64().unwrap();
        let test = format!("/api_3/webhook/test/{full}/{hook}");
        let delivery = hub.call(admin, "POST", &test, &Value::Null).await.ok()["id"].as_i64().unwrap();
        World { owner, project, pending, ended, promotion, token, team, hook, delivery, number, reviewed }
    }

    async fn send(&self, caller: Caller, route: &Route, call: &Call) -> Answer {
        let credentials = self.users.iter().find(|(known, _)| *known == caller).and_then(|(_, basic)| basic.as_deref());
        self.hub.send(call.request(route, credentials)).await
    }
}

impl Call {
    pub(crate) fn request(&self, route: &Route, credentials: Option<&str>) -> Request<Bytes> {
        let mut request = Request::builder().method(route.method).uri(&self.path);
        if let Some(credentials) = credentials {
            request = request.header(header::AUTHORIZATION, credentials);
        }
        match self.file {
            Some(part) => {
                let request = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=B");
                let package = if route.path.ends_with("/rpm-upload") { BINARY } else { SOURCE };
                request.body(Bytes::from(form(part, &package, &self.json))).unwrap()
            }
            None if self.json.is_null() => request.body(Bytes::empty()).unwrap(),
            None => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                request.body(Bytes::from(self.json.to_string())).unwrap()
            }
        }
    }
}

/// A form as copr-cli sends it: the file, then the options.
fn form(part: &str, package: &Rpm<'_>, options: &Value) -> Vec<u8> {
    let head = |part: &str, file: &str| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"{file}\"\r\n\r\n").into_bytes()
    };
    let mut form = Vec::new();
    if !part.is_empty() {
        form.extend([head(part, &package.file()), package.bytes(), b"\r\n".to_vec()].concat());
    }
    form.extend([head("json", "json"), options.to_string().into_bytes(), b"\r\n--B--\r\n".to_vec()].concat());
    form
}

impl World {
    /// A call of this address about this world, with nothing wrong in it. An address that nobody taught this fails.
    pub(crate) fn call(&self, route: &Route) -> Call {
        let builders = route.path.starts_with("/builder/");
        let mut path = route.path.to_owned();
        for name in route.path_parameters() {
            let value = match name {
                "id" if builders => "no-such-lease".to_owned(),
                "file" => SOURCE.file(),
                "name" if builders => "build.log".to_owned(),
                "id" if route.path.contains("/promotion/") => self.promotion.to_string(),
                "id" if route.path.contains("/cancel/") => self.pending.to_string(),
                "id" if route.path.contains("/approve/") || route.path.contains("/refuse/") => {
                    self.reviewed.to_string()
                }
                "id" if ["/licence/", "/report/", "/takedown/"].iter().any(|part| route.path.contains(part)) => {
                    (FAR + self.reviewed).to_string()
                }
                "id" => self.ended.to_string(),
                "owner" => self.owner.to_owned(),
                "project" | "dirname" => self.project.clone(),
                "chroot" => CHROOT.to_owned(),
                "login" => self.token.clone(),
                "group" if route.path.contains("/group/add/") => format!("new-{}", self.number),
                "group" => self.team.clone(),
                "name_release" => "fedora-44".to_owned(),
                "who" => "carol".to_owned(),
                "hook" => self.hook.to_string(),
                "delivery" => self.delivery.to_string(),
                "name" if route.path.contains("/package/add/") => format!("new-{}", self.number),
                "name" if route.path.contains("/package/") => "tool".to_owned(),
                "type" => "scm".to_owned(),
                other => panic!("{} {}: what is {other}?", route.method, route.path),
            };
            path = path.replace(&format!("{{{name}}}"), &value);
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for parameter in route.parameters().filter(|parameter| parameter.required) {
            let value = match parameter.name {
                "ownername" => self.owner.to_owned(),
                "projectname" => self.project.clone(),
                "chrootname" => CHROOT.to_owned(),
                "build_id" => self.ended.to_string(),
                "packagename" => "tool".to_owned(),
                "groupname" => self.team.clone(),
                "query" => "libs".to_owned(),
                other => panic!("{} {}: what is {other}?", route.method, route.path),
            };
            query.append_pair(parameter.name, &value);
        }
        let query = query.finish();
        if !query.is_empty() {
            path = format!("{path}?{query}");
        }
        let file = match route.body {
            Body::Form { files, needed: true, .. } => Some(files),
            Body::Form { .. } => Some(""),
            _ => None,
        };
        Call { path, json: self.json(route), file }
    }

    fn json(&self, route: &Route) -> Value {
        let project = json!({ "ownername": self.owner, "projectname": self.project });
        let with = |more: Value| {
            let mut all = project.clone();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        match route.path {
            _ if matches!(route.body, Body::None) => Value::Null,
            _ if matches!(route.body, Body::Bytes) => json!({}),
            "/api_3/project/add/{owner}" => json!({ "name": format!("new-{}", self.number), "chroots": [CHROOT] }),
            "/api_3/project/edit/{owner}/{project}" => json!({ "description": "changed" }),
            "/api_3/project/delete/{owner}/{project}" => json!({ "verify": true }),
            "/api_3/webhook/add/{owner}/{project}" => json!({ "url": "https://hooks.example.org/x" }),
            "/api_3/webhook/edit/{owner}/{project}/{hook}" => json!({ "active": true }),
            "/api_3/project/fork/{owner}/{project}" => {
                json!({ "name": format!("fork-{}", self.number), "ownername": null, "confirm": false })
            }
            "/api_3/project/prune/{owner}/{project}" => json!({ "keep": 1, "dry_run": true }),
            "/api_3/project/undelete/{owner}/{project}" => json!({ "prune_id": 1 }),
            "/api_3/api-token/new" => json!({ "label": "laptop", "days": 7 }),
            "/api_3/licence/approve/{id}" | "/api_3/licence/refuse/{id}" => json!({ "reason": "looked at" }),
            "/api_3/terms/accept" => json!({ "version": "none" }),
            "/api_3/report/add" | "/api_3/takedown/add" => with(json!({ "reason": "It is not free." })),
            "/api_3/report/dismiss/{id}" | "/api_3/report/takedown/{id}" | "/api_3/takedown/restore/{id}" => {
                json!({ "note": "looked at" })
            }
            "/api_3/group/add/{group}" => json!({ "claim": format!("people/{}", self.number) }),
            "/api_3/group/members/{group}" => json!({ "dora": { "member": true } }),
            "/api_3/pins/{owner}" => json!({ "projects": [format!("{}/{}", self.owner, self.project)] }),
            "/api_3/project/permissions/set/{owner}/{project}" => json!({ "dora": { "builder": "approved" } }),
            "/api_3/project/permissions/request/{owner}/{project}" => json!({ "builder": true }),
            "/api_3/project-chroot/edit/{owner}/{project}/{chroot}" => json!({ "additional_packages": ["make"] }),
            "/api_3/build/delete/list" => json!({ "builds": [self.ended] }),
            "/api_3/build/check-before-build" | "/api_3/build/create/upload" | "/api_3/build/create/rpm-upload" => {
                project
            }
            "/api_3/project/gates/{owner}/{project}" => json!({ "votes": 1 }),
            "/api_3/promotion/new/{owner}/{project}" => json!({ "source": "alice/origin" }),
            "/api_3/promotion/vote/{id}" => json!({ "vote": 1 }),
            "/api_3/promotion/override/{id}" | "/api_3/promotion/cancel/{id}" => json!({ "reason": "as it should" }),
            "/api_3/build/create/url" => with(json!({ "pkgs": ["https://src.example.org/hello-1.0-1.src.rpm"] })),
            "/api_3/build/create/scm" => with(json!({ "clone_url": "https://src.example.org/hello.git" })),
            "/api_3/package/add/{owner}/{project}/{name}/{type}"
            | "/api_3/package/edit/{owner}/{project}/{name}/{type}" => {
                json!({ "clone_url": "https://src.example.org/tool.git" })
            }
            "/api_3/package/reset" | "/api_3/package/delete" | "/api_3/package/build" => {
                with(json!({ "package_name": "tool" }))
            }
            other => panic!("{} {other}: what does a body look like?", route.method),
        }
    }
}

/// Every cell of the table; the engines are stories of their own, because each takes long.
async fn everyone_may_call_what_the_table_lets_him_and_nothing_else(hub: &Hub) {
    let stage = Stage::set(hub).await;
    let worlds = [stage.world("alice", 1).await, stage.world("@grp", 1).await];
    let mut wrong = Vec::new();
    let (rows, kept) = (hub.rows().await, hub.kept().await);
    let mut number = 1;
    let mut cells = 0;
    // Who renews a token can call nothing more with the old one.
    let mut routes: Vec<&Route> = table::all().collect();
    routes.sort_by_key(|route| route.path == "/api_3/api-token");
    for refused in [true, false] {
        for &route in &routes {
            for caller in CALLERS.into_iter().filter(|caller| caller.may(route.who) != refused) {
                let world = if refused || route.method == "GET" {
                    worlds.iter().find(|world| world.owner == caller.owner()).unwrap().clone()
                } else {
                    number += 1;
                    stage.world(caller.owner(), number).await
                };
                let answer = stage.send(caller, route, &world.call(route)).await;
                let status = answer.status.as_u16();
                let fine = match (refused, caller.known()) {
                    (_, true) if route.who == Who::Nobody => {
                        status == 400 && answer.text().contains("not supported here")
                    }
                    // Copr's form of it: several builds, each with what is the matter with it.
                    (true, true) if route.path == "/api_3/build/delete/list" => {
                        status == 400 && answer.text().contains("You don't have permissions to delete")
                    }
                    // No user is known where builders call.
                    (true, true) => status == if route.who == Who::Builder { 401 } else { 403 },
                    (true, false) => status == 401,
                    // A lease that nobody has is 409, or 404.
                    (false, _) if route.who == Who::Builder => !matches!(status, 401 | 403 | 405 | 500..),
                    // Who has a role already asks for none.
                    (false, _) if route.path.contains("/permissions/request/") => matches!(status, 200 | 400),
                    // There is nothing to be brought back.
                    (false, _) if route.path.contains("/undelete/") => {
                        status == 404 && answer.text().contains("Prune 1")
                    }
                    // There is no key where nothing is signed.
                    (false, _) if route.path.contains("/project-key/rotate/") => {
                        status == 400 && answer.text().contains("signs nothing")
                    }
                    (false, _) => answer.status.is_success(),
                };
                cells += 1;
                if !fine {
                    let text: String = answer.text().chars().take(200).collect();
                    wrong.push(format!("{} {} by {caller:?}: {status}: {text}", route.method, route.path));
                } else if refused && answer.json()["error"].as_str().is_none_or(str::is_empty) {
                    wrong.push(format!("{} {} by {caller:?}: no error", route.method, route.path));
                }
            }
        }
        if refused {
            let now = hub.rows().await;
            let changed: Vec<_> = now.iter().filter(|(table, count)| rows.get(*table) != Some(count)).collect();
            if !changed.is_empty() || hub.kept().await != kept {
                wrong.push(format!("who was refused has changed something: {changed:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}, {} of {cells}:\n{}", hub.place.engine, wrong.len(), wrong.join("\n"));
    assert_eq!(cells, table::all().count() * CALLERS.len());
}

#[tokio::test]
async fn everyone_may_call_what_the_table_lets_him_and_nothing_else_on_sqlite() {
    everyone_may_call_what_the_table_lets_him_and_nothing_else(&Hub::on_sqlite().await).await;
}

#[tokio::test]
async fn everyone_may_call_what_the_table_lets_him_and_nothing_else_on_postgresql() {
    if let Some(hub) = Hub::on_postgresql().await {
        everyone_may_call_what_the_table_lets_him_and_nothing_else(&hub).await;
    }
}

#[tokio::test]
async fn everyone_may_call_what_the_table_lets_him_and_nothing_else_with_a_bucket() {
    if let Some(hub) = Hub::with_a_bucket().await {
        everyone_may_call_what_the_table_lets_him_and_nothing_else(&hub).await;
    }
}

#[tokio::test]
async fn a_token_in_an_address_or_in_a_body_is_no_token() {
    for hub in Hub::on_every_engine().await {
        let alice = hub.user("alice").await;
        let text = STANDARD.decode(alice.basic.strip_prefix("Basic ").unwrap()).unwrap();
        let (login, token) = std::str::from_utf8(&text).unwrap().split_once(':').unwrap();
        for path in [
            format!("/api_3/auth-check?login={login}&token={token}"),
            format!("/api_3/auth-check?api_login={login}&api_token={token}"),
            format!("http://{login}:{token}@copr.test/api_3/auth-check"),
        ] {
            let error = hub.get(&path).await.error(400);
            assert!(error.contains("Authorization") && !error.contains(login) && !error.contains(token), "{error}");
        }
        let body = json!({ "name": "p", "chroots": [CHROOT], "login": login, "token": token });
        let add = hub.calls(None, "POST", "/api_3/project/add/alice", &body).answer().await;
        assert!(!add.error(401).contains(token));
    }
}
