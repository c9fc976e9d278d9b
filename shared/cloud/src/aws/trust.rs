//! Which certificates a function trusts after a server had one that Amazon's own authorities did
//! not issue: a proxy that inspects TLS, an endpoint with another certificate, new authorities of
//! Amazon.

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_smithy_http_client::tls::TrustStore;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use rustls::CertificateError;
use tracing::warn;

/// Two connectors: one with few authorities, which is created quickly, and one with all that the
/// system trusts, which is created when the first one meets an unknown issuer. The request that met
/// it fails like one without a connection, and the SDK repeats it.
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
        // The inner error of an I/O error is not its source, but takes its place.
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
