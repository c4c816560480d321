//! TLS: certificates from files, and who a client is by its own.

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{self, AsyncRead, AsyncWrite};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use x509_parser::parse_x509_certificate;

use crate::options::TlsOptions;

/// How many bytes rustls keeps of what can't be written.
const BUFFER: usize = 16 << 10;

/// What handshakes are made with. It can be read again.
pub struct Tls {
    options: TlsOptions,
    config: Mutex<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// A sentence that names the file or option.
    pub fn new(options: &TlsOptions) -> Result<Self, String> {
        Ok(Self { options: options.clone(), config: Mutex::new(read(options)?.into()) })
    }

    /// Reads the files again, for the connections to come. If that fails, all stays as it is.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn reload(&self) -> Result<(), String> {
        let config = read(&self.options)?.into();
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Makes the handshake. Also gives the common name in the certificate of the client, if it has one.
    ///
    /// # Errors
    ///
    /// Those of the transport, and of TLS.
    pub async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        transport: T,
    ) -> io::Result<(TlsStream<T>, Option<String>)> {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let accept = TlsAcceptor::from(config)
            .accept_with(transport, |connection| connection.set_buffer_limit(Some(BUFFER)));
        let stream = accept.await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let name = certificates.and_then(|chain| common_name(chain.first()?));
        Ok((stream, name))
    }
}

fn read(options: &TlsOptions) -> Result<ServerConfig, String> {
    let (cert, key) =
        options.cert.as_deref().zip(options.key.as_deref()).ok_or("TLS needs --cert and --key")?;
    let chain = certificates("--cert", cert)?;
    let private = PrivateKeyDer::from_pem_slice(&content("--key", key)?);
    let private = private.map_err(|error| unusable("--key", key, error))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = match &options.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let mut roots = RootCertStore::empty();
            let unusable = |error: &dyn Display| unusable("--client-ca", file, error);
            for certificate in certificates("--client-ca", file)? {
                roots.add(certificate).map_err(|error| unusable(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            let verifier = match options.require_client_certificate {
                true => verifier,
                false => verifier.allow_unauthenticated(),
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| unusable(&error))?)
        }
    };
    builder
        .with_single_cert(chain, private)
        .map_err(|error| format!("{} and {} do not go together: {error}", cert.display(), key.display()))
}

fn certificates(option: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_slice_iter(&content(option, file)?).collect::<Result<Vec<_>, _>>();
    let all = read.map_err(|error| unusable(option, file, error))?;
    if all.is_empty() { Err(unusable(option, file, "it has no certificate")) } else { Ok(all) }
}

fn content(option: &str, file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| unusable(option, file, error))
}

fn unusable(option: &str, file: &Path, error: impl Display) -> String {
    format!("can't use {option} {}: {error}", file.display())
}

fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}
