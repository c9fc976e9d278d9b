//! The shapes that credentials come in, and which of them wins.

use soap::{Credentials, PasswordDigest};

const SECURITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PROFILE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";

fn read(header: &str) -> Result<Option<Credentials>, String> {
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>{header}</s:Header><s:Body><VersionInfoRequestMsg xmlns=\"{}\"/></s:Body></s:Envelope>",
        soap::API
    );
    let read = soap::read_envelope(envelope.as_bytes(), None);
    read.map(|envelope| envelope.credentials)
        .map_err(|fault| fault.text)
}

fn token(text: &str) -> Option<Credentials> {
    Some(Credentials::Token(text.to_owned()))
}

fn password(username: &str, password: &str) -> Option<Credentials> {
    Some(Credentials::Password {
        username: username.to_owned(),
        password: password.to_owned(),
    })
}

fn user(inside: &str) -> String {
    format!(
        "<w:Security xmlns:w=\"{SECURITY}\"><w:UsernameToken>{inside}</w:UsernameToken></w:Security>"
    )
}

#[track_caller]
fn check(header: &str, expected: Option<Credentials>) {
    assert_eq!(read(header), Ok(expected), "{header}");
}

#[test]
fn tokens() {
    check(
        "<fueloauth xmlns=\"http://exacttarget.com\">abc</fueloauth>",
        token("abc"),
    );
    check(
        "<o:fueloauth xmlns:o=\"http://exacttarget.com\">\n abc <!-- x --></o:fueloauth>",
        token("abc"),
    );
    check("<fueloauth>abc</fueloauth>", token("abc"));
    // Samples of the protocol's own documents print it without a prefix, in whatever default
    // namespace there is, and in that of the API.
    check(
        "<fueloauth xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\">abc</fueloauth>",
        token("abc"),
    );
    check(
        "<fueloauth xmlns=\"urn:other\">abc</fueloauth>",
        token("abc"),
    );
    check(
        &format!("<p:fueloauth xmlns:p=\"{}\">abc</p:fueloauth>", soap::API),
        token("abc"),
    );
    check(
        "<oAuth xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"><oAuthToken>abc</oAuthToken></oAuth>",
        token("abc"),
    );
    check("<x:fueloauth xmlns:x=\"urn:other\">abc</x:fueloauth>", None);
    check(
        "<fueloauth xmlns:s2=\"http://schemas.xmlsoap.org/soap/envelope/\" s2:mustUnderstand=\"1\" xmlns=\"urn:other\">abc</fueloauth>",
        token("abc"),
    );
    check("<fueloauth/>", None);
    check(
        "<oAuth xmlns=\"http://exacttarget.com\"><oAuthToken xmlns=\"\">abc</oAuthToken></oAuth>",
        token("abc"),
    );
    check(
        "<oAuth xmlns=\"http://exacttarget.com\"><oAuthToken>abc</oAuthToken></oAuth>",
        token("abc"),
    );
    check("", None);
}

#[test]
fn users() {
    let plain = "<w:Username>u</w:Username><w:Password>p</w:Password>";
    check(&user(plain), password("u", "p"));
    check(
        &user(&plain.replace(
            "<w:Password>",
            &format!("<w:Password Type=\"{PROFILE}#PasswordText\">"),
        )),
        password("u", "p"),
    );
    check(
        &user("<w:Username>\n u\n</w:Username><w:Password><![CDATA[ p&<x> ]]></w:Password>"),
        password("u", "p&<x>"),
    );
    check(&user("<w:Username>u</w:Username>"), password("u", ""));
    let digest = format!(
        "<w:Username>u</w:Username><w:Password Type=\"{PROFILE}#PasswordDigest\">d=</w:Password><w:Nonce>n=</w:Nonce><c:Created xmlns:c=\"urn:c\">2026-11-20T10:00:00Z</c:Created>"
    );
    check(
        &user(&digest),
        Some(Credentials::Digest(PasswordDigest {
            username: "u".to_owned(),
            digest: "d=".to_owned(),
            nonce: "n=".to_owned(),
            created: "2026-11-20T10:00:00Z".to_owned(),
        })),
    );
    let odd = plain.replace("<w:Password>", "<w:Password Type=\"urn:kerberos\">");
    assert!(
        read(&user(&odd))
            .expect_err("a fault")
            .contains("urn:kerberos")
    );
    let two = plain.to_owned() + "<w:Password>q</w:Password>";
    assert!(
        read(&user(&two))
            .expect_err("a fault")
            .contains("More than one 'Password'")
    );
    let twice = user(plain) + &user(plain);
    assert!(
        read(&twice)
            .expect_err("a fault")
            .contains("More than one 'UsernameToken'")
    );
}

#[test]
fn a_token_wins_over_the_dummy_user() {
    let dummy = user("<w:Username>*</w:Username><w:Password>*</w:Password>");
    let legacy =
        "<oAuth xmlns=\"http://exacttarget.com\"><oAuthToken xmlns=\"\">abc</oAuthToken></oAuth>";
    check(&format!("{legacy}{dummy}"), token("abc"));
    check(&format!("{dummy}{legacy}"), token("abc"));
}
