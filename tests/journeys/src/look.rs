//! What a caller retrieves.

use std::fmt::Write;

use crate::answer::{Answer, Node};
use crate::call::escaped;

/// A Retrieve, before it is sent.
#[derive(Clone, Debug)]
pub struct Look {
    object_type: String,
    properties: Vec<String>,
    filter: String,
    continues: Option<String>,
    /// Contents of `ClientIDs` elements.
    clients: Vec<String>,
    all_accounts: bool,
    batch_size: Option<u32>,
}

/// Asks for objects of that type.
pub fn look_for(object_type: &str) -> Look {
    Look {
        object_type: object_type.to_owned(),
        properties: Vec::new(),
        filter: String::new(),
        continues: None,
        clients: Vec::new(),
        all_accounts: false,
        batch_size: None,
    }
}

impl Look {
    /// Properties, with blanks between.
    #[must_use]
    pub fn of(mut self, properties: &str) -> Self {
        self.properties = properties.split_whitespace().map(str::to_owned).collect();
        self
    }

    #[must_use]
    pub fn by(self, property: &str, value: &str) -> Self {
        let filter = simple(property, "equals", &[value]);
        self.filtered(&filter)
    }

    /// By a filter that [`simple`] or [`both`] wrote.
    #[must_use]
    pub fn filtered(mut self, filter: &str) -> Self {
        self.filter = named(filter, "Filter");
        self
    }

    /// Of one more account, named by the content of a `ClientIDs`.
    #[must_use]
    pub fn of_client(mut self, named: &str) -> Self {
        self.clients.push(named.to_owned());
        self
    }

    /// With QueryAllAccounts.
    #[must_use]
    pub fn of_all_accounts(mut self) -> Self {
        self.all_accounts = true;
        self
    }

    /// The page after the one with this RequestID.
    #[must_use]
    pub fn continuing(mut self, request_id: &str) -> Self {
        self.continues = Some(request_id.to_owned());
        self
    }

    #[must_use]
    pub fn in_pages_of(mut self, size: u32) -> Self {
        self.batch_size = Some(size);
        self
    }

    pub(crate) fn payload(&self) -> String {
        let mut text = String::from(
            r#"<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest>"#,
        );
        let mut add = |markup: std::fmt::Arguments<'_>| {
            text.write_fmt(markup).expect("a String takes it");
        };
        for client in &self.clients {
            add(format_args!("<ClientIDs>{client}</ClientIDs>"));
        }
        if self.all_accounts {
            add(format_args!("<QueryAllAccounts>true</QueryAllAccounts>"));
        }
        if let Some(before) = &self.continues {
            add(format_args!("<ContinueRequest>{before}</ContinueRequest>"));
        }
        add(format_args!(
            "<ObjectType>{}</ObjectType>",
            escaped(&self.object_type)
        ));
        for property in &self.properties {
            add(format_args!("<Properties>{property}</Properties>"));
        }
        add(format_args!("{}", self.filter));
        if let Some(size) = self.batch_size {
            add(format_args!(
                "<Options><BatchSize>{size}</BatchSize></Options>"
            ));
        }
        text.push_str("</RetrieveRequest></RetrieveRequestMsg>");
        text
    }
}

/// A SimpleFilterPart; its name is set where it is put.
pub fn simple(property: &str, operator: &str, values: &[&str]) -> String {
    let values: String = values
        .iter()
        .map(|value| format!("<Value>{}</Value>", escaped(value)))
        .collect();
    format!(
        r#"<FILTER xsi:type="SimpleFilterPart"><Property>{property}</Property><SimpleOperator>{operator}</SimpleOperator>{values}</FILTER>"#
    )
}

/// A ComplexFilterPart with `AND` or `OR`.
pub fn both(left: &str, operator: &str, right: &str) -> String {
    format!(
        r#"<FILTER xsi:type="ComplexFilterPart">{}<LogicalOperator>{operator}</LogicalOperator>{}</FILTER>"#,
        named(left, "LeftOperand"),
        named(right, "RightOperand")
    )
}

fn named(filter: &str, name: &str) -> String {
    let inner = filter
        .strip_prefix("<FILTER")
        .and_then(|rest| rest.strip_suffix("</FILTER>"));
    format!("<{name}{}</{name}>", inner.expect("a filter"))
}

/// What a Retrieve found.
#[derive(Clone, Debug)]
pub struct Retrieved {
    pub status: String,
    pub request_id: String,
    pub rows: Vec<Node>,
}

impl Retrieved {
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            status: answer.overall_status().to_owned(),
            request_id: answer.request_id(),
            rows: answer.results().into_iter().cloned().collect(),
        }
    }

    /// One line per row, of these properties.
    pub fn lines(&self, properties: &str) -> Vec<String> {
        let properties: Vec<&str> = properties.split_whitespace().collect();
        self.rows.iter().map(|row| row.line(&properties)).collect()
    }
}
