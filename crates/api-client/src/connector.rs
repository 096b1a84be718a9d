//! Where connections come from: TCP, counted, with TLS on top for https URLs.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use hyper::Uri;
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use tower_service::Service;

/// hyper-util's TCP connector, and a count of the connections it has opened.
///
/// The client calls its connector once for each new connection and never for one from its pool.
/// aiohttp's counterpart is `TraceConfig.on_connection_create_end`.
#[derive(Clone)]
pub(crate) struct CountedTcp {
    tcp: HttpConnector,
    opened: Arc<AtomicUsize>,
}

impl CountedTcp {
    pub(crate) fn new(opened: &Arc<AtomicUsize>) -> Self {
        let mut tcp = HttpConnector::new();
        // Or it would refuse https URLs, of which it makes only the TCP part.
        tcp.enforce_http(false);
        Self {
            tcp,
            opened: Arc::clone(opened),
        }
    }
}

impl Service<Uri> for CountedTcp {
    type Response = TokioIo<TcpStream>;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.tcp.call(uri);
        let opened = Arc::clone(&self.opened);
        Box::pin(async move {
            let stream = connecting.await?;
            opened.fetch_add(1, Ordering::Relaxed);
            Ok(stream)
        })
    }
}

/// The TLS settings for these URLs: whom to trust, which is whom the operating system trusts, or
/// the certificates in the file that the environment variable `SSL_CERT_FILE` names.
///
/// They are loaded once, and only if a URL is https. Where there are none each https URL fails, and
/// no other.
pub(crate) fn tls(urls: &[&str]) -> ClientConfig {
    if urls.iter().any(|url| is_https(url)) {
        match builder().with_native_roots() {
            Ok(trusting) => return trusting.with_no_client_auth(),
            Err(error) => eprintln!("api-client: no https server will be trusted: {error}"),
        }
    }
    trusting(RootCertStore::empty())
}

/// TLS settings that trust `roots` and nobody else.
pub(crate) fn trusting(roots: RootCertStore) -> ClientConfig {
    let builder = builder().with_root_certificates(roots);
    builder.with_no_client_auth()
}

fn builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    // rustls picks its cryptography by itself only where one kind is compiled in, and panics where
    // two are. An `Err` says that somebody has chosen before, which is as good.
    let _ = ring::default_provider().install_default();
    ClientConfig::builder()
}

fn is_https(url: &str) -> bool {
    url.get(..6)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}
