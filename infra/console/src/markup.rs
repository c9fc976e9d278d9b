//! What writes markup by itself: times and XML. Every value in it is escaped here.

use std::fmt::{self, Display, Formatter};

use askama::filters::HtmlSafe;
use jiff::{SignedDuration, Timestamp};
use soap::Element;

/// An instant: in UTC, and by the browser in its reader's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShownTime(pub Timestamp);

impl Display for ShownTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let at = self.0;
        let written = at.strftime("%Y-%m-%d %H:%M:%S");
        write!(f, "<time datetime=\"{at:.3}\">{written} UTC</time>")
    }
}

impl HtmlSafe for ShownTime {}

/// The time that is left until an instant, which the browser counts down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Countdown {
    pub until: Timestamp,
    pub now: Timestamp,
}

impl Display for Countdown {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let left = self.until.duration_since(self.now);
        let until = self.until;
        let shown = ShownSpan(left.max(SignedDuration::ZERO));
        write!(
            f,
            "<span class=\"countdown\" data-until=\"{until:.3}\">{shown}</span>"
        )
    }
}

impl HtmlSafe for Countdown {}

/// How long something takes or took: `2 d 3 h`, `4 min 5 s`, `12 s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShownSpan(pub SignedDuration);

impl Display for ShownSpan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
        let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{rest} s"),
            (0, 0, _) => write!(f, "{minutes} min {rest} s"),
            (0, _, _) => write!(f, "{hours} h {minutes} min"),
            (_, _, _) => write!(f, "{days} d {hours} h"),
        }
    }
}

/// Most bytes of XML that a page shows; the rest is there to download.
const XML_BYTES_MAX: usize = 200_000;

/// A payload as it is read: one element a line, in colours.
#[derive(Clone, Debug)]
pub(crate) struct ShownXml(pub Element);

impl Display for ShownXml {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut written = XmlText::default();
        written.element(&self.0, 0);
        f.write_str(&written.html)?;
        match written.is_cut_off() {
            true => f.write_str("<span class=\"xml-more\">… and more: download it</span>"),
            false => Ok(()),
        }
    }
}

impl HtmlSafe for ShownXml {}

#[derive(Default)]
struct XmlText {
    html: String,
}

impl XmlText {
    fn is_cut_off(&self) -> bool {
        self.html.len() >= XML_BYTES_MAX
    }

    fn element(&mut self, element: &Element, depth: usize) {
        if self.is_cut_off() {
            return;
        }
        self.indent(depth);
        self.open(element);
        if element.nil || (element.children.is_empty() && element.text.is_empty()) {
            self.mark("/>");
            self.html.push('\n');
            return;
        }
        self.mark(">");
        if element.children.is_empty() {
            self.span("xml-text", &element.text);
        } else {
            self.html.push('\n');
            for child in &element.children {
                self.element(child, depth + 1);
            }
            self.indent(depth);
        }
        self.mark("</");
        self.span("xml-name", &element.name);
        self.mark(">");
        self.html.push('\n');
    }

    fn open(&mut self, element: &Element) {
        self.mark("<");
        self.span("xml-name", &element.name);
        if let Some(type_name) = &element.type_name {
            self.span("xml-mark", " xsi:type=\"");
            self.span("xml-type", type_name);
            self.span("xml-mark", "\"");
        }
        if element.nil {
            self.span("xml-mark", " xsi:nil=\"true\"");
        }
    }

    fn indent(&mut self, depth: usize) {
        for _ in 0..depth {
            self.html.push_str("  ");
        }
    }

    fn mark(&mut self, text: &str) {
        self.span("xml-mark", text);
    }

    /// `class` is one of ours; the text may be anything.
    fn span(&mut self, class: &'static str, text: &str) {
        self.html.push_str("<span class=\"");
        self.html.push_str(class);
        self.html.push_str("\">");
        self.escaped(text);
        self.html.push_str("</span>");
    }

    /// Letters that turn the direction of what stands beside them are shown, not obeyed.
    fn escaped(&mut self, text: &str) {
        let turns = |letter| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let escaped = soap::escaped(text);
        for piece in escaped.split_inclusive(turns) {
            let plain = piece.trim_end_matches(turns);
            self.html.push_str(plain);
            for letter in piece[plain.len()..].chars() {
                self.html
                    .push_str(&format!("\\u{{{:x}}}", u32::from(letter)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_shown_and_none_of_it_becomes_markup() {
        let hostile = "<img src=x onerror=alert(1)>\"'&\u{202e}";
        let element = Element::new("CreateRequest")
            .with(Element::of(hostile, hostile).typed(hostile))
            .with(Element::new("Empty"));
        let html = ShownXml(element).to_string();
        assert!(
            !html.contains("<img") && !html.contains('\u{202e}'),
            "{html}"
        );
        assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;\\u{202e}"));
        let tags = html.matches('<').count();
        assert_eq!(
            tags,
            html.matches("<span class=\"xml-").count() * 2,
            "{html}"
        );
        assert!(html.contains("\n  <span"), "one element a line");
    }

    #[test]
    fn what_is_long_is_cut_off() {
        let mut element = Element::new("a");
        for _ in 0..100_000 {
            element.children.push(Element::of("b", "c"));
        }
        let html = ShownXml(element).to_string();
        assert!(html.len() < XML_BYTES_MAX * 2, "{}", html.len());
        assert!(html.contains("download it"));
    }

    #[test]
    fn times_are_of_utc_and_spans_are_short() {
        let at: Timestamp = "2026-11-29T06:15:02.5Z".parse().expect("a time");
        assert_eq!(
            ShownTime(at).to_string(),
            "<time datetime=\"2026-11-29T06:15:02.500Z\">2026-11-29 06:15:02 UTC</time>"
        );
        for (seconds, shown) in [
            (9, "9 s"),
            (299, "4 min 59 s"),
            (3_660, "1 h 1 min"),
            (180_000, "2 d 2 h"),
        ] {
            assert_eq!(
                ShownSpan(SignedDuration::from_secs(seconds)).to_string(),
                shown
            );
        }
        let countdown = Countdown { until: at, now: at };
        assert!(countdown.to_string().contains(">0 s<"));
    }
}
