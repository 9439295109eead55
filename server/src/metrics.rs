//! The figures of a running server, for Prometheus.

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::db::operation::Figures;

/// Upper ends of the classes of latency, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    /// The template, never the path: there are few.
    route: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Waiting {
    arch: String,
    state: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    what: &'static str,
}

type Latency = Family<Route, Histogram, fn() -> Histogram>;

/// What has been counted since the server started.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    latency: Latency,
    ended: Family<Ended, Counter>,
    published: Histogram,
    signed: Histogram,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("coprd");
        let requests = Family::default();
        let latency = Latency::new_with_constructor(|| Histogram::new(SECONDS));
        let (ended, published, signed) = (Family::default(), Histogram::new(SECONDS), Histogram::new(SECONDS));
        registry.register("http_requests", "Requests, by route, method and class of status", requests.clone());
        registry.register_with_unit("http_latency", "Time until an answer began", Unit::Seconds, latency.clone());
        registry.register("builds_ended", "Builds in one chroot that builders have ended, by state", ended.clone());
        registry.register_with_unit("publish", "Time of one publish of a repository", Unit::Seconds, published.clone());
        registry.register_with_unit("signature", "Time until a signature was there", Unit::Seconds, signed.clone());
        Self { registry, requests, latency, ended, published, signed }
    }
}

impl Metrics {
    /// Counts a request that was answered after `took`; `template` is its route's, empty for none.
    pub fn request(&self, method: &'static str, template: &str, status: u16, took: Duration) {
        let route = if template.is_empty() { "none" } else { template.trim_end_matches('/') }.to_owned();
        let status = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.latency.get_or_create(&Route { route: route.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&Request { method, route, status }).inc();
    }

    /// Counts a build in one chroot that a builder has ended in this state.
    pub fn ended(&self, state: &'static str) {
        self.ended.get_or_create(&Ended { state }).inc();
    }

    /// Counts a publish of one repository.
    pub fn published(&self, took: Duration) {
        self.published.observe(took.as_secs_f64());
    }

    /// Counts a signature.
    pub fn signed(&self, took: Duration) {
        self.signed.observe(took.as_secs_f64());
    }

    /// All of it as text, with what the database says now, how many of its connections there are and idle, and how many follow
    /// builds.
    ///
    /// # Errors
    /// Never; the type of formatting asks for it.
    pub fn render(
        &self,
        figures: &Figures,
        (connections, idle): (u32, usize),
        followers: usize,
    ) -> Result<String, fmt::Error> {
        let mut now = Registry::with_prefix("coprd");
        let queue = Family::<Waiting, Gauge>::default();
        for (arch, state, count) in &figures.queue {
            queue.get_or_create(&Waiting { arch: arch.clone(), state: state.clone() }).set(*count);
        }
        now.register("queue", "Builds in one chroot that have not ended, by architecture and state", queue);
        let gauge = |now: &mut Registry, name: &str, help: &str, value: i64| {
            let gauge: Gauge = Gauge::default();
            gauge.set(value);
            now.register(name, help, gauge);
        };
        gauge(&mut now, "machines", "Leases of builders", figures.leases);
        gauge(&mut now, "builders", "Builders that have a lease", figures.builders);
        let followers = i64::try_from(followers).unwrap_or(i64::MAX);
        gauge(&mut now, "followers", "Calls that follow a build", followers);
        let tasks = Family::<Of, Gauge>::default();
        tasks.get_or_create(&Of { what: "waiting" }).set(figures.tasks_waiting);
        tasks.get_or_create(&Of { what: "failing" }).set(figures.tasks_failing);
        now.register(
            "publish_tasks",
            "Repositories that are to be published, and those of them whose last try failed",
            tasks,
        );
        let pool = Family::<Of, Gauge>::default();
        pool.get_or_create(&Of { what: "open" }).set(i64::from(connections));
        pool.get_or_create(&Of { what: "idle" }).set(i64::try_from(idle).unwrap_or(i64::MAX));
        now.register("db_connections", "Connections to the database", pool);
        let mut own = Registry::default();
        let process = process();
        let value = |value: u64| {
            let gauge: Gauge = Gauge::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            gauge
        };
        own.register("process_resident_memory_bytes", "Resident memory", value(process.resident));
        own.register("process_open_fds", "Open files", value(process.files));
        own.register("process_threads", "Threads", value(process.threads));
        let mut text = String::new();
        for registry in [&self.registry, &now, &own] {
            encode_registry(&mut text, registry)?;
        }
        encode_eof(&mut text)?;
        Ok(text)
    }
}

#[derive(Default)]
struct Process {
    resident: u64,
    files: u64,
    threads: u64,
}

/// What the kernel says of this process; zeros where it says nothing.
fn process() -> Process {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default()
    };
    Process {
        resident: number("VmRSS:") * 1024,
        threads: number("Threads:"),
        files: fs_err::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_have_names_types_and_an_end() {
        let metrics = Metrics::default();
        metrics.request("GET", "/api_3/build/{id}", 404, Duration::from_millis(2));
        metrics.request("GET", "/api_3/build/{id}/", 200, Duration::from_millis(2));
        metrics.ended("succeeded");
        let figures = Figures {
            queue: vec![("x86_64".to_owned(), "pending".to_owned(), 3)],
            leases: 2,
            builders: 1,
            tasks_waiting: 5,
            tasks_failing: 1,
        };
        let text = metrics.render(&figures, (8, 7), 9).unwrap();
        for line in [
            "coprd_http_requests_total{method=\"GET\",route=\"/api_3/build/{id}\",status=\"4xx\"} 1",
            "coprd_http_latency_seconds_count{route=\"/api_3/build/{id}\"} 2",
            "coprd_builds_ended_total{state=\"succeeded\"} 1",
            "coprd_queue{arch=\"x86_64\",state=\"pending\"} 3",
            "coprd_machines 2",
            "coprd_followers 9",
            "coprd_publish_tasks{what=\"failing\"} 1",
            "coprd_db_connections{what=\"idle\"} 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1, "{text}");
        let resident = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes ")).unwrap();
        assert!(resident.parse::<u64>().unwrap() > 1 << 20, "{resident}");
    }
}
