//! What a caller hears, read by an XML reader that is not the product's.

use ingest::Response;
use roxmltree::Document;

use crate::kept_answers;

/// An element, by its local name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    /// `xsi:type`, as it stands.
    pub type_name: Option<String>,
    /// Text of an element without children.
    pub text: String,
    pub children: Vec<Node>,
}

impl Node {
    #[track_caller]
    pub fn read(xml: &str) -> Self {
        let document = Document::parse(xml).unwrap_or_else(|error| panic!("{error} in {xml}"));
        Self::of(document.root_element())
    }

    fn of(node: roxmltree::Node<'_, '_>) -> Self {
        let children: Vec<Self> = node
            .children()
            .filter(roxmltree::Node::is_element)
            .map(Self::of)
            .collect();
        let of_type = ("http://www.w3.org/2001/XMLSchema-instance", "type");
        Self {
            name: node.tag_name().name().to_owned(),
            type_name: node.attribute(of_type).map(str::to_owned),
            text: match children.is_empty() {
                true => node.text().unwrap_or_default().to_owned(),
                false => String::new(),
            },
            children,
        }
    }

    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Follows a path with dots to a text; empty if there is none.
    pub fn at(&self, path: &str) -> &str {
        let found = path
            .split('.')
            .try_fold(self, |node, name| node.child(name));
        found.map_or("", |node| &node.text)
    }

    /// The texts of some children in a line; what is empty is left out.
    pub fn line(&self, paths: &[&str]) -> String {
        let texts = paths
            .iter()
            .map(|path| self.at(path))
            .filter(|text| !text.is_empty());
        texts.collect::<Vec<_>>().join(" ")
    }
}

/// Longest that a Lambda function may answer, as JSON. AWS's figure.
const FUNCTION_ANSWER_BYTES_MAX: usize = 6_291_556;

/// One answer of the door.
#[derive(Clone, Debug)]
pub struct Answer {
    pub http_status: u16,
    pub body: String,
    payload: Node,
}

impl Answer {
    #[track_caller]
    pub fn read(response: Response) -> Self {
        kept_answers::keep(&response);
        let carried = serde_json::to_string(&response.body).expect("text").len();
        assert!(
            carried < FUNCTION_ANSWER_BYTES_MAX - 1_000,
            "no function can answer with {carried} bytes"
        );
        let envelope = Node::read(&response.body);
        let body = envelope.child("Body").expect("an answer has a Body");
        let payload = body
            .children
            .first()
            .expect("its Body holds something")
            .clone();
        Self {
            http_status: response.status,
            body: response.body,
            payload,
        }
    }

    /// The child of Body.
    pub fn payload(&self) -> &Node {
        &self.payload
    }

    pub fn overall_status(&self) -> &str {
        self.payload.at("OverallStatus")
    }

    pub fn request_id(&self) -> String {
        self.payload.at("RequestID").to_owned()
    }

    /// One per object.
    pub fn results(&self) -> Vec<&Node> {
        let results = self.payload.all("Results");
        // Those of a Perform stand in a list of their own.
        match self.payload.name.as_str() {
            "PerformResponseMsg" => results.flat_map(|list| list.all("Result")).collect(),
            _ => results.collect(),
        }
    }

    /// Kept for later.
    pub fn is_queued(&self) -> bool {
        self.said() == "OK Queued" && !self.request_id().is_empty()
    }

    /// In one line: overall status, and code and message of the first result; or the fault.
    pub fn said(&self) -> String {
        if self.payload.name == "Fault" {
            let code = self.payload.at("detail.apifault.Code");
            let text = self.payload.at("faultstring");
            let fault = self.payload.at("faultcode");
            return format!("{fault} {code} {text}").replace("  ", " ");
        }
        let first = self.results().first().copied().cloned().unwrap_or_default();
        let result = first.line(&["ErrorCode", "StatusMessage"]);
        format!("{} {result}", self.overall_status())
            .trim_end()
            .to_owned()
    }

    /// ErrorCode of the first result; 0 if there is none.
    pub fn error_code(&self) -> u32 {
        self.results()
            .first()
            .map_or(0, |first| first.at("ErrorCode").parse().unwrap_or(0))
    }
}
