//! Providers of dependencies, each looked up once.

use super::{Cap, PackageId, Pool};

/// Not looked up yet.
const UNKNOWN: (u32, u32) = (u32::MAX, 0);
/// The pool has them in one piece.
const OFFERING: (u32, u32) = (u32::MAX, 1);

/// Most providers that are remembered, 256 MiB of them: hostile repositories could fill the memory.
const MOST: usize = 1 << 26;

/// Remembers the providers of each dependency while one solver or closure works. The pool itself is shared.
#[derive(Debug)]
pub struct Providers<'p> {
    pool: &'p Pool,
    /// By number of the dependency: where in `ids` its providers are.
    known: Vec<(u32, u32)>,
    ids: Vec<PackageId>,
}

impl<'p> Providers<'p> {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(pool: &'p Pool) -> Self {
        Self { pool, known: vec![UNKNOWN; pool.cap_count()], ids: Vec::new() }
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &'p Pool {
        self.pool
    }

    /// As [`Pool::providers`].
    pub fn of(&mut self, cap: Cap) -> &[PackageId] {
        let Some(mut known) = self.known.get(cap.index()).copied() else { return &[] };
        let view = self.pool.cap(cap);
        if known == UNKNOWN {
            if view.comparison.is_none() && !self.pool.text(view.name).starts_with('/') {
                known = OFFERING;
            } else {
                if self.ids.len() > MOST {
                    self.ids.clear();
                    self.known.fill(UNKNOWN);
                }
                let start = self.ids.len();
                self.pool.providers_into(cap, &mut self.ids);
                let bounds = (u32::try_from(start), u32::try_from(self.ids.len()));
                let (Ok(start), Ok(end)) = bounds else { return &[] };
                known = (start, end);
            }
            if let Some(to) = self.known.get_mut(cap.index()) {
                *to = known;
            }
        }
        match known {
            OFFERING => self.pool.offering(view.name),
            (start, end) => self.ids.get(start as usize..end as usize).unwrap_or_default(),
        }
    }
}
