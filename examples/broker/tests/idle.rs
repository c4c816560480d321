//! Connections where nothing happens, in a time that passes only when nobody is busy: who spins, hangs.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use broker::Shared;
use broker::net::peer::Peer;
use sans_mqtt::{Connect, Packet, Property, Publish, Qos, Subscribe, Subscription, Version, Will};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, advance, sleep, timeout};

/// A client by hand, over a pipe that holds little.
async fn client(shared: &Shared, name: &str, will: Option<Will<'_>>) -> DuplexStream {
    let (mut ours, theirs) = duplex(1000);
    tokio::spawn(shared.clone().serve(Peer::default(), theirs));
    let connect = Connect { client_id: name, keep_alive: 0, will, ..Connect::default() };
    send(&mut ours, connect).await;
    let mut connack = [0; 4];
    ours.read_exact(&mut connack).await.unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    ours
}

async fn send<'a>(to: &mut DuplexStream, packet: impl Into<Packet<'a>>) {
    to.write_all(&packet.into().to_vec(Version::V3_1_1).unwrap()).await.unwrap();
}

async fn subscribe(to: &mut DuplexStream, filter: &str) {
    let filter = Subscription { filter, qos: Qos::AtMostOnce, ..Subscription::default() };
    send(to, Subscribe { filters: [filter][..].into(), ..Subscribe::default() }).await;
    let mut suback = [0; 5];
    to.read_exact(&mut suback).await.unwrap();
}

/// Who is busy for ever never lets time pass.
fn watchdog() {
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(30));
        eprintln!("somebody spins");
        std::process::abort();
    });
}

#[tokio::test(start_paused = true)]
async fn a_client_without_keep_alive_costs_nothing() {
    watchdog();
    let shared = Shared::default();
    let mut client = client(&shared, "idle", None).await;
    sleep(Duration::from_secs(100_000)).await;
    send(&mut client, Packet::Pingreq).await;
    let mut pong = [0; 2];
    client.read_exact(&mut pong).await.unwrap();
    assert_eq!(pong, [0xD0, 0]);
}

#[tokio::test(start_paused = true)]
async fn who_reads_nothing_is_given_up_however_much_comes_for_it() {
    watchdog();
    let shared = Shared::default();
    let mut watcher = client(&shared, "watcher", None).await;
    subscribe(&mut watcher, "gone").await;
    let will = Will { topic: "gone", ..Will::default() };
    let mut deaf = client(&shared, "deaf", Some(will)).await;
    subscribe(&mut deaf, "news").await;
    let mut publisher = client(&shared, "publisher", None).await;
    for _ in 0..10 {
        send(&mut publisher, Publish { topic: "news", payload: &[0; 900], ..Publish::default() }).await;
        sleep(Duration::from_secs(5)).await;
    }
    let mut will = [0; 8];
    timeout(Duration::from_secs(1), watcher.read_exact(&mut will)).await.expect("it is gone").unwrap();
    assert_eq!(&will, b"\x30\x06\0\x04gone");
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_task_is_dropped_is_gone_for_the_broker_too() {
    watchdog();
    let shared = Shared::default();
    let mut watcher = client(&shared, "watcher", None).await;
    subscribe(&mut watcher, "gone").await;
    let (mut ours, theirs) = duplex(1000);
    let task = tokio::spawn(shared.clone().serve(Peer::default(), theirs));
    let will = Some(Will { topic: "gone", ..Will::default() });
    send(&mut ours, Connect { client_id: "dropped", keep_alive: 0, will, ..Connect::default() }).await;
    ours.read_exact(&mut [0; 4]).await.unwrap();
    task.abort();
    let mut will = [0; 8];
    timeout(Duration::from_secs(1), watcher.read_exact(&mut will)).await.expect("it is gone").unwrap();
    assert_eq!(&will, b"\x30\x06\0\x04gone");
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_sleeps_while_nothing_is_due() {
    let woken = Arc::new(Woken(true.into()));
    let (waker, mut tick, mut turns) = (Waker::from(woken.clone()), pin!(Shared::default().tick()), 0);
    for _ in 0..600 {
        if woken.0.swap(false, Ordering::Relaxed) {
            turns += 1;
            assert!(tick.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        advance(Duration::from_millis(100)).await;
    }
    // The figures below $SYS are due every ten seconds; each time it is awake for a moment.
    assert!((6..=18).contains(&turns), "{turns}");
}

#[tokio::test(start_paused = true)]
async fn what_becomes_due_while_the_broker_sleeps_is_done_in_time() {
    watchdog();
    let shared = Shared::default();
    tokio::spawn(shared.clone().tick());
    let mut watcher = client(&shared, "watcher", None).await;
    subscribe(&mut watcher, "gone").await;
    sleep(Duration::from_secs(1)).await;
    let (mut ours, theirs) = duplex(1000);
    let task = tokio::spawn(shared.serve(Peer::default(), theirs));
    let (keep, delay) = ([Property::SessionExpiryInterval(60)], [Property::WillDelayInterval(3)]);
    let will = Some(Will { topic: "gone", properties: (&delay).into(), ..Will::default() });
    let connect = Connect { client_id: "late", will, properties: (&keep).into(), ..Connect::default() };
    ours.write_all(&Packet::from(connect).to_vec(Version::V5_0).unwrap()).await.unwrap();
    ours.read_exact(&mut [0; 4]).await.unwrap();
    task.abort();
    let cut = Instant::now();
    watcher.read_exact(&mut [0; 8]).await.unwrap();
    let passed = cut.elapsed();
    assert!((3000..3300).contains(&passed.as_millis()), "{passed:?}");
}
