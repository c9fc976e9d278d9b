//! TLS in front of the local cloud, as in AWS: every connection is passed on unchanged.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Listens on a loopback port with this certificate; returns the port.
pub async fn listen(cloud: String, certificate: &Path, key: &Path) -> anyhow::Result<u16> {
    let certificate = CertificateDer::from_pem_file(certificate).context("the certificate")?;
    let key = PrivateKeyDer::from_pem_file(key).context("the key")?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Broken connections are left to their clients.
            let _ended = tokio::spawn(pass_on(acceptor.clone(), stream, cloud.clone()));
        }
    });
    Ok(port)
}

async fn pass_on(acceptor: TlsAcceptor, stream: TcpStream, cloud: String) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut inner = TcpStream::connect(cloud).await?;
    inner.set_nodelay(true)?;
    let mut outer = acceptor.accept(stream).await?;
    tokio::io::copy_bidirectional(&mut outer, &mut inner).await?;
    Ok(())
}
