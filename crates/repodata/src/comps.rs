//! Groups of packages: comps.xml.
