//! The zchunk format: compressed files that clients fetch in parts.
