//! Licences and their review, terms, reports of abuse and what was taken down.

use reqwest::Method;

use super::{Client, Error};
use crate::v3::{
    AuditEntry, LicenceDecided, LicenceDecision, LicenceKept, LicenceWaiting, Page, Report, ReportAdd, ReportNote,
    Takedown, Terms, TermsAccept,
};

/// Rows of a list that may be very long.
const NEWEST: &[(&str, &str)] = &[("limit", "1000")];

impl Client {
    /// `GET /licence/queue`: builds that wait for a decision about their licence, oldest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn licence_queue(&self) -> Result<Vec<LicenceWaiting>, Error> {
        let request = self.own(Method::GET, &["licence", "queue"])?.query(NEWEST);
        Ok(self.answer::<Page<LicenceWaiting>>(request).await?.items)
    }

    /// `POST /licence/approve/{id}` or `/licence/refuse/{id}`.
    ///
    /// # Errors
    /// As every call.
    pub async fn decide_licence(
        &self,
        build: i64,
        approved: bool,
        decision: &LicenceDecision,
    ) -> Result<LicenceDecided, Error> {
        let (how, build) = (if approved { "approve" } else { "refuse" }, build.to_string());
        self.answer(self.own(Method::POST, &["licence", how, &build])?.json(decision)).await
    }

    /// `GET /licence/list`: what was decided, newest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn licence_decisions(&self) -> Result<Vec<LicenceKept>, Error> {
        let request = self.own(Method::GET, &["licence", "list"])?.query(NEWEST);
        Ok(self.answer::<Page<LicenceKept>>(request).await?.items)
    }

    /// `DELETE /licence/forget/{id}`: later builds are judged as if nobody had decided.
    ///
    /// # Errors
    /// As every call.
    pub async fn forget_licence(&self, decision: i64) -> Result<(), Error> {
        let request = self.own(Method::DELETE, &["licence", "forget", &decision.to_string()])?;
        self.answer::<serde_json::Value>(request).await.map(|_| ())
    }

    /// `GET /terms`: what users accept before they bring anything.
    ///
    /// # Errors
    /// As every call.
    pub async fn terms(&self) -> Result<Terms, Error> {
        self.answer(self.own(Method::GET, &["terms"])?).await
    }

    /// `POST /terms/accept`.
    ///
    /// # Errors
    /// As every call.
    pub async fn accept_terms(&self, version: &str) -> Result<Terms, Error> {
        let body = TermsAccept { version: version.to_owned() };
        self.answer(self.own(Method::POST, &["terms", "accept"])?.json(&body)).await
    }

    /// `POST /report/add`; the report's number.
    ///
    /// # Errors
    /// As every call.
    pub async fn report(&self, report: &ReportAdd) -> Result<i64, Error> {
        let answer: serde_json::Value = self.answer(self.own(Method::POST, &["report", "add"])?.json(report)).await?;
        Ok(answer.get("id").and_then(serde_json::Value::as_i64).unwrap_or_default())
    }

    /// `GET /report/list`: those that are open first.
    ///
    /// # Errors
    /// As every call.
    pub async fn reports(&self) -> Result<Vec<Report>, Error> {
        let request = self.own(Method::GET, &["report", "list"])?.query(NEWEST);
        Ok(self.answer::<Page<Report>>(request).await?.items)
    }

    /// `POST /report/dismiss/{id}`, or `/report/takedown/{id}`: what it is about is not served from now on.
    ///
    /// # Errors
    /// As every call.
    pub async fn decide_report(&self, report: i64, take_down: bool, note: &str) -> Result<Report, Error> {
        let (how, report) = (if take_down { "takedown" } else { "dismiss" }, report.to_string());
        let body = ReportNote { note: note.to_owned() };
        self.answer(self.own(Method::POST, &["report", how, &report])?.json(&body)).await
    }

    /// `POST /takedown/add`.
    ///
    /// # Errors
    /// As every call.
    pub async fn take_down(&self, what: &ReportAdd) -> Result<Takedown, Error> {
        self.answer(self.own(Method::POST, &["takedown", "add"])?.json(what)).await
    }

    /// `GET /takedown/list`: what is or was down, newest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn takedowns(&self) -> Result<Vec<Takedown>, Error> {
        let request = self.own(Method::GET, &["takedown", "list"])?.query(NEWEST);
        Ok(self.answer::<Page<Takedown>>(request).await?.items)
    }

    /// `POST /takedown/restore/{id}`: it is served again.
    ///
    /// # Errors
    /// As every call.
    pub async fn restore(&self, takedown: i64, note: &str) -> Result<Takedown, Error> {
        let body = ReportNote { note: note.to_owned() };
        self.answer(self.own(Method::POST, &["takedown", "restore", &takedown.to_string()])?.json(&body)).await
    }

    /// `GET /audit/list`: what administrators and reviewers did, newest first.
    ///
    /// # Errors
    /// As every call.
    pub async fn audit(&self) -> Result<Vec<AuditEntry>, Error> {
        let request = self.own(Method::GET, &["audit", "list"])?.query(NEWEST);
        Ok(self.answer::<Page<AuditEntry>>(request).await?.items)
    }
}
