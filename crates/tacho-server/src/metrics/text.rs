//! Prometheus text format 0.0.4.

use std::fmt::Display;

/// Builds the text, family by family.
#[derive(Default)]
pub(crate) struct MetricsText {
    text: String,
}

impl MetricsText {
    pub(crate) const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// A counter without labels; its name ends in `_total`.
    pub(crate) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, help, "counter");
        self.sample(name, &[], value);
    }

    /// A gauge without labels.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, help, "gauge");
        self.sample(name, &[], value);
    }

    /// Begins a family whose samples follow.
    pub(crate) fn family(&mut self, name: &str, help: &str, kind: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (position, (label, text)) in labels.iter().enumerate() {
            self.text.push(if position == 0 { '{' } else { ',' });
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            self.text.push_str(&format!("{label}=\"{text}\""));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        self.text.push_str(&format!(" {value}\n"));
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_as_prometheus_reads_it() {
        let mut text = MetricsText::default();
        text.counter("a_total", "Help.", 3);
        text.family("b", "Two\nlines \\.", "gauge");
        text.sample("b", &[("x", "q\"\\\n"), ("y", "")], 1.5);
        let expected = "# HELP a_total Help.\n# TYPE a_total counter\na_total 3\n\
            # HELP b Two\\nlines \\\\.\n# TYPE b gauge\nb{x=\"q\\\"\\\\\\n\",y=\"\"} 1.5\n";
        assert_eq!(text.finish(), expected);
    }
}
