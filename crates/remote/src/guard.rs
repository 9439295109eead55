//! Which servers may be asked, where strangers name the repositories.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Name, Resolve, Resolving};
use url::{Host, Url};

type Rule = dyn Fn(IpAddr) -> Result<(), String> + Send + Sync;

/// A rule about addresses, for [`RemoteOptions::guard`](crate::RemoteOptions::guard). It is asked for the very address that is
/// then connected to: what a name leads to changes from question to question.
#[derive(Clone)]
pub struct Guard(Arc<Rule>);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

/// An address that may not be asked: why.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(String);

impl Guard {
    /// `rule` says of an address why it may not be connected to.
    #[must_use]
    pub fn new(rule: impl Fn(IpAddr) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    /// Refuses addresses that are written as such; names are left to the resolver.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Refused> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        (self.0)(address).map_err(Refused)
    }
}

/// Gives connections the addresses that may be reached, and only those.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let mut permitted: Vec<SocketAddr> = Vec::new();
            let mut refusal = None;
            for address in tokio::net::lookup_host((name.as_str(), 0)).await? {
                match (guard.0)(address.ip()) {
                    Ok(()) => permitted.push(address),
                    Err(why) => refusal = Some(Refused(why)),
                }
            }
            match refusal {
                Some(refused) if permitted.is_empty() => Err(refused.into()),
                _ => Ok(Box::new(permitted.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>),
            }
        })
    }
}

/// Whether the environment names a proxy: then names are resolved there, and its own name here.
pub(crate) fn has_proxy() -> bool {
    let names = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    names.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}
