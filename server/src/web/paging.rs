//! Long lists, a page at a time.

use serde::Serialize;

use crate::db::Window;

/// The last page that can be asked for: nobody leafs further, and every row before it is counted anew.
const LAST: u64 = 10_000;

/// Which page of a list is shown, and whether there is another.
#[derive(Debug, Clone, Serialize)]
pub struct Paging {
    /// Number of the page, from 1.
    pub page: u64,
    /// Rows on a page.
    pub size: u64,
    /// There is a page after it.
    pub more: bool,
    #[serde(skip)]
    base: String,
}

impl Paging {
    /// The page that the query's `page` asks for; what is no number is the first. `base` is the list's address with its other
    /// parameters, e.g. `/?q=x`.
    #[must_use]
    pub fn new(page: &str, size: u64, base: impl Into<String>) -> Self {
        let page = page.trim().parse().unwrap_or(1).clamp(1, LAST);
        Self { page, size, more: false, base: base.into() }
    }

    /// The rows to ask for: one more than is shown tells whether there is a next page.
    #[must_use]
    pub fn window(&self) -> Window {
        Window {
            limit: Some(self.size.saturating_add(1)),
            offset: self.page.saturating_sub(1).saturating_mul(self.size),
        }
    }

    /// Leaves on the page what belongs there.
    pub fn cut<T>(&mut self, rows: &mut Vec<T>) {
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        self.more = rows.len() > size && self.page < LAST;
        rows.truncate(size);
    }

    /// The page's rows of a list that is in memory anyway.
    pub fn cut_all<T>(&mut self, rows: Vec<T>) -> Vec<T> {
        let skip = usize::try_from(self.window().offset).unwrap_or(usize::MAX);
        let mut rows: Vec<T> = rows.into_iter().skip(skip).collect();
        self.cut(&mut rows);
        rows
    }

    fn at(&self, page: u64) -> String {
        let mark = if self.base.contains('?') { '&' } else { '?' };
        format!("{}{mark}page={page}", self.base)
    }

    /// Address of the page before.
    #[must_use]
    pub fn previous(&self) -> Option<String> {
        match self.page {
            1 => None,
            2 => Some(self.base.clone()),
            page => Some(self.at(page - 1)),
        }
    }

    /// Address of the page after.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        self.more.then(|| self.at(self.page + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_lead_to_their_neighbours_and_no_number_is_too_wild() {
        let mut first = Paging::new("x", 2, "/?q=a");
        let mut rows = vec![1, 2, 3];
        first.cut(&mut rows);
        assert_eq!((rows.len(), first.previous(), first.next().as_deref()), (2, None, Some("/?q=a&page=2")));
        let third = Paging::new("3", 2, "/list/");
        assert_eq!((third.window().offset, third.window().limit), (4, Some(3)));
        assert_eq!((third.previous().as_deref(), third.next()), (Some("/list/?page=2"), None));
        for wild in ["0", "-1", "99999999999999999999999", "1e9", ""] {
            assert_eq!(Paging::new(wild, 50, "/").page, 1, "{wild}");
        }
        assert_eq!(Paging::new("18446744073709551615", 50, "/").page, LAST);
        assert_eq!(Paging::new("2", 2, "/").cut_all(vec![1, 2, 3]), [3]);
    }
}
