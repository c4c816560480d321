//! Smoke.
use sans_mqtt::*;

#[test]
fn smoke() {
    for version in [Version::V3_1, Version::V3_1_1, Version::V5_0] {
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let now = Instant::from_millis(0);
            let mut client: Client<Heap> = Client::new(version, &Config::default(), Session::default());
            let mut server: Server<Heap> = Server::new(now, &Config::default(), Session::default());
            let (mut c2s, mut s2c) = (Vec::new(), Vec::new());
            client.connect(now, &Connect { client_id: "a", ..Connect::default() }, &mut c2s).unwrap();
            let mut got = 0;
            let mut acked = 0;
            let mut sent = 0;
            for _ in 0..100 {
                let bytes = std::mem::take(&mut c2s);
                let mut input = &bytes[..];
                loop {
                    match server.handle(now, &mut input, &mut s2c) {
                        Step::Event(Event::Connect(_)) => server.accept(Properties::EMPTY, &mut s2c).unwrap(),
                        Step::Event(Event::Publish(p, None)) => {
                            assert_eq!(p.payload, [got as u8]);
                            got += 1;
                        }
                        Step::Event(e) => panic!("{e:?}"),
                        Step::Wait(Wait::Read(_)) => break,
                        Step::Wait(w) => panic!("{w:?}"),
                    }
                }
                assert!(input.is_empty());
                let bytes = std::mem::take(&mut s2c);
                let mut input = &bytes[..];
                loop {
                    match client.handle(now, &mut input, &mut c2s) {
                        Step::Event(Event::Connected(_)) => {}
                        Step::Event(Event::Acked { reason, .. }) => {
                            assert_eq!(reason, ReasonCode::SUCCESS);
                            acked += 1;
                        }
                        Step::Event(e) => panic!("{e:?}"),
                        Step::Wait(Wait::Read(_)) => break,
                        Step::Wait(w) => panic!("{w:?}"),
                    }
                }
                while sent < 50 && client.is_open() {
                    match client.publish(
                        &Message { qos, topic: "t", payload: &[sent as u8], ..Message::default() },
                        &mut c2s,
                    ) {
                        Ok(_) => sent += 1,
                        Err(UsageError::WindowFull(_)) => break,
                        Err(e) => panic!("{e:?}"),
                    }
                }
            }
            assert_eq!((sent, got), (50, 50));
            assert_eq!(acked, if qos == Qos::AtMostOnce { 0 } else { 50 });
            assert_eq!((client.session().in_flight(), server.session().incoming_in_flight()), (0, 0));
            println!(
                "{} {} {}",
                size_of_val(&client),
                size_of::<Server<FixedCaller<0, 0>>>(),
                size_of::<Step<'_>>()
            );
        }
    }
}
