//! Whom a function goes on trusting to be AWS, once somebody answers whom Amazon's own authorities
//! do not vouch for: a proxy that opens TLS, an endpoint with a certificate of somebody else's, new
//! authorities of Amazon's.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_smithy_http_client::tls::TrustStore;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use rustls::CertificateError;
use tracing::warn;

/// A connector that knows few authorities, which are quick to read, and one that knows all that the
/// system trusts, which is made when the first meets an issuer that it does not know. The request
/// that met it fails as a connection does that cannot be opened, and the SDK makes it again.
#[derive(Clone)]
pub(crate) struct Trusting(Arc<Connectors>);

struct Connectors {
    few: SharedHttpConnector,
    all: OnceLock<SharedHttpConnector>,
    make_all: Box<dyn Fn() -> SharedHttpConnector + Send + Sync>,
}

impl fmt::Debug for Trusting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Trusting")
    }
}

impl Trusting {
    pub(crate) fn new(
        few: &TrustStore,
        all: TrustStore,
        connector: impl Fn(TrustStore) -> SharedHttpConnector + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Connectors {
            few: connector(few.clone()),
            all: OnceLock::new(),
            make_all: Box::new(move || connector(all.clone())),
        }))
    }
}

impl HttpConnector for Trusting {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Some(all) = self.0.all.get() {
            return all.call(request);
        }
        let connectors = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let answered = connectors.few.call(request).await;
            if let Err(error) = &answered
                && is_unknown_issuer(error)
            {
                warn!("AWS is vouched for by somebody unknown: going by what the system trusts");
                connectors.all.get_or_init(&connectors.make_all);
            }
            answered
        })
    }
}

fn is_unknown_issuer(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) =
            error.downcast_ref()
        {
            return true;
        }
        // What an I/O error holds is not its source, but stands in its place.
        let held = error.downcast_ref::<std::io::Error>();
        cause = match held.and_then(std::io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests;
