//! Advisories: updateinfo.xml.
