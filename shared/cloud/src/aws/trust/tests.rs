//! A server over TLS that no authority of Amazon's vouches for.

use super::*;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::TlsContext;
use aws_smithy_runtime_api::client::http::http_client_fn;
use aws_smithy_types::retry::RetryConfig;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::outbound::callback::TLS;

/// Of `localhost`, signed by itself, made for this test alone.
const CERTIFICATE: &str = concat!(
    "MIIBkTCCATigAwIBAgIUNmoG//2eCr4u94JqP5VhkBtE8kQwCgYIKoZIzj0EAwIw",
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODE4NTEzNloYDzIxMjYxMTA0",
    "MTg1MTM2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO",
    "PQMBBwNCAAS4OlOW/cxq+vuGMpfBIcN7rFL7+9jdQmjF9y6BY9iRkwAufi3NYLw8",
    "ZxH983E5gsZ2KSMEk3+QdUB1AriVL2DLo2YwZDAdBgNVHQ4EFgQUAVRPR2WCYZSO",
    "3CIS8ZgLHK+piMIwHwYDVR0jBBgwFoAUAVRPR2WCYZSO3CIS8ZgLHK+piMIwFAYD",
    "VR0RBA0wC4IJbG9jYWxob3N0MAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0EAwIDRwAw",
    "RAIgFGFl7Ne5j5PM1CbjN7vIEMBpg1bVlzJ1ieD0F9ky7iUCIEVCyg8ao8NemTU1",
    "8Vcgl802FYQPIS1jUgg4RIptl5tC",
);

/// That of the certificate above, known to everybody.
const KEY: &str = concat!(
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgU7Ky/cmxKgf74hUF",
    "JJ3L4rPfpLeYA8Bhqthwtm1jA+OhRANCAAS4OlOW/cxq+vuGMpfBIcN7rFL7+9jd",
    "QmjF9y6BY9iRkwAufi3NYLw8ZxH983E5gsZ2KSMEk3+QdUB1AriVL2DL",
);

const AMAZON_ROOTS: &[u8] = include_bytes!("../amazon_roots.pem");

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\n\
    content-length: 11\r\nconnection: close\r\n\r\n{\"Keys\":[]}";

/// Answers every request alike; tells its address, and counts the handshakes that end well.
async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let decoded = |text: &str| BASE64_STANDARD.decode(text).expect("Base64");
    let certificate = CertificateDer::from(decoded(CERTIFICATE));
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(decoded(KEY)));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a key that fits");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let met = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&met);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            counted.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok() {
                let answered = stream.write_all(ANSWER).await;
                let ended = stream.shutdown().await;
                assert!(answered.is_ok() && ended.is_ok(), "a client that listens");
            }
        }
    });
    (address, met)
}

fn connector(trust: TrustStore) -> SharedHttpConnector {
    let tls = TlsContext::builder().with_trust_store(trust).build();
    let builder = Connector::builder().tls_provider(TLS);
    SharedHttpConnector::new(builder.tls_context(tls.expect("complete")).build())
}

fn client(address: SocketAddr, all: TrustStore) -> aws_sdk_kms::Client {
    let few = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let trusting = SharedHttpConnector::new(Trusting::new(&few, all, connector));
    let variables = |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("x".to_owned()),
        _ => None,
    };
    let config = crate::aws::clients::read(variables)
        .expect("all there")
        .into_builder();
    let config = config
        .http_client(http_client_fn(move |_, _| trusting.clone()))
        .retry_config(RetryConfig::standard())
        .endpoint_url(format!("https://localhost:{}", address.port()));
    aws_sdk_kms::Client::new(&config.build())
}

fn pem() -> String {
    format!("-----BEGIN CERTIFICATE-----\n{CERTIFICATE}\n-----END CERTIFICATE-----\n")
}

#[tokio::test]
async fn who_is_vouched_for_by_an_unknown_issuer_is_judged_by_what_the_system_trusts() {
    let (address, met) = server().await;
    let system = TrustStore::empty().with_pem_certificate(pem());
    let client = client(address, system);
    let answer = client.list_keys().send().await;
    assert!(answer.is_ok(), "{answer:?}");
    client.list_keys().send().await.expect("at once, now");
    assert_eq!(
        met.load(Ordering::Relaxed),
        2,
        "the second asks nobody else first"
    );
}

#[tokio::test]
async fn whom_the_system_does_not_trust_either_is_not_spoken_to() {
    let (address, met) = server().await;
    let system = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let error = client(address, system).list_keys().send().await;
    assert!(error.is_err());
    assert_eq!(met.load(Ordering::Relaxed), 0);
}
