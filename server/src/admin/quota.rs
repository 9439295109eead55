//! `coprd admin user quota`, `group quota` and `quota check`: how much owners store.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result, bail};
use copr_api::names::OwnerName;

use super::open;
use crate::{
    config::quota::{parse_size, size},
    db::quota,
};

/// Sets how much an owner may store (`none`: no limit; `default`: what the configuration says), and tells what it stores.
///
/// # Errors
/// There is no such user or group, or the size is none.
pub async fn of(data: &Path, config: Option<&Path>, owner: &str, to: Option<&str>) -> Result<String> {
    let owner: OwnerName = owner.parse()?;
    let to = match to {
        None => None,
        Some("default") => Some(None),
        Some("none") => Some(Some(0)),
        Some(text) => Some(Some(parse_size(text).filter(|bytes| *bytes > 0).with_context(|| {
            format!("{text:?} is no size: say a number of bytes, one with a unit such as 500M or \"1.5 GiB\", none, or default")
        })?)),
    };
    let (_, _, db) = open(data, config).await?;
    let known = match to {
        Some(to) => quota::set(&db, &owner, to).await?,
        None => quota::is_known(&db, &owner).await?,
    };
    let usage = quota::of_owner(&db, &owner).await?;
    db.close().await;
    if !known {
        bail!("there is no {owner}");
    }
    let shown = |bytes: i64| size(bytes.unsigned_abs());
    Ok(match usage.limit {
        Some(limit) => {
            format!("{owner}: {} of {} are used ({} of {limit} bytes)\n", shown(usage.used), shown(limit), usage.used)
        }
        None => format!("{owner}: {} are used ({} bytes), without a limit\n", shown(usage.used), usage.used),
    })
}

/// Counts anew what every owner stores.
///
/// # Errors
/// Something else is noted of an owner; the text says of whom.
pub async fn check(data: &Path, config: Option<&Path>) -> Result<String> {
    let (_, _, db) = open(data, config).await?;
    let (differences, owners) = quota::recount(&db).await?;
    db.close().await;
    if differences.is_empty() {
        return Ok(format!("What {owners} owners store is noted as it is.\n"));
    }
    let mut text = String::from("something else is noted than is stored:\n");
    for difference in differences {
        writeln!(text, "{}: {} bytes are noted, {} are there", difference.owner, difference.noted, difference.counted)?;
    }
    bail!("{}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_quota_is_set_for_who_is_there_and_taken_back() {
        let data = tempfile::tempdir().unwrap();
        super::super::add_user(data.path(), None, "alice").await.unwrap();
        let of = |name: &'static str, to: Option<&'static str>| of(data.path(), None, name, to);
        assert_eq!(of("alice", None).await.unwrap(), "alice: 0 B of 1.0 GiB are used (0 of 1073741824 bytes)\n");
        assert!(of("alice", Some("500 MiB")).await.unwrap().contains("0 B of 500.0 MiB"));
        assert!(of("alice", Some("none")).await.unwrap().contains("without a limit"));
        assert!(of("alice", Some("default")).await.unwrap().contains("1.0 GiB"));
        for bad in ["", "0", "-5", "much", "1 GiBi"] {
            assert!(of("alice", Some(bad)).await.unwrap_err().to_string().contains("is no size"), "{bad:?}");
        }
        assert!(of("bob", Some("1G")).await.unwrap_err().to_string().contains("there is no bob"));
        assert!(of("@sig", None).await.is_err());
        assert_eq!(check(data.path(), None).await.unwrap(), "What 0 owners store is noted as it is.\n");
    }
}
