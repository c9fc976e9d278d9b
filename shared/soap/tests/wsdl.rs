//! What the WSDL says of types that other lines of the model do not show.

#[track_caller]
fn has(expected: &str) {
    let wsdl = soap::wsdl("https://aftercall.example.net/Service.asmx");
    assert!(wsdl.contains(expected), "{expected}");
}

#[test]
fn a_type_says_what_it_is_derived_from_and_what_it_adds() {
    has(
        "<xsd:complexType name=\"ClickEvent\"><xsd:complexContent><xsd:extension base=\"tns:TrackingEvent\"><xsd:sequence><xsd:element name=\"URLID\" type=\"xsd:int\" minOccurs=\"0\"/><xsd:element name=\"URL\" type=\"xsd:string\" minOccurs=\"0\"/><xsd:element name=\"URLIDLong\" type=\"xsd:long\" minOccurs=\"0\"/></xsd:sequence></xsd:extension></xsd:complexContent></xsd:complexType>",
    );
    has("<xsd:complexType name=\"Recurrence\" abstract=\"true\"><xsd:sequence></xsd:sequence>");
    has(
        "<xsd:complexType name=\"UpdateResult\"><xsd:complexContent><xsd:extension base=\"tns:Result\"><xsd:sequence><xsd:element name=\"Object\" type=\"tns:APIObject\"/>",
    );
}

#[test]
fn choices_and_whatever_there_may_be_are_said() {
    has(
        "<xsd:choice><xsd:element name=\"SourceName\" type=\"xsd:string\"/><xsd:element name=\"SourceOrdinal\" type=\"xsd:int\"/></xsd:choice>",
    );
    has(
        "<xsd:choice minOccurs=\"0\"><xsd:element name=\"Description\" type=\"tns:ExtractDescription\"/>",
    );
    has(
        "<xsd:complexType name=\"AssetAnyProperty\"><xsd:sequence><xsd:any minOccurs=\"0\" maxOccurs=\"unbounded\" processContents=\"lax\"/></xsd:sequence></xsd:complexType>",
    );
}

#[test]
fn some_types_may_stand_alone() {
    has("<xsd:element name=\"Subscriber\" type=\"tns:Subscriber\"/>");
    has("<xsd:element name=\"YearlyRecurrence\" type=\"tns:YearlyRecurrence\"/>");
}
