//! SCRAM: the password is not sent, and the server has to show that it knows it, too.

use sans_mqtt::{Auth, Properties, Property, ReasonCode};
use scram::{Client, METHOD};

use crate::Error;
use crate::connection::Connection;
use crate::handle::{Options, Reply};

/// An authentication that goes on.
pub(crate) struct Authentication {
    client: Client,
    /// Who waits for its end: nobody, if that is CONNACK.
    reply: Option<Reply<()>>,
}

impl Authentication {
    /// Begins one, if there is to be any; gives the first Authentication Data.
    pub(crate) fn begin(options: &Options) -> Result<Option<(Self, Vec<u8>)>, Error> {
        let Options { scram: true, user_name: Some(user_name), password: Some(password), .. } = options
        else {
            return Ok(None);
        };
        let (client, data) = Client::new(user_name, password)?;
        Ok(Some((Self { client, reply: None }, data)))
    }
}

impl Connection {
    /// Begins to authenticate again. If that can't be, or comes to nothing, the reply says so.
    pub(crate) fn reauthenticate(&mut self, options: &Options, reply: Reply<()>) {
        let begun = Authentication::begin(options).and_then(|begun| {
            let none =
                || Error::Settings("there is no authentication to repeat: SCRAM was not asked for".into());
            let (authentication, data) = begun.ok_or_else(none)?;
            self.auth(ReasonCode::RE_AUTHENTICATE, &data)?;
            Ok(authentication)
        });
        match begun {
            Ok(authentication) => {
                self.authentication = Some(Authentication { reply: Some(reply), ..authentication })
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// AUTH came. The answer to a challenge takes as long as the server wants, up to half a second.
    pub(crate) fn challenged(&mut self, auth: &Auth<'_>) -> Result<(), Error> {
        if auth.reason == ReasonCode::SUCCESS {
            return self.authenticated(auth.properties);
        }
        let Some(authentication) = &mut self.authentication else { return Ok(()) };
        let answer =
            authentication.client.answer(auth.properties.authentication_data().unwrap_or_default())?;
        self.auth(ReasonCode::CONTINUE_AUTHENTICATION, &answer)
    }

    /// The server says that all is well. It is not believed if it has not shown that it knows the password.
    pub(crate) fn authenticated(&mut self, properties: Properties<'_>) -> Result<(), Error> {
        let Some(Authentication { client, reply }) = self.authentication.take() else { return Ok(()) };
        client.finish(properties.authentication_data().unwrap_or_default())?;
        self.replies.extend(reply);
        Ok(())
    }

    /// The connection is over.
    pub(crate) fn abandon(&mut self) {
        let reply = self.authentication.take().and_then(|authentication| authentication.reply);
        reply.into_iter().for_each(|reply| drop(reply.send(Err(Error::Interrupted))));
    }

    fn auth(&mut self, reason: ReasonCode, data: &[u8]) -> Result<(), Error> {
        let properties = [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(data)];
        Ok(self.mqtt.auth(&Auth { reason, properties: (&properties).into() }, &mut self.output)?)
    }
}
