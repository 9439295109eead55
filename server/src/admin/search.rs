//! `coprd admin search`: what finding projects goes by.

use std::path::Path;

use anyhow::Result;

use super::open;
use crate::db;

/// Makes what search knows of every project anew from the database, whether a server runs or not, and says of how many.
///
/// # Errors
/// The database can't be opened or does not answer.
pub async fn rebuild(data: &Path, config: Option<&Path>) -> Result<String> {
    let (_, _, db) = open(data, config).await?;
    let projects = db::search::rebuild(&db).await?;
    db.close().await;
    Ok(format!("{projects} projects can be found again\n"))
}
