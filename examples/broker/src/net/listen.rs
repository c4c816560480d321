//! Who connects, and over what.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{self, AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::time::{sleep, timeout};
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use super::address::{Address, Scheme};
use super::limits::Limits;
use super::peer::{Peer, Place};
use super::rate::{Bucket, Rate};
use super::tls::Tls;
use super::websocket::WebSocket;
use crate::Shared;
use crate::options::LimitOptions;

/// How many connections wait until they are accepted.
const BACKLOG: u32 = 1024;
/// How long everything may take to be written when the broker stops.
const FAREWELL: Duration = Duration::from_secs(2);
/// More refusals than these are not logged, so that who is refused can't fill the log.
const LOGGED: Rate = Rate::per_second(10);

/// A socket that takes connections.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    scheme: Scheme,
}

impl Listener {
    /// Listens there. Of the addresses that a name has, on the first that is possible.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub async fn bind(address: &Address) -> io::Result<Self> {
        let mut result = Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        // What is neither an option nor a command is an address: it may have been meant otherwise.
        let unknown = |error: io::Error| {
            let what = format!(
                "{error}; {:?} is taken for the name of a host, the only command is passwd",
                address.host
            );
            io::Error::new(error.kind(), what)
        };
        for socket_address in lookup_host((&address.host[..], address.port)).await.map_err(unknown)? {
            result = listen(socket_address);
            if result.is_ok() {
                break;
            }
        }
        Ok(Self { socket: result?, scheme: address.scheme })
    }

    /// Where it listens, with the port that it got.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn address(&self) -> io::Result<Address> {
        let address = self.socket.local_addr()?;
        Ok(Address { scheme: self.scheme, host: address.ip().to_string(), port: address.port() })
    }
}

/// For TCP without more.
impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self { socket, scheme: Scheme::Tcp }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // The port can be had again at once after a restart. Elsewhere than on Unix this means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What all listeners share.
#[derive(Clone)]
pub struct Doors {
    shared: Shared,
    limits: Arc<Mutex<Limits>>,
    tls: Option<Arc<Tls>>,
    /// How long handshakes may take.
    patience: Duration,
    connections: TaskTracker,
}

impl Doors {
    pub fn new(shared: Shared, limits: &LimitOptions, tls: Option<Arc<Tls>>) -> Self {
        let patience = Duration::from_secs(limits.connect_timeout.into());
        let limits = Arc::new(Mutex::new(Limits::new(limits.clone())));
        Self { shared, limits, tls, patience, connections: TaskTracker::new() }
    }

    /// Serves whoever connects.
    pub async fn open(self, listener: Listener) {
        let mut logged = Bucket::default();
        loop {
            let (socket, address) = match listener.socket.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Too many open files, for example, pass.
                    warn!(%error, "can't accept a connection");
                    sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let now = self.shared.clock.now();
            match Place::take(&self.limits, now, address) {
                Ok(place) => self.welcome(listener.scheme, socket, address, place),
                Err(excess) if logged.has_one(LOGGED, now) => {
                    logged.take(LOGGED, now, 1);
                    warn!(%address, cause = %excess, "refused a connection");
                }
                Err(_) => {}
            }
        }
    }

    fn welcome(&self, scheme: Scheme, socket: TcpStream, address: SocketAddr, place: Place) {
        debug!(%address, "a connection");
        let _ = socket.set_nodelay(true);
        let peer = Peer { address: Some(address), certificate: None, place: Some(place) };
        let tls = self.tls.clone();
        // Boxed, so that a connection does not hold the memory of its handshake.
        match scheme {
            Scheme::Tcp => drop(self.connections.spawn(self.shared.clone().serve(peer, socket))),
            Scheme::Tls => self.after(address, Box::pin(secure(tls, peer, socket))),
            Scheme::Ws => {
                self.after(address, Box::pin(async { Ok((peer, WebSocket::accept(socket).await?)) }));
            }
            Scheme::Wss => self.after(
                address,
                Box::pin(async {
                    let (peer, transport) = secure(tls, peer, socket).await?;
                    Ok((peer, WebSocket::accept(transport).await?))
                }),
            ),
        }
    }

    /// Serves what comes out of a handshake.
    fn after<T: AsyncRead + AsyncWrite + Send + 'static>(
        &self,
        address: SocketAddr,
        handshake: impl Future<Output = io::Result<(Peer, T)>> + Send + 'static,
    ) {
        let (shared, patience) = (self.shared.clone(), self.patience);
        self.connections.spawn(async move {
            match timeout(patience, handshake).await.unwrap_or_else(|error| Err(error.into())) {
                Ok((peer, transport)) => shared.serve(peer, transport).await,
                Err(error) => info!(%address, %error, "no handshake"),
            }
        });
    }

    /// Ends all connections, and waits until everything is written, for a while. Nobody else may be let in.
    pub async fn close(self) {
        self.shared.shut_down();
        self.connections.close();
        if timeout(FAREWELL, self.connections.wait()).await.is_err() {
            warn!(connections = self.connections.len(), "left without a farewell");
        }
    }
}

async fn secure(
    tls: Option<Arc<Tls>>,
    peer: Peer,
    socket: TcpStream,
) -> io::Result<(Peer, TlsStream<TcpStream>)> {
    let tls = tls.ok_or_else(|| io::Error::other("there is no certificate"))?;
    let (stream, certificate) = tls.accept(socket).await?;
    Ok((Peer { certificate, ..peer }, stream))
}
