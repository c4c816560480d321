//! What the task does with one connection.

use std::io;

use bytes::BytesMut;
use sans_mqtt::{
    Acknowledge, Client, Connect, Disconnect, Instant, PacketId, Properties, Property, PublishBuf,
    ReasonCode, RetainHandling, Session, Subscription, UsageError, Version,
};
use scram::METHOD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::Error;
use crate::authentication::Authentication;
use crate::handle::{Ack, Filter, Options, Reply};
use crate::journal::Journal;

/// One connection.
pub(crate) struct Connection {
    pub(crate) mqtt: Client<Journal>,
    pub(crate) output: BytesMut,
    /// What the application is to hear as soon as the journal is written.
    pub(crate) replies: Vec<Reply<()>>,
    pub(crate) acks: mpsc::UnboundedSender<Ack>,
    /// An authentication that goes on.
    pub(crate) authentication: Option<Authentication>,
    /// Whether it is to end.
    pub(crate) is_leaving: bool,
}

impl Connection {
    pub(crate) fn new(options: &Options, session: Session<Journal>) -> (Self, mpsc::UnboundedReceiver<Ack>) {
        let mut mqtt = Client::new(options.version, &options.config, session);
        mqtt.set_acknowledge(Acknowledge::Manual);
        // As many as there are messages that are not acknowledged.
        let (acks, acked) = mpsc::unbounded_channel();
        let (output, replies, authentication) = (BytesMut::new(), Vec::new(), None);
        let connection = Self { mqtt, output, replies, acks, authentication, is_leaving: false };
        (connection, acked)
    }

    /// Sends CONNECT.
    pub(crate) fn connect(&mut self, now: Instant, options: &Options) -> Result<(), Error> {
        let session = self.mqtt.session();
        let client_id = session.store().client_id().to_owned();
        let expiry = u32::try_from(options.session_expiry.as_secs()).unwrap_or(u32::MAX);
        let mut properties = vec![Property::SessionExpiryInterval(expiry)];
        let is_5 = options.version == Version::V5_0;
        let (authentication, data) = Authentication::begin(options)?.unzip();
        if let Some(data) = &data {
            properties.extend([Property::AuthenticationMethod(METHOD), Property::AuthenticationData(data)]);
        }
        // Who this is, is in the data.
        let login = Some(options).filter(|_| data.is_none());
        let connect = Connect {
            clean_start: self.mqtt.clean_start(),
            keep_alive: options.keep_alive,
            properties: if is_5 { properties[..].into() } else { Properties::EMPTY },
            client_id: &client_id,
            user_name: login.and_then(|options| options.user_name.as_deref()),
            password: login.and_then(|options| options.password.as_deref()).map(str::as_bytes),
            will: None,
        };
        self.mqtt.connect(now, &connect, &mut self.output)?;
        self.authentication = authentication;
        Ok(())
    }

    /// Does something with which the application comes to `position`.
    fn at<T, E>(
        &mut self,
        position: Option<u64>,
        command: impl FnOnce(&mut Client<Journal>, &mut BytesMut) -> Result<T, E>,
    ) -> Result<T, E> {
        let journal = self.mqtt.session_mut().store_mut();
        let before = journal.progress;
        if let Some(position) = position {
            journal.set_position(position);
        }
        let done = command(&mut self.mqtt, &mut self.output);
        if done.is_err() {
            self.mqtt.session_mut().store_mut().progress = before;
        }
        done
    }

    pub(crate) fn publish(&mut self, message: &PublishBuf, position: Option<u64>) -> Result<(), UsageError> {
        self.at(position, |mqtt, output| mqtt.publish(&message.message(), output).map(drop))
    }

    pub(crate) fn ack(&mut self, ack: Ack) {
        let Ack { token, position, reply } = ack;
        // Otherwise the reply is dropped, which says enough.
        if self.at(position, |mqtt, output| mqtt.ack(token, ReasonCode::SUCCESS, output)).is_ok() {
            self.replies.push(reply);
        }
    }

    pub(crate) fn subscribe(&mut self, filter: &Filter) -> Result<PacketId, UsageError> {
        let retain_handling = match self.mqtt.version() {
            Version::V5_0 => RetainHandling::SendIfNew,
            _ => RetainHandling::default(),
        };
        let subscription = Subscription {
            filter: &filter.filter,
            qos: filter.qos,
            retain_handling,
            ..Subscription::default()
        };
        self.mqtt.subscribe(&[subscription], Properties::EMPTY, &mut self.output)
    }

    pub(crate) fn leave(&mut self) {
        self.is_leaving = true;
        let is_5 = self.mqtt.version() == Version::V5_0;
        let ends = is_5 && self.mqtt.session().store().is_volatile();
        // Whoever does not keep the session does not come back for it.
        let forget = [Property::SessionExpiryInterval(0)];
        let properties = if ends { (&forget).into() } else { Properties::EMPTY };
        // If it is over anyway, there is nobody to say it to.
        let _ = self.mqtt.disconnect(&Disconnect { properties, ..Disconnect::default() }, &mut self.output);
    }
}

/// Writes some of what there is; or if there is nothing, flushes. Gives whether there is something to flush. If this is
/// cancelled, nothing has happened.
pub(crate) async fn write(writer: &mut (impl AsyncWrite + Unpin), output: &mut BytesMut) -> io::Result<bool> {
    if output.is_empty() {
        writer.flush().await?;
        return Ok(false);
    }
    match writer.write_buf(output).await? {
        0 => Err(io::ErrorKind::WriteZero.into()),
        _ => Ok(true),
    }
}

/// Lets the server read what was written last, before the end.
pub(crate) async fn hang_up(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    writer.shutdown().await?;
    let mut rest = [0; 1024];
    while reader.read(&mut rest).await? > 0 {}
    Ok(())
}
