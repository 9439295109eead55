//! What the administrator sets for the running of the server: who may connect, how much, and what is told of it.

use std::{net::IpAddr, path::PathBuf};

use serde::Deserialize;

/// `[limits]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a source package.
    pub upload_bytes: u64,
    /// Bytes of one result.
    pub result_bytes: u64,
    /// Results of one build-chroot.
    pub result_files: usize,
    /// Bytes of one log.
    pub log_bytes: u64,
    /// Bytes of the body of every other call.
    pub body_bytes: usize,
    /// Connections at once; more wait until one ends.
    pub connections: usize,
    /// Calls that follow builds at once; more are told to come later.
    pub followers: usize,
    /// The same of one address.
    pub followers_of_address: usize,
    /// Seconds in which the head of a request must have come, and a TLS handshake must be done.
    pub header_seconds: u64,
    /// Seconds for which a body may send nothing.
    pub stall_seconds: u64,
    /// Seconds for which calls at work go on after the server was asked to stop.
    pub drain_seconds: u64,
    /// Calls a minute.
    pub rate: Rate,
}

/// `[limits.rate]`: calls a minute of one user, or of one address where no user is known; 0: any number.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rate {
    /// Calls of the API that only read.
    pub read: u32,
    /// Calls that change something.
    pub write: u32,
    /// Calls that bring files.
    pub upload: u32,
    /// Tries to sign in; always counted by address.
    pub sign_in: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes: 8 << 30,
            result_bytes: 8 << 30,
            result_files: 2000,
            log_bytes: 256 << 20,
            body_bytes: 1 << 20,
            connections: 8192,
            followers: 5000,
            followers_of_address: 100,
            header_seconds: 30,
            stall_seconds: 60,
            drain_seconds: 10,
            rate: Rate::default(),
        }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self { read: 12_000, write: 3000, upload: 600, sign_in: 30 }
    }
}

impl Limits {
    /// What is wrong: the key and its rule.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let within = |key, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) { Ok(()) } else { Err((key, format!("must be {least} to {most}"))) }
        };
        within("limits.body_bytes", self.body_bytes as u64, 4096, 1 << 30)?;
        within("limits.connections", self.connections as u64, 16, 1_000_000)?;
        within("limits.header_seconds", self.header_seconds, 1, 600)?;
        within("limits.stall_seconds", self.stall_seconds, 1, 3600)?;
        within("limits.drain_seconds", self.drain_seconds, 0, 3600)
    }
}

/// `[tls]`: the server speaks TLS itself when both are set.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// PEM file with the certificate, and those of its issuers behind it.
    pub certificate: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
}

impl Tls {
    /// Whether the server speaks TLS itself.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.certificate.as_os_str().is_empty()
    }

    /// What is wrong: the key and its rule.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let (certificate, key) = (&self.certificate, &self.key);
        if certificate.as_os_str().is_empty() == key.as_os_str().is_empty() {
            return Ok(());
        }
        Err(("tls.certificate", "and tls.key must both be set, or neither".to_owned()))
    }
}

/// `[log]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
}

/// How lines of the log look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `[metrics]`: who may read `/metrics`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Everyone; otherwise this machine, and who has the token.
    pub public: bool,
    /// Bearer token; empty: none.
    pub token: Option<copr_api::names::Secret>,
}

/// Networks in the form `ADDRESS/LENGTH`, or single addresses.
pub(super) fn networks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<(IpAddr, u8)>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let network = |text: &String| match text.parse::<IpAddr>() {
        Ok(address) => Ok((address, if address.is_ipv4() { 32 } else { 128 })),
        Err(_) => copr_builder::parse_network(text),
    };
    texts.iter().map(|text| network(text).map_err(serde::de::Error::custom)).collect()
}

/// Whether an address lies in one of the networks; IPv4 addresses in IPv6 form count as IPv4.
#[must_use]
pub fn is_within(networks: &[(IpAddr, u8)], address: IpAddr) -> bool {
    fn bits(address: IpAddr) -> (u128, u32) {
        match address.to_canonical() {
            IpAddr::V4(four) => (u128::from(u32::from(four)), 32),
            IpAddr::V6(six) => (u128::from(six), 128),
        }
    }
    let (wanted, size) = bits(address);
    networks.iter().any(|(network, length)| {
        let (network, of) = bits(*network);
        let shift = size.saturating_sub(u32::from(*length));
        of == size && (shift >= 128 || network >> shift == wanted >> shift)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_a_network_of_its_own_family_only() {
        let networks =
            [("10.1.0.0".parse().unwrap(), 16), ("fd00::".parse().unwrap(), 8), ("::1".parse().unwrap(), 128)];
        for (address, within) in [
            ("10.1.255.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.1", false),
            ("fd12::1", true),
            ("fe80::1", false),
            ("::1", true),
            ("::2", false),
        ] {
            assert_eq!(is_within(&networks, address.parse().unwrap()), within, "{address}");
        }
        assert!(is_within(&[("0.0.0.0".parse().unwrap(), 0)], "8.8.8.8".parse().unwrap()));
    }
}
