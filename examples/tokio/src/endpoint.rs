//! Where a server is, and the way there: TCP, or TLS over it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls_native_certs::load_native_certs;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsConnector, rustls};

use crate::Error;

/// How long it may take to connect, TLS included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes to a server and back.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Whom to trust, and who this is: files in PEM format.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// The certificates that vouch for servers, instead of those of the system.
    pub ca: Option<PathBuf>,
    /// The certificate of this client, and its private key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A server.
#[derive(Clone)]
pub struct Endpoint {
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Endpoint {
    /// `mqtt://HOST[:PORT]`, or `mqtts://HOST[:PORT]` for TLS. The ports are 1883 and 8883 if none is named.
    pub fn new(url: &str, files: &TlsFiles) -> Result<Self, Error> {
        let wrong =
            || Error::Settings(format!("{url} is not of the form mqtt://HOST:PORT or mqtts://HOST:PORT"));
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let (is_tls, port) = match scheme {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            _ => return Err(wrong()),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        // An IPv6 address has colons, and brackets around it.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, number)) if !number.ends_with(']') => (host, number.parse().map_err(|_| wrong())?),
            _ => (authority, port),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() || host.contains(['/', '@', '[']) {
            return Err(wrong());
        }
        let name = || ServerName::try_from(host.to_owned()).map_err(|_| wrong());
        let tls = if is_tls { Some((connector(files)?, name()?)) } else { None };
        Ok(Self { host: host.into(), port, tls })
    }

    /// The name for messages to the user.
    pub(crate) fn name(&self) -> String {
        format!("{}, port {}", self.host, self.port)
    }

    pub(crate) async fn connect(&self) -> Result<Box<dyn Stream>, Error> {
        match timeout(PATIENCE, self.open()).await {
            Ok(opened) => opened.map_err(|error| self.error(error, Error::Connect)),
            Err(_) => Err(Error::TooSlow(self.name())),
        }
    }

    /// What is wrong with the transport: TLS, or `otherwise`.
    pub(crate) fn error(&self, error: io::Error, otherwise: fn(String, io::Error) -> Error) -> Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(why)) => Error::Untrusted(self.name(), why.clone()),
            Some(tls) => Error::Tls(self.name(), tls.clone()),
            None => otherwise(self.name(), error),
        }
    }

    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect((&*self.host, self.port)).await?;
        tcp.set_nodelay(true)?; // packets are written in groups anyway
        Ok(match &self.tls {
            None => Box::new(tcp),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), tcp).await?),
        })
    }
}

fn connector(files: &TlsFiles) -> Result<TlsConnector, Error> {
    let mut roots = RootCertStore::empty();
    match &files.ca {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| unreadable(path, error))?;
            }
        }
        None => {
            roots.add_parsable_certificates(load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(Error::Settings("the system has no certificates to trust: give a file of them".into()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Settings(error.to_string()))?
        .with_root_certificates(roots);
    let config = match &files.identity {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
            config
                .with_client_auth_cert(certificates(certificate)?, secret)
                .map_err(|error| unreadable(certificate, error))?
        }
    };
    Ok(Arc::new(config).into())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    match read() {
        Ok(none) if none.is_empty() => Err(unreadable(path, "no certificate is in it")),
        read => read.map_err(|error| unreadable(path, error)),
    }
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Settings(format!("can't use {}: {why}", path.display()))
}
