//! The WSDL: the model written down as a schema, and the operations on top of it.
//!
//! The fault schema stands inside and its import names no location: client libraries follow every
//! location they find, and then do not load without a network.

use crate::model::{self, Content, Definition, FieldDefinition};
use crate::namespaces::{API, API_FAULT, SCHEMA};
use crate::write::Writer;

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
const WSDL_SOAP: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
const HTTP_TRANSPORT: &str = "http://schemas.xmlsoap.org/soap/http";

/// Name and messages of every operation; the name is its soapAction too.
const OPERATIONS: [(&str, &str, &str); 13] = [
    ("Create", "CreateRequest", "CreateResponse"),
    ("Retrieve", "RetrieveRequestMsg", "RetrieveResponseMsg"),
    ("Update", "UpdateRequest", "UpdateResponse"),
    ("Delete", "DeleteRequest", "DeleteResponse"),
    ("Query", "QueryRequestMsg", "QueryResponseMsg"),
    ("Describe", "DefinitionRequestMsg", "DefinitionResponseMsg"),
    ("Execute", "ExecuteRequestMsg", "ExecuteResponseMsg"),
    ("Perform", "PerformRequestMsg", "PerformResponseMsg"),
    ("Configure", "ConfigureRequestMsg", "ConfigureResponseMsg"),
    ("Schedule", "ScheduleRequestMsg", "ScheduleResponseMsg"),
    (
        "VersionInfo",
        "VersionInfoRequestMsg",
        "VersionInfoResponseMsg",
    ),
    ("Extract", "ExtractRequestMsg", "ExtractResponseMsg"),
    (
        "GetSystemStatus",
        "SystemStatusRequestMsg",
        "SystemStatusResponseMsg",
    ),
];

/// The content of the fault's detail.
const FAULT_SCHEMA: &str = concat!(
    "<xsd:element name=\"apifault\"><xsd:complexType><xsd:sequence>",
    "<xsd:element name=\"Code\" type=\"xsd:int\"/>",
    "<xsd:element name=\"Message\" type=\"xsd:string\"/>",
    "<xsd:element name=\"LogID\" type=\"xsd:long\" minOccurs=\"0\"/>",
    "<xsd:element name=\"Params\" minOccurs=\"0\"><xsd:complexType><xsd:sequence>",
    "<xsd:element name=\"Param\" type=\"xsd:string\" minOccurs=\"0\" maxOccurs=\"unbounded\"/>",
    "</xsd:sequence></xsd:complexType></xsd:element>",
    "</xsd:sequence></xsd:complexType></xsd:element>",
);

/// The service's description for clients that generate themselves from it. `service_url` is where
/// they will send their calls.
pub fn wsdl(service_url: &str) -> String {
    let mut writer = Writer::with_capacity(192 * 1024);
    writer.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<wsdl:definitions");
    writer.attribute("xmlns:wsdl", WSDL);
    writer.attribute("xmlns:soap", WSDL_SOAP);
    writer.attribute("xmlns:xsd", SCHEMA);
    writer.attribute("xmlns:tns", API);
    writer.attribute("targetNamespace", API);
    writer.raw(">\n<wsdl:types>\n");
    write_schemas(&mut writer);
    writer.raw("</wsdl:types>\n");
    write_messages(&mut writer);
    write_port_type(&mut writer);
    write_binding(&mut writer);
    writer.raw("<wsdl:service name=\"PartnerAPI\"><wsdl:port name=\"Soap\" binding=\"tns:SoapBinding\"><soap:address");
    writer.attribute("location", service_url);
    writer.raw("/></wsdl:port></wsdl:service>\n</wsdl:definitions>\n");
    writer.finish()
}

/// The schema of the fault's detail on its own, for clients that ask for it by its old address.
pub fn fault_schema() -> String {
    let mut writer = Writer::new();
    writer.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    write_fault_schema(&mut writer, &[("xmlns:xsd", SCHEMA)]);
    writer.finish()
}

fn write_fault_schema(writer: &mut Writer, declarations: &[(&str, &str)]) {
    open_schema(writer, API_FAULT, declarations);
    writer.raw(FAULT_SCHEMA);
    writer.raw("\n</xsd:schema>\n");
}

fn write_schemas(writer: &mut Writer) {
    write_fault_schema(writer, &[]);
    open_schema(writer, API, &[]);
    writer.raw("<xsd:import");
    writer.attribute("namespace", API_FAULT);
    writer.raw("/>\n");
    for definition in &model::model().definitions {
        write_definition(writer, definition);
        writer.raw("\n");
    }
    writer.raw("</xsd:schema>\n");
}

fn open_schema(writer: &mut Writer, namespace: &str, declarations: &[(&str, &str)]) {
    writer.raw("<xsd:schema");
    for (name, value) in declarations {
        writer.attribute(name, value);
    }
    writer.attribute("targetNamespace", namespace);
    writer.raw(" elementFormDefault=\"qualified\" version=\"1.0\">\n");
}

fn write_definition(writer: &mut Writer, definition: &Definition) {
    match definition {
        Definition::Complex {
            name,
            base,
            is_abstract,
            fields,
        } => {
            writer.raw("<xsd:complexType");
            writer.attribute("name", name);
            if *is_abstract {
                writer.attribute("abstract", "true");
            }
            writer.raw(">");
            match base {
                Some(base) => {
                    writer.raw("<xsd:complexContent><xsd:extension");
                    writer.attribute("base", &qualified(base));
                    writer.raw(">");
                    write_sequence(writer, fields);
                    writer.raw("</xsd:extension></xsd:complexContent>");
                }
                None => write_sequence(writer, fields),
            }
            writer.raw("</xsd:complexType>");
        }
        Definition::Enumeration { name, values } => {
            open_simple(writer, name);
            for value in values {
                writer.raw("<xsd:enumeration");
                writer.attribute("value", value);
                writer.raw("/>");
            }
            writer.raw("</xsd:restriction></xsd:simpleType>");
        }
        Definition::Pattern { name, pattern } => {
            open_simple(writer, name);
            writer.raw("<xsd:pattern");
            writer.attribute("value", pattern);
            writer.raw("/></xsd:restriction></xsd:simpleType>");
        }
        Definition::Message { name, fields } => {
            writer.raw("<xsd:element");
            writer.attribute("name", name);
            writer.raw("><xsd:complexType>");
            write_sequence(writer, fields);
            writer.raw("</xsd:complexType></xsd:element>");
        }
        Definition::Element { name } => {
            writer.raw("<xsd:element");
            writer.attribute("name", name);
            writer.attribute("type", &qualified(name));
            writer.raw("/>");
        }
    }
}

fn open_simple(writer: &mut Writer, name: &str) {
    writer.raw("<xsd:simpleType");
    writer.attribute("name", name);
    writer.raw("><xsd:restriction base=\"xsd:string\">");
}

fn write_sequence(writer: &mut Writer, fields: &[FieldDefinition]) {
    writer.raw("<xsd:sequence>");
    fields.iter().for_each(|field| write_field(writer, field));
    writer.raw("</xsd:sequence>");
}

fn write_field(writer: &mut Writer, field: &FieldDefinition) {
    let particle = match &field.content {
        Content::Named(_) | Content::Anonymous(_) => "element",
        Content::Choice(_) => "choice",
        Content::Any => "any",
    };
    writer.raw("<xsd:");
    writer.raw(particle);
    if !field.name.is_empty() {
        writer.attribute("name", field.name);
    }
    if let Content::Named(name) = field.content {
        writer.attribute("type", &qualified(name));
    }
    if field.is_optional {
        writer.attribute("minOccurs", "0");
    }
    if field.is_repeated {
        writer.attribute("maxOccurs", "unbounded");
    }
    if field.is_nillable {
        writer.attribute("nillable", "true");
    }
    match &field.content {
        Content::Anonymous(inner) => {
            writer.raw("><xsd:complexType>");
            write_sequence(writer, inner);
            writer.raw("</xsd:complexType></xsd:element>");
        }
        Content::Choice(alternatives) => {
            writer.raw(">");
            let alternatives = alternatives.iter();
            alternatives.for_each(|field| write_field(writer, field));
            writer.raw("</xsd:choice>");
        }
        Content::Named(_) => writer.raw("/>"),
        // Known types are compared with the model; others cannot be checked.
        Content::Any => writer.raw(" processContents=\"lax\"/>"),
    }
}

/// The schema's own types begin with a small letter, but for one of ours.
fn qualified(name: &str) -> String {
    let is_ours = name.starts_with(|c: char| c.is_ascii_uppercase()) || name == "instanceid";
    format!("{}:{name}", if is_ours { "tns" } else { "xsd" })
}

fn write_messages(writer: &mut Writer) {
    for (operation, input, output) in OPERATIONS {
        for (suffix, element) in [("In", input), ("Out", output)] {
            writer.raw("<wsdl:message");
            writer.attribute("name", &format!("{operation}{suffix}"));
            writer.raw("><wsdl:part name=\"parameters\"");
            writer.attribute("element", &format!("tns:{element}"));
            writer.raw("/></wsdl:message>\n");
        }
    }
}

fn write_port_type(writer: &mut Writer) {
    writer.raw("<wsdl:portType name=\"Soap\">\n");
    for (operation, _, _) in OPERATIONS {
        writer.raw("<wsdl:operation");
        writer.attribute("name", operation);
        writer.raw("><wsdl:input");
        writer.attribute("message", &format!("tns:{operation}In"));
        writer.raw("/><wsdl:output");
        writer.attribute("message", &format!("tns:{operation}Out"));
        writer.raw("/></wsdl:operation>\n");
    }
    writer.raw("</wsdl:portType>\n");
}

fn write_binding(writer: &mut Writer) {
    writer.raw(
        "<wsdl:binding name=\"SoapBinding\" type=\"tns:Soap\"><soap:binding style=\"document\"",
    );
    writer.attribute("transport", HTTP_TRANSPORT);
    writer.raw("/>\n");
    for (operation, _, _) in OPERATIONS {
        writer.raw("<wsdl:operation");
        writer.attribute("name", operation);
        writer.raw("><soap:operation");
        writer.attribute("soapAction", operation);
        writer.raw(" style=\"document\"/><wsdl:input><soap:body use=\"literal\"/></wsdl:input><wsdl:output><soap:body use=\"literal\"/></wsdl:output></wsdl:operation>\n");
    }
    writer.raw("</wsdl:binding>\n");
}
