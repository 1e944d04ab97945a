//! Whose rows are read.

/// One host, or some of them in the order of their ids, which is that of rows in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hosts {
    One(String),
    /// Those after the first id, up to the second, which is included. Without either: all.
    Between(Option<String>, Option<String>),
}

impl Hosts {
    pub(crate) const ALL: Self = Self::Between(None, None);

    pub(crate) fn include(&self, id: &str) -> bool {
        match self {
            Self::One(one) => one == id,
            Self::Between(after, to) => {
                after.as_deref().is_none_or(|after| after < id) && to.as_deref().is_none_or(|to| id <= to)
            }
        }
    }

    /// Least and greatest id that there can be, both included.
    pub(crate) fn bounds(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::One(one) => (Some(one), Some(one)),
            Self::Between(after, to) => (after.as_deref(), to.as_deref()),
        }
    }

    /// Could rows whose ids lie between the two be theirs?
    pub(crate) fn may_be_between(&self, least_id: &str, greatest_id: &str) -> bool {
        let (least, greatest) = self.bounds();
        least.is_none_or(|least| least <= greatest_id) && greatest.is_none_or(|greatest| least_id <= greatest)
    }
}

impl From<&str> for Hosts {
    fn from(host_id: &str) -> Self {
        Self::One(host_id.to_owned())
    }
}

impl From<&String> for Hosts {
    fn from(host_id: &String) -> Self {
        Self::One(host_id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_hosts_has_its_end_and_not_its_start() {
        let hosts = Hosts::Between(Some("b".to_owned()), Some("d".to_owned()));
        let included: Vec<_> =
            ["a", "b", "b1", "c", "d", "d1"].into_iter().filter(|id| hosts.include(id)).collect();
        assert_eq!(included, ["b1", "c", "d"]);
        assert!(hosts.may_be_between("a", "c") && hosts.may_be_between("d", "z"));
        assert!(!hosts.may_be_between("a", "aa") && !hosts.may_be_between("d1", "z"));
        assert!(Hosts::ALL.include("") && Hosts::ALL.may_be_between("a", "a"));
        assert!(Hosts::from("a").include("a") && !Hosts::from("a").include("ab"));
    }
}
