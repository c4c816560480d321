//! MQTT over WebSocket: the packets are in binary frames, wherever these begin and end (section 6 of 5.0). Of what is sent,
//! each packet has a frame of its own, or several: some clients lose what comes behind the first packet of a frame, the C
//! library of paho among them, though [MQTT-6.0.0-2] tells them not to.

use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Sink, Stream};
use sans_mqtt::{Frame, Split};
use tokio::io::{self, AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

/// The largest frame and message that is taken.
const MOST: usize = 16 << 20;
/// The largest frame that is sent.
const FRAME: usize = 16 << 10;
/// How much is read at once. Each connection has its own buffer for that.
const READ: usize = 4 << 10;

/// The bytes in the frames, as if there were no frames.
pub struct WebSocket<T> {
    stream: WebSocketStream<T>,
    /// Of the last message, what has not been read yet.
    came: Bytes,
    /// Of the packet that is being sent, how many bytes are not in frames yet.
    rest: usize,
}

impl<T: AsyncRead + AsyncWrite + Unpin> WebSocket<T> {
    /// Makes the handshake.
    ///
    /// # Errors
    ///
    /// Those of the transport, and if it is not a WebSocket for MQTT that is asked for.
    pub async fn accept(transport: T) -> io::Result<Self> {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(FRAME)
            .max_write_buffer_size(4 * FRAME)
            .max_message_size(Some(MOST))
            .max_frame_size(Some(MOST));
        let accept = accept_hdr_async_with_config(transport, choose_protocol, Some(config));
        Ok(Self { stream: accept.await.map_err(failed)?, came: Bytes::new(), rest: 0 })
    }

    /// How many of these bytes the next frame takes: no more than are left of a packet.
    fn next_frame(&mut self, bytes: &[u8]) -> usize {
        if self.rest == 0 {
            self.rest = match Frame::split(bytes, usize::MAX) {
                Ok(Split::Frame(packet, _)) => packet.bytes().len(),
                Ok(Split::Incomplete(missing)) => bytes.len() + missing,
                Err(_) => bytes.len(),
            };
        }
        let n = self.rest.min(bytes.len());
        self.rest -= n;
        n
    }
}

/// Whether the fixed header of the packet that begins here is whole: that no packet may have any length is an error then.
fn has_fixed_header(bytes: &[u8]) -> bool {
    !matches!(Frame::split(bytes, 0), Ok(Split::Incomplete(_)))
}

/// The subprotocol has to be offered, and to be answered [MQTT-6.0.0-3] [MQTT-6.0.0-4].
#[expect(clippy::result_large_err, reason = "it is what the handshake asks for")]
fn choose_protocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered =
        offered.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).map(str::trim);
    let chosen = offered.find(|name| matches!(*name, "mqtt" | "mqttv3.1"));
    let Some(chosen) = chosen.and_then(|name| HeaderValue::from_str(name).ok()) else {
        let mut refusal = ErrorResponse::new(Some("The subprotocol mqtt has to be asked for.\n".into()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refusal);
    };
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, chosen);
    Ok(response)
}

fn failed(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.came.has_remaining() {
            match ready!(Pin::new(&mut this.stream).poll_next(cx)).transpose().map_err(failed)? {
                Some(Message::Binary(bytes)) => this.came = bytes,
                // It has to be closed [MQTT-6.0.0-1].
                Some(Message::Text(_)) => {
                    let frame =
                        CloseFrame { code: CloseCode::Unsupported, reason: "text is not MQTT".into() };
                    let _ = Pin::new(&mut this.stream).start_send(Message::Close(Some(frame)));
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a text frame")));
                }
                // Pings are answered by the library, and so is a close.
                Some(_) => {}
                None => return Poll::Ready(Ok(())),
            }
        }
        let n = this.came.len().min(to.remaining());
        to.put_slice(&this.came.split_to(n));
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_ready(cx)).map_err(failed)?;
        let mut bytes = BytesMut::new();
        for slice in slices {
            bytes.extend_from_slice(&slice[..slice.len().min(FRAME - bytes.len())]);
        }
        let (mut bytes, mut n) = (bytes.freeze(), 0);
        while bytes.has_remaining() {
            // A fixed header that was cut off does not say how long its packet is: it goes with what comes next.
            if n > 0 && this.rest == 0 && !has_fixed_header(&bytes) {
                break;
            }
            let frame = bytes.split_to(this.next_frame(&bytes));
            n += frame.len();
            let mut stream = Pin::new(&mut this.stream);
            stream.as_mut().start_send(Message::Binary(frame)).map_err(failed)?;
            if stream.poll_ready(cx).map_err(failed)?.is_pending() {
                break;
            }
        }
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx).map_err(failed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx).map_err(failed)
    }
}
