//! The one place of the server that asks for the time.

/// Milliseconds since 1970, as the database holds them.
#[must_use]
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Whole seconds since 1970 from the database's milliseconds: the API's times.
#[must_use]
pub fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1000)
}

/// `YYYY-MM-DD` (UTC) of a time in milliseconds; empty when it is out of range.
#[must_use]
pub fn date(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}
