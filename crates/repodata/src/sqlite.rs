//! Databases for old clients: primary, filelists and other as SQLite files.
