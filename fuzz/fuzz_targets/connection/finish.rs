//! The end of a script: from here on all is well, and everything comes to its end.

use sans_mqtt::{Ack, Flight, Packet, PacketId, ReasonCode, Suback, Tables, Version, Wait};

use crate::World;
use crate::roles::Role;

impl<R: Role, T: Tables> World<R, T> {
    /// Everything that was accepted comes to an end.
    pub(crate) fn finish(&mut self) {
        self.connection.session_mut().store_mut().fails = false;
        self.cut = 0;
        self.finish_payload();
        self.drain(1 << 20);
        self.arrive(&[]);
        self.handle_all();
        // The message that is coming goes on to its end.
        if let Some(stream) =
            self.watch.stream.filter(|stream| stream.left < 5000 && self.connection.is_open())
        {
            self.arrive(&vec![0; stream.left]);
        }
        self.watch.end_silently();
        if self.watch.stream.is_some() {
            return;
        }
        let waits = matches!(self.wait, Some(Wait::Read(2) | Wait::Resend(_)));
        if !waits || !self.connection.is_open() || !self.input.is_empty() {
            return;
        }
        for _ in 0..40 {
            self.drain(1 << 20);
            if let Some(Wait::Resend(id)) = self.wait {
                if self.resend_one(id, 50).is_err() {
                    self.connection.abandon(id).unwrap();
                    self.watch.life.out.get_mut(&id.get()).unwrap().given_up = true;
                }
                self.finish_payload();
            }
            let version = self.connection.version();
            for (id, out) in &self.watch.life.out {
                let ack = Ack { packet_id: PacketId::new(*id).unwrap(), ..Ack::default() };
                if !out.published && out.flight != Flight::Released || out.lost {
                    continue;
                }
                let codes = &[ReasonCode::SUCCESS; 2][..out.filters];
                let suback = Suback { packet_id: ack.packet_id, reasons: codes.into(), ..Suback::default() };
                let unsuback = match version {
                    Version::V5_0 => suback,
                    _ => Suback { packet_id: ack.packet_id, ..Suback::default() },
                };
                let packet = match out.flight {
                    Flight::AtLeastOnce => Packet::Puback(ack),
                    Flight::ExactlyOnce => Packet::Pubrec(ack),
                    Flight::Released => Packet::Pubcomp(ack),
                    Flight::Subscribe => Packet::Suback(suback),
                    Flight::Unsubscribe => Packet::Unsuback(unsuback),
                };
                packet.encode(version, &mut self.input).unwrap();
            }
            self.handle_all();
            self.check();
        }
        assert!(self.watch.life.out.is_empty(), "stuck: {:?} {:?}", self.watch, self.wait);
    }

    fn finish_payload(&mut self) {
        if self.connection.is_open() {
            let left = std::mem::take(&mut self.watch.payload.left);
            assert_eq!(self.connection.payload_written(left as usize), Ok(0));
        }
    }
}
