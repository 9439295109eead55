//! Copying what was built into another project, or into another chroot: files first, then rows, so that nothing is half made.

use copr_api::names::{Chroot, DirName};

use crate::{
    clock,
    db::{
        self,
        chroot::ProjectChroot,
        fork::{Copy, Forked},
        project::Project,
        task::RepositoryKey,
    },
    publish,
    state::AppState,
    store::Place,
};

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A file could not be copied.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// An empty repository could not be made.
    #[error(transparent)]
    Publish(#[from] publish::Error),
    /// One of the two projects was deleted meanwhile.
    #[error("one of the two projects was deleted meanwhile")]
    Gone,
    /// It does not fit into what the owner may store.
    #[error("{0}")]
    Full(db::quota::Exceeded),
}

/// Copies chroots, packages and last good builds of a project into another one, which is made when its number is 0. Its empty
/// repositories stand when it answers; the packages come with the next publish.
///
/// # Errors
/// See [`Error`]; a name that is taken is one of the database.
pub async fn fork(state: &AppState, source: &Project, target: &Project, submitter: &str) -> Result<Project, Error> {
    let chroots = db::chroot::of_project(&state.db, source.id).await?;
    let pairs: Vec<_> = chroots
        .iter()
        .filter(|of| of.delete_at_ms.is_none())
        .map(|of| (of.chroot.clone(), of.chroot.clone()))
        .collect();
    let known = Some(target.id).filter(|id| *id != 0);
    let copies = db::fork::plan(&state.db, source, &pairs, known).await?;
    let copies = take(state, source, copies).await?;
    let now_ms = clock::now_ms();
    let forked = db::fork::fork(&state.db, source, target, &copies, submitter, now_ms).await;
    let (target, builds) = match forked {
        Ok(Forked::Done(target, builds)) => (*target, builds),
        Ok(Forked::Gone) => {
            give_back(state, &copies).await;
            return Err(Error::Gone);
        }
        Ok(Forked::Full(exceeded)) => {
            give_back(state, &copies).await;
            return Err(Error::Full(exceeded));
        }
        Err(error) => {
            give_back(state, &copies).await;
            return Err(error.into());
        }
    };
    let (Ok(from), Ok(to)) = (main(source), main(&target)) else { return Ok(target) };
    for (old, new) in builds {
        let Some(build) = db::build::get(&state.db, new).await? else { continue };
        if let Some(srpm) = build.srpm {
            let origin = state.store.source_folder(&source.owner, &from, old).join(&srpm.name);
            let place = state.store.source_folder(&target.owner, &to, new).join(&srpm.name);
            // Without it the copy can be used, and not be built again.
            state.store.copy(&origin, &place).await?;
        }
    }
    for of in db::chroot::of_project(&state.db, target.id).await? {
        let key = RepositoryKey { owner: target.owner.clone(), dirname: to.clone(), chroot: of.chroot.clone() };
        if let Some(other) = chroots.iter().find(|other| other.chroot == of.chroot)
            && of.comps_name.is_none()
        {
            let origin = state.store.directory(&source.owner, &from).join(other.chroot.as_str());
            copy_comps(state, &origin, other.comps_name.as_ref(), of, &key, now_ms).await?;
        }
        state.publishing.ensure(&key).await?;
    }
    state.publishing.wake();
    Ok(target)
}

/// Gives a project that has one chroot another one with all that was built last for the first; `false`: it has it already, or is
/// gone.
///
/// # Errors
/// See [`Error`].
pub async fn branch(state: &AppState, of: &Project, from: &Chroot, to: &Chroot, now_ms: i64) -> Result<bool, Error> {
    let copies = db::fork::plan(&state.db, of, &[(from.clone(), to.clone())], None).await?;
    let copies = take(state, of, copies).await?;
    let branched = db::fork::branch(&state.db, of, from, to, &copies, now_ms).await;
    if !matches!(branched, Ok(true)) {
        give_back(state, &copies).await;
        return Ok(branched?);
    }
    let had = db::chroot::get(&state.db, of.id, from).await?.and_then(|of| of.comps_name);
    if let (Ok(dirname), Some(of_new)) = (main(of), db::chroot::get(&state.db, of.id, to).await?) {
        let origin = state.store.directory(&of.owner, &dirname).join(from.as_str());
        let key = RepositoryKey { owner: of.owner.clone(), dirname, chroot: to.clone() };
        copy_comps(state, &origin, had.as_ref(), of_new, &key, now_ms).await?;
    }
    state.publishing.wake();
    Ok(true)
}

/// Gives a chroot the comps that another one has, if it has any; `origin` is the other one's folder.
async fn copy_comps(
    state: &AppState,
    origin: &Place,
    name: Option<&String>,
    of: ProjectChroot,
    key: &RepositoryKey,
    now_ms: i64,
) -> Result<(), Error> {
    let Some(name) = name else { return Ok(()) };
    let copy = state.store.directory(&key.owner, &key.dirname).join(key.chroot.as_str());
    if state.store.copy(&origin.join(COMPS), &copy.join(COMPS)).await? {
        let of = ProjectChroot { comps_name: Some(name.clone()), ..of };
        db::chroot::set(&state.db, &of, Some(key), now_ms).await?;
    }
    Ok(())
}

/// Name of a chroot's comps, in its folder.
pub const COMPS: &str = "comps.xml";

fn main(project: &Project) -> Result<DirName, copr_api::names::NameError> {
    project.name.as_str().parse()
}

/// Brings the files of copies to where handed-in files are. A copy that lacks one is left out.
pub(crate) async fn take(state: &AppState, source: &Project, copies: Vec<Copy>) -> Result<Vec<Copy>, Error> {
    let Ok(dirname) = main(source) else { return Ok(Vec::new()) };
    let directory = state.store.directory(&source.owner, &dirname);
    let mut taken = Vec::with_capacity(copies.len());
    for copy in copies {
        let folder = directory.join(copy.from.as_str()).join(&copy.folder());
        let mut whole = true;
        for result in &copy.results {
            match state.store.copy_to_incoming(&folder.join(&result.file), &copy.lease_id, &result.file).await {
                Ok(there) => whole &= there,
                Err(error) => {
                    taken.push(copy);
                    give_back(state, &taken).await;
                    return Err(error.into());
                }
            }
        }
        if whole {
            taken.push(copy);
        } else {
            tracing::warn!(build.id = copy.build_id, chroot = %copy.from, "a build without its packages is not forked");
            give_back(state, std::slice::from_ref(&copy)).await;
        }
    }
    Ok(taken)
}

/// Takes files of copies away that nobody is to have. What stays is swept up later.
pub(crate) async fn give_back(state: &AppState, copies: &[Copy]) {
    for copy in copies {
        if let Err(error) = state.store.remove_incoming(&copy.lease_id).await {
            tracing::warn!(lease = copy.lease_id, %error, "cannot take back what was to be forked");
        }
    }
}
