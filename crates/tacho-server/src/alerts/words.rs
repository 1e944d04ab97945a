//! The words of messages, by language. What rules say is as their authors wrote it.

use tacho_alert::Severity;

/// Languages as in the settings.
pub(super) const LANGUAGES: &[&str] = &["en", "zh"];

/// A language.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// As in the settings.
    pub(crate) language: &'static str,
    pub(super) firing: &'static str,
    pub(super) still: &'static str,
    pub(super) resolved: &'static str,
    pub(super) host: &'static str,
    pub(super) rule: &'static str,
    pub(super) value: &'static str,
    pub(super) threshold: &'static str,
    pub(super) since: &'static str,
    pub(super) ended: &'static str,
    pub(super) values: &'static str,
    pub(super) labels: &'static str,
    pub(super) shared: &'static str,
    pub(super) more: &'static str,
    pub(super) page: &'static str,
    pub(super) cpu: &'static str,
    pub(super) memory: &'static str,
    pub(super) disk: &'static str,
    pub(super) network: &'static str,
    pub(super) test: &'static str,
    severities: [&'static str; 3],
}

static ENGLISH: Words = Words {
    language: "en",
    firing: "FIRING",
    still: "STILL FIRING",
    resolved: "RESOLVED",
    host: "host",
    rule: "rule",
    value: "value",
    threshold: "threshold",
    since: "since",
    ended: "ended",
    values: "last minutes",
    labels: "labels",
    shared: "in common",
    more: "more",
    page: "page",
    cpu: "CPU",
    memory: "memory",
    disk: "disk",
    network: "network",
    test: "Tacho: a test; whoever reads this gets its alerts",
    severities: ["info", "warning", "critical"],
};

static CHINESE: Words = Words {
    language: "zh",
    firing: "告警",
    still: "持续告警",
    resolved: "已恢复",
    host: "主机",
    rule: "规则",
    value: "当前值",
    threshold: "阈值",
    since: "开始时间",
    ended: "结束时间",
    values: "最近几分钟",
    labels: "标签",
    shared: "共同点",
    more: "更多",
    page: "查看",
    cpu: "CPU",
    memory: "内存",
    disk: "磁盘",
    network: "网络",
    test: "Tacho：测试消息，收到说明告警可以送达",
    severities: ["提示", "警告", "严重"],
};

impl Words {
    /// Of a language of [`LANGUAGES`]; English for any other.
    pub(super) fn of(language: &str) -> &'static Self {
        if language == "zh" { &CHINESE } else { &ENGLISH }
    }

    pub(super) fn severity(&self, severity: Severity) -> &'static str {
        let [info, warning, critical] = self.severities;
        match severity {
            Severity::Info => info,
            Severity::Warning => warning,
            Severity::Critical => critical,
        }
    }
}
