//! Something happened: rows of the event table.

use tacho_model::tables::event;

use super::{Finding, Found, Look};
use crate::evidence::Order;
use crate::glob::{Glob, any_of};
use crate::template::clean;

/// Characters of an event's text.
const TEXT_CHARS: usize = 300;

/// Which events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventMatch {
    pub kind: Vec<Glob>,
    pub subject: Vec<Glob>,
    pub user: Vec<Glob>,
    pub text: Vec<Glob>,
}

impl EventMatch {
    pub(super) fn evaluate(&self, look: &Look<'_>) -> Vec<Finding> {
        let Some(block) = look.snapshot.block(&event::TABLE) else { return Vec::new() };
        let mut findings: Vec<Finding> = Vec::new();
        for row in 0..block.len() {
            let text = |column| block.text(column, row).unwrap_or_default();
            let kind = text(event::KIND);
            if !any_of(&self.kind, kind)
                || !any_of(&self.subject, text(event::SUBJECT))
                || !any_of(&self.user, text(event::USER))
                || !any_of(&self.text, text(event::TEXT))
            {
                continue;
            }
            let mut finding = Finding::new(clean(text(event::SUBJECT), TEXT_CHARS), true);
            finding.found = Found::Happened;
            finding.text = clean(text(event::TEXT), TEXT_CHARS);
            finding.order = if kind == "oom_kill" { Order::Memory } else { Order::Cpu };
            match findings.iter_mut().find(|known| known.entity == finding.entity) {
                Some(known) => *known = finding,
                None => findings.push(finding),
            }
        }
        findings
    }
}
