//! Modules: modules.yaml.
