//! Filters and projections: which objects are asked for, and how much of each.

use soap::{Element, Filter, Operation};

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn filter(markup: &str) -> Result<Filter, String> {
    let text = format!(
        "<RetrieveRequestMsg xmlns=\"{}\" xmlns:xsi=\"{XSI}\"><RetrieveRequest><ObjectType>Subscriber</ObjectType>{markup}</RetrieveRequest></RetrieveRequestMsg>",
        soap::API
    );
    let body = soap::read_canonical(&text).expect(&text);
    match soap::take_operation(body.clone(), None, None) {
        Ok(Operation::Retrieve(retrieve)) => Ok(retrieve.filter.expect("a filter")),
        Ok(other) => Err(format!("{other:?}")),
        Err(fault) => Err(fault.text),
    }
}

fn part(name: &str, property: &str, operator: &str, values: &[&str]) -> String {
    let values: String = values
        .iter()
        .map(|value| format!("<Value>{value}</Value>"))
        .collect();
    format!(
        "<{name} xsi:type=\"SimpleFilterPart\"><Property>{property}</Property><SimpleOperator>{operator}</SimpleOperator>{values}</{name}>"
    )
}

fn subscriber() -> Element {
    Element::new("Objects")
        .typed("Subscriber")
        .with(
            Element::new("Client")
                .with(Element::of("ID", "17"))
                .with(Element::of("CustomerKey", "x")),
        )
        .with(Element::of("SubscriberKey", "Key-9"))
        .with(Element::of("EmailAddress", "ann@example.com"))
        .with(Element::of("CreatedDate", "2026-11-20T10:00:00"))
}

#[track_caller]
fn check(property: &str, operator: &str, values: &[&str], expected: bool) {
    let filter = filter(&part("Filter", property, operator, values)).expect("a filter");
    assert_eq!(
        filter.admits(&subscriber()),
        expected,
        "{property} {operator} {values:?}"
    );
}

#[test]
fn simple_filters_compare_by_kind() {
    check("SubscriberKey", "equals", &["key-9"], true);
    check("SubscriberKey", "equals", &["key-10"], false);
    check("SubscriberKey", "notEquals", &["key-10"], true);
    check("SubscriberKey", "IN", &["a", "Key-9"], true);
    check("SubscriberKey", "IN", &[], false);
    check("Client.ID", "greaterThan", &["9"], true);
    check("Client.ID", "lessThan", &["9"], false);
    check("Client.ID", "equals", &["17"], true);
    check("Client.ID", "equals", &["017"], false);
    check("Client.ID", "lessThan", &["NaN"], true);
    check("Client.ID", "between", &["17", "20"], true);
    check("Client.ID", "between", &["18", "20"], false);
    check("Client.ID", "between", &["1"], false);
    check("CreatedDate", "equals", &["2026-11-20T16:00:00Z"], true);
    check(
        "CreatedDate",
        "greaterThanOrEqual",
        &["2026-11-20T16:00:01Z"],
        false,
    );
    check(
        "CreatedDate",
        "lessThanOrEqual",
        &["2026-11-20T16:00:00Z"],
        true,
    );
    check(
        "CreatedDate",
        "isAnniversary",
        &["1999-11-20T00:00:00Z"],
        true,
    );
    check(
        "CreatedDate",
        "greaterThanAnniversary",
        &["1999-11-20T00:00:00Z"],
        false,
    );
    check("EmailAddress", "like", &["%EXAMPLE%"], true);
    check("EmailAddress", "beginsWith", &["ann@"], true);
    check("EmailAddress", "endsWith", &["ann@"], false);
    check("EmailAddress", "notContains", &["bob"], true);
    check("EmailAddress", "existsInStringAsAWord", &["exam"], false);
    check("Nothing", "isNull", &[], true);
    check("Nothing", "isNotNull", &[], false);
    check("Nothing", "notEquals", &["a"], false);
    check("EmailAddress", "isNotNull", &["ignored"], true);
}

#[test]
fn dates_may_be_given_apart() {
    let date = |operator: &str, value: &str| {
        let markup = format!(
            "<Filter xsi:type=\"SimpleFilterPart\"><Property>CreatedDate</Property><SimpleOperator>{operator}</SimpleOperator><DateValue>{value}</DateValue></Filter>"
        );
        filter(&markup).map(|filter| filter.admits(&subscriber()))
    };
    assert_eq!(date("equals", "2026-11-20T10:00:00"), Ok(true));
    assert_eq!(date("lessThan", "2026-11-20T10:00:00Z"), Ok(false));
    assert!(
        date("equals", "soon")
            .expect_err("a fault")
            .contains("DateValue")
    );
}

#[test]
fn complex_filters_nest() {
    let key = part("LeftOperand", "SubscriberKey", "equals", &["Key-9"]);
    let other = part(
        "RightOperand",
        "EmailAddress",
        "equals",
        &["bob@example.com"],
    );
    let complex = |logic: &str, more: &str| {
        filter(&format!(
            "<Filter xsi:type=\"ComplexFilterPart\">{key}<LogicalOperator>{logic}</LogicalOperator>{other}{more}</Filter>"
        ))
    };
    let and = complex("AND", "").expect("a filter");
    let or = complex("OR", "").expect("a filter");
    assert!(!and.admits(&subscriber()));
    assert!(or.admits(&subscriber()));
    assert_eq!(and.equals("SubscriberKey"), Some(&["Key-9".to_owned()][..]));
    assert_eq!(and.equals("Client.ID"), None);
    assert_eq!(or.equals("SubscriberKey"), None);
    let many = part("Operand", "Client.ID", "IN", &["1", "2"]);
    let many = complex(
        "AND",
        &format!("<AdditionalOperands>{many}</AdditionalOperands>"),
    );
    assert_eq!(
        many.expect("a filter").equals("Client.ID"),
        Some(&["1".to_owned(), "2".to_owned()][..])
    );
    assert!(
        complex("XOR", "")
            .expect_err("a fault")
            .contains("LogicalOperator")
    );
    assert!(
        filter("<Filter xsi:type=\"TagFilterPart\"/>")
            .expect_err("a fault")
            .contains("TagFilterPart")
    );
    assert!(
        filter(&part("Filter", "", "equals", &["a"]))
            .expect_err("a fault")
            .contains("Property")
    );
}

#[test]
fn a_filter_names_what_it_looks_at() {
    let simple = |name: &str, property: &str| part(name, property, "isNull", &[]);
    let inner = format!(
        "<RightOperand xsi:type=\"ComplexFilterPart\">{}<LogicalOperator>OR</LogicalOperator>{}</RightOperand>",
        simple("LeftOperand", "b"),
        simple("RightOperand", "a")
    );
    let nested = filter(&format!(
        "<Filter xsi:type=\"ComplexFilterPart\">{}<LogicalOperator>AND</LogicalOperator>{inner}</Filter>",
        simple("LeftOperand", "a")
    ));
    assert_eq!(nested.expect("a filter").properties(), ["a", "b", "a"]);
}

fn row() -> Element {
    let column = |name: &str, value: &str| {
        Element::new("Property")
            .with(Element::of("Name", name))
            .with(Element::of("Value", value))
    };
    Element::new("Objects").typed("DataExtensionObject").with(
        Element::new("Properties")
            .with(column("City", "Bern"))
            .with(column("Age", "7")),
    )
}

#[test]
fn rows_are_filtered_by_their_columns() {
    let age = filter(&part("Filter", "age", "greaterThan", &["6"])).expect("a filter");
    assert!(age.admits(&row()));
    let kept = soap::project(&row(), &["City".to_owned()]);
    assert_eq!(soap::canonical(&kept).matches("<Property>").count(), 1);
    assert!(soap::canonical(&kept).contains("Bern"));
}

#[test]
fn only_named_properties_are_kept() {
    let names =
        |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
    let kept = soap::project(
        &subscriber(),
        &names(&["Client.ID", "EmailAddress", "Nothing"]),
    );
    let expected = Element::new("Objects")
        .typed("Subscriber")
        .with(Element::new("Client").with(Element::of("ID", "17")))
        .with(Element::of("EmailAddress", "ann@example.com"));
    assert_eq!(kept, expected);
    assert_eq!(
        soap::project(&subscriber(), &names(&["Client"]))
            .children
            .len(),
        1
    );
    assert!(soap::project(&subscriber(), &[]).children.is_empty());
}

#[test]
fn what_a_type_is_not_without_is_kept_with_what_is_named() {
    let attribute = Element::new("Attributes")
        .with(Element::of("Name", "City"))
        .with(Element::of("Value", "Bern"));
    let subscriber = Element::new("Objects")
        .typed("Subscriber")
        .with(attribute.clone())
        .with(Element::of("SubscriberKey", "k"));
    let kept = soap::project(&subscriber, &["Attributes.Name".to_owned()]);
    assert_eq!(kept.children, [attribute]);
    let item = Element::new("Results")
        .typed("ResultItem")
        .with(Element::of("RequestID", "r"))
        .with(Element::of("StatusCode", "OK"))
        .with(Element::of("StatusMessage", "Created"));
    let kept = soap::project(&item, &["StatusCode".to_owned()]);
    assert_eq!(kept.children, item.children[1..]);
}

#[test]
fn a_continue_request_needs_no_object_type() {
    let body = soap::read_canonical(&format!(
        "<RetrieveRequestMsg xmlns=\"{}\"><RetrieveRequest><ObjectType/><ContinueRequest>abc</ContinueRequest><Options><BatchSize>5</BatchSize></Options></RetrieveRequest></RetrieveRequestMsg>",
        soap::API
    ))
    .expect("a payload");
    let Ok(Operation::Retrieve(retrieve)) = soap::take_operation(body.clone(), None, None) else {
        panic!("a Retrieve expected")
    };
    assert_eq!(retrieve.continue_request.as_deref(), Some("abc"));
    assert_eq!(retrieve.batch_size, Some(5));
    assert_eq!(retrieve.object_type, "");
}
