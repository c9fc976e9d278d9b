//! The namespaces of the protocol. Prefixes have no meaning, only namespaces do.

/// The service's own: everything below Body.
pub const API: &str = "http://exacttarget.com/wsdl/partnerAPI";
/// Where `fueloauth` and `oAuth` live.
pub(crate) const OAUTH: &str = "http://exacttarget.com";
pub(crate) const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(crate) const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// Where `id` and `ref` of SOAP 1.2 live.
pub(crate) const SOAP_12_ENCODING: &str = "http://www.w3.org/2003/05/soap-encoding";
pub(crate) const ADDRESSING: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
/// The later edition; some stacks send it where the protocol's documents say 2004/08.
pub(crate) const ADDRESSING_2005: &str = "http://www.w3.org/2005/08/addressing";
pub(crate) const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub(crate) const SECURITY_UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
pub(crate) const SCHEMA: &str = "http://www.w3.org/2001/XMLSchema";
pub(crate) const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
pub(crate) const API_FAULT: &str = "urn:fault.partner.exacttarget.com";
pub(crate) const XML: &str = "http://www.w3.org/XML/1998/namespace";
pub(crate) const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// A namespace as the readers compare it: by tag, instead of by forty characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    /// No namespace.
    Unqualified,
    Api,
    OAuth,
    Soap11,
    Soap12,
    Soap12Encoding,
    Addressing,
    Security,
    SecurityUtility,
    Schema,
    SchemaInstance,
    Xml,
    Other,
}

impl Space {
    pub(crate) fn of(uri: &str) -> Self {
        match uri {
            "" => Self::Unqualified,
            API => Self::Api,
            OAUTH => Self::OAuth,
            SOAP_11 => Self::Soap11,
            SOAP_12 => Self::Soap12,
            SOAP_12_ENCODING => Self::Soap12Encoding,
            ADDRESSING | ADDRESSING_2005 => Self::Addressing,
            SECURITY => Self::Security,
            SECURITY_UTILITY => Self::SecurityUtility,
            SCHEMA => Self::Schema,
            SCHEMA_INSTANCE => Self::SchemaInstance,
            XML => Self::Xml,
            _ => Self::Other,
        }
    }
}
