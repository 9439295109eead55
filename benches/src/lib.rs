//! Benchmarks beside the established tools: data sets, contenders, measuring. See docs/performance.md.

pub mod data;
pub mod measure;
