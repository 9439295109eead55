//! A library changes, and those who need it learn of it; those who want it are built anew, and there is an end to it.

use coprd::{db, events::dependents};
use serde_json::{Value, json};

use crate::{
    happenings::{told, topics},
    packages::Rpm,
    support::{CHROOT, Hub, User},
};

const SERVER: &str = "events-test";

fn source<'a>(name: &'a str, version: &'a str) -> Rpm<'a> {
    Rpm { name, version, release: "1", arch: "x86_64", source: None }
}

/// What a story needs of a server.
struct Town {
    hub: Hub,
    alice: User,
}

impl Town {
    async fn new(hub: Hub) -> Self {
        let alice = hub.user("alice").await;
        hub.create(&alice, "libs").await;
        let add = json!({
            "name": "app", "chroots": [CHROOT], "runtime_dependencies": ["copr://alice/libs"],
            "rebuild_on_dependency_changes": true,
        });
        hub.call(&alice, "POST", "/api_3/project/add/alice", &add).await.ok();
        Self { hub, alice }
    }

    /// Submits a package of this name and version; its build.
    async fn submit(&self, project: &str, name: &str, version: &str) -> i64 {
        let of = source(name, version);
        let answer = self.hub.upload(&self.alice, project, &of.file(), &of.bytes(), json!({})).await.ok();
        answer["id"].as_i64().unwrap()
    }

    /// Builds what is next in the queue: a binary package of that name and version, which provides and requires these.
    async fn hand_in(&self, name: &str, version: &str, provides: &[&str], requires: &[&str]) -> i64 {
        let lease = self.hub.lease().await;
        let from = source(name, version).file();
        let of = Rpm { source: Some(&from), ..source(name, version) };
        let bytes = of.bytes_needing(provides, requires);
        self.hub.put(&lease.id, &of.file(), &bytes).await.ok();
        self.hub.finish(&lease.id, copr_api::builder::Outcome::Succeeded, vec![of.claim_of(&bytes)]).await.ok();
        self.hub.publish().await;
        lease.build_id
    }

    async fn built(&self, project: &str, name: &str, version: &str, provides: &[&str], requires: &[&str]) {
        self.submit(project, name, version).await;
        self.hand_in(name, version, provides, requires).await;
    }

    async fn look(&self) {
        dependents::run_all(&self.hub.state, SERVER).await.unwrap();
    }

    async fn of(&self, what: &str, project: &str) -> Vec<Value> {
        let path = format!("/api_3/project/{what}?ownername=alice&projectname={project}");
        self.hub.get(&path).await.ok()["items"].as_array().unwrap().clone()
    }

    /// Who would be built if something of `libs` changed.
    async fn plan(&self, more: &str) -> Value {
        let path = format!("/api_3/project/dependents?ownername=alice&projectname=libs{more}");
        self.hub.call(&self.alice, "GET", &path, &Value::Null).await.ok()
    }

    async fn builds(&self) -> i64 {
        self.hub.rows().await["builds"]
    }
}

#[tokio::test]
async fn a_soname_that_went_away_is_missed_and_its_users_are_built_anew_until_they_need_it_no_more() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        town.built("libs", "libgreet", "1.0", &["libgreet.so.1()(64bit)"], &[]).await;
        town.built("app", "hello", "1.0", &[], &["libgreet.so.1()(64bit)", "libc.so.6()(64bit)"]).await;
        town.built("app", "other", "1.0", &[], &["libc.so.6()(64bit)"]).await;
        town.look().await;
        assert_eq!((town.of("notices", "app").await.len(), town.builds().await), (0, 3));
        // What would happen.
        let plan = town.plan("&packagename=libgreet").await;
        let expected = json!([{
            "ownername": "alice", "projectname": "app", "package": "hello", "chroot": CHROOT,
            "requires": "libgreet.so.1()(64bit)", "rebuilt": true,
        }]);
        assert_eq!(plan["items"], expected);
        assert_eq!(town.builds().await, 3, "nothing is built of that");

        town.built("libs", "libgreet", "2.0", &["libgreet.so.2()(64bit)"], &[]).await;
        town.look().await;
        let notices = town.of("notices", "app").await;
        assert_eq!(
            (&notices[0]["kind"], &notices[0]["about"]),
            (&json!("dependency-broken"), &json!(format!("alice/libs/{CHROOT}")))
        );
        assert!(
            notices[0]["text"].as_str().unwrap().contains("hello-1.0-1.x86_64 requires libgreet.so.1()(64bit)"),
            "{notices:?}"
        );
        assert_eq!(notices.len(), 1);
        assert!(town.hub.get("/coprs/alice/app/").await.text().contains("hello-1.0-1.x86_64 requires"));
        let rebuilds = town.of("rebuilds", "app").await;
        assert_eq!((rebuilds.len(), &rebuilds[0]["package"], &rebuilds[0]["depth"]), (1, &json!("hello"), &json!(1)));
        let build = rebuilds[0]["build"].as_i64().unwrap();
        let shown = town.hub.build(build).await;
        assert_eq!((&shown["submitter"], &shown["is_background"]), (&json!("rebuild:auto"), &json!(true)));
        // Looking once more, also after the server died over it, changes nothing.
        town.look().await;
        town.hub.sql("UPDATE provided SET capabilities = 'libgreet.so.1()(64bit)', builds = '1' WHERE repository LIKE 'alice/libs/%'").await;
        town.hub.sql("UPDATE tasks SET run_after_ms = 0, claimed_until_ms = 0 WHERE kind = 'dependents'").await;
        town.look().await;
        assert_eq!((town.of("rebuilds", "app").await.len(), town.builds().await), (1, 5));

        // Of the same version, it is published beside the old one; a newer release takes its place.
        assert_eq!(town.hand_in("hello", "1.1", &[], &["libgreet.so.2()(64bit)"]).await, build);
        town.look().await;
        assert_eq!(town.of("notices", "app").await, Vec::<Value>::new());
        let all = told(&town.hub, "topics=copr.dependency.broken,copr.dependency.mended,copr.rebuild.started").await;
        assert_eq!(topics(&all), ["copr.dependency.broken", "copr.rebuild.started", "copr.dependency.mended"]);
        assert_eq!(all[1]["body"]["build"], build);
        assert_eq!(town.builds().await, 5);
    }
}

#[tokio::test]
async fn who_does_not_want_it_is_told_and_not_built() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        town.built("libs", "libgreet", "1.0", &["libgreet.so.1"], &[]).await;
        town.built("app", "hello", "1.0", &[], &["libgreet.so.1"]).await;
        town.look().await;
        let mut package = {
            let owner = "alice".parse().unwrap();
            let project = db::project::get(&town.hub.state.db, &owner, &"app".parse().unwrap()).await.unwrap().unwrap();
            db::package::get(&town.hub.state.db, project.id, "hello").await.unwrap().unwrap()
        };
        package.rebuild_on_dependency_changes = false;
        db::package::set(&town.hub.state.db, &package).await.unwrap();
        let plan = town.plan("").await;
        assert_eq!(plan["items"][0]["rebuilt"], false);
        town.built("libs", "libgreet", "2.0", &["libgreet.so.2"], &[]).await;
        town.look().await;
        assert_eq!((town.of("notices", "app").await.len(), town.of("rebuilds", "app").await.len()), (1, 0));
        // When the old one is there again, nothing is missed.
        town.built("libs", "libgreet1", "1.0", &["libgreet.so.1"], &[]).await;
        town.look().await;
        assert_eq!(town.of("notices", "app").await.len(), 0);
    }
}

#[tokio::test]
async fn packages_that_need_one_another_are_not_built_for_ever_and_people_are_told() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let on = json!({ "rebuild_on_dependency_changes": true });
        town.hub.call(&town.alice, "PUT", "/api_3/project/edit/alice/libs", &on).await.ok();
        // Each provides something that has its version, and requires that of the other.
        town.built("libs", "a", "1", &["a(1)"], &[]).await;
        town.built("libs", "b", "1", &["b(1)"], &["a(1)"]).await;
        town.built("libs", "a", "2", &["a(1)", "a(2)"], &["b(1)"]).await;
        town.look().await;
        let before = town.builds().await;
        town.built("libs", "a", "3", &["a(3)"], &["b(1)"]).await;
        let mut versions = 3;
        loop {
            town.look().await;
            let rebuilds = town.of("rebuilds", "libs").await;
            let Some(next) =
                rebuilds.first().filter(|one| one["build"].as_i64().unwrap() == before + 1 + (versions - 2))
            else {
                break;
            };
            versions += 1;
            assert!(versions < 20, "this has no end");
            let (version, package) = (versions.to_string(), next["package"].as_str().unwrap().to_owned());
            let (own, other) = if package == "a" { ("a", "b") } else { ("b", "a") };
            let (provides, requires) = (format!("{own}({version})"), format!("{other}({})", versions - 1));
            town.hand_in(&package, &version, &[&provides], &[&requires]).await;
        }
        let rebuilds = town.of("rebuilds", "libs").await;
        let done: Vec<_> = rebuilds
            .iter()
            .rev()
            .map(|one| (one["package"].as_str().unwrap(), one["depth"].as_i64().unwrap()))
            .collect();
        assert_eq!(done, [("b", 1), ("a", 2)], "each once for one change");
        assert!(rebuilds.iter().all(|one| one["cause"] == rebuilds[0]["cause"]));
        let notices = town.of("notices", "libs").await;
        let stopped: Vec<_> = notices.iter().filter(|one| one["kind"] == "rebuild-stopped").collect();
        assert_eq!(stopped.len(), 1, "{notices:?}");
        assert!(stopped[0]["text"].as_str().unwrap().contains("has come back to it"), "{stopped:?}");
        let stops = told(&town.hub, "topics=copr.rebuild.stopped").await;
        assert_eq!(stops.len(), 1);
    }
}

#[tokio::test]
async fn a_long_chain_of_dependents_is_followed_as_far_as_it_may_be() {
    for hub in Hub::on_every_engine().await {
        let town = Town::new(hub).await;
        let on = json!({ "rebuild_on_dependency_changes": true });
        town.hub.call(&town.alice, "PUT", "/api_3/project/edit/alice/libs", &on).await.ok();
        let names = ["n0", "n1", "n2", "n3", "n4", "n5"];
        for (number, name) in names.iter().enumerate() {
            let provides = format!("{name}(1)");
            let requires = format!("n{}(1)", number.saturating_sub(1));
            let requires: Vec<&str> = if number == 0 { Vec::new() } else { vec![requires.as_str()] };
            town.built("libs", name, "1", &[&provides], &requires).await;
        }
        town.look().await;
        town.built("libs", "n0", "2", &["n0(2)"], &[]).await;
        // Each build changes what the next one needs.
        for (number, name) in names.iter().enumerate().skip(1).take(3) {
            town.look().await;
            let (provides, requires) = (format!("{name}(2)"), format!("n{}(2)", number - 1));
            town.hand_in(name, "2", &[&provides], &[&requires]).await;
        }
        town.look().await;
        assert!(town.hub.lease_as("builder-1").await.is_none(), "three may follow one another");
        let rebuilds = town.of("rebuilds", "libs").await;
        assert_eq!(rebuilds.iter().map(|one| one["depth"].as_i64().unwrap()).collect::<Vec<_>>(), [3, 2, 1]);
        let stopped = told(&town.hub, "topics=copr.rebuild.stopped").await;
        assert_eq!((stopped.len(), &stopped[0]["body"]["details"]["packages"]), (1, &json!(["n4"])));
    }
}
