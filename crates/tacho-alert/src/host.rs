//! A host as rules see it, and which hosts a rule is about.

use std::sync::Arc;

use tacho_model::{HostFacts, HostKey};

use crate::glob::{Glob, any_of};

/// What rules can ask about a host.
#[derive(Debug, Clone)]
pub struct Host {
    pub key: HostKey,
    pub facts: Arc<HostFacts>,
    /// As in the inventory, in order.
    pub tags: Arc<[String]>,
}

/// Which hosts. Every list that is given has to match.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selector {
    pub name: Vec<Glob>,
    pub tags: Vec<Glob>,
    pub os: Vec<Glob>,
    pub kernel: Vec<Glob>,
    pub architecture: Vec<Glob>,
    pub virtualization: Vec<Glob>,
    pub address: Vec<Glob>,
}

impl Selector {
    pub fn matches(&self, host: &Host) -> bool {
        let facts = &host.facts;
        any_of(&self.name, &host.key.name)
            && any_of(&self.os, &facts.os)
            && any_of(&self.kernel, &facts.kernel)
            && any_of(&self.architecture, &facts.architecture)
            && any_of(&self.virtualization, &facts.virtualization)
            && matches_one(&self.tags, &host.tags)
            && matches_one(&self.address, &facts.addresses)
    }
}

/// Value of the tag with this key.
pub(crate) fn tag_value<'a>(tags: &'a [String], key: &str) -> Option<&'a str> {
    tags.iter().find_map(|tag| tag.strip_prefix(key)?.strip_prefix('='))
}

/// Some of `texts` match the patterns that are not turned round, and none of them one that is.
pub(crate) fn matches_one(globs: &[Glob], texts: &[String]) -> bool {
    let (without, with): (Vec<_>, Vec<_>) = globs.iter().partition(|glob| glob.text().starts_with('!'));
    without.iter().all(|glob| texts.iter().all(|text| glob.matches(text)))
        && (with.is_empty() || with.iter().any(|glob| texts.iter().any(|text| glob.matches(text))))
}
