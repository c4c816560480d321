//! The loop that carries bytes, over transports in memory, in a time that passes when nobody is busy.

use std::io;
use std::task::Waker;
use std::time::Duration;

use broker::net::carry::{Pace, Turn, carry};
use broker::net::clock::Clock;
use broker::net::rate::Rate;
use broker::output::Output;
use bytes::Bytes;
use sans_mqtt::Sink;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep, timeout};

const ON: Turn = Turn { reads: true, due: None, messages: 0, is_over: false };

/// Sends back what comes, and is over at the end.
async fn echo(transport: DuplexStream, pace: Pace) -> io::Result<()> {
    let turn = |came: &[u8], is_eof, output: &mut Output, _: &_| {
        output.put(came);
        Ok(Turn { messages: came.len() as u32, is_over: is_eof, ..ON })
    };
    carry(transport, Clock::default(), &pace, turn).await
}

fn numbers(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i / 3) as u8).collect()
}

#[tokio::test]
async fn what_goes_in_comes_out_however_narrow_the_way() {
    let sent = numbers(200_000);
    for width in [1, 7, 4096, 1 << 20] {
        let sent = if width < 10 { &sent[..2000] } else { &sent };
        let (ours, theirs) = duplex(width);
        let task = tokio::spawn(echo(theirs, Pace::default()));
        let (mut reader, mut writer) = tokio::io::split(ours);
        let write = async {
            writer.write_all(sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut came = Vec::new();
        let (_, read) = tokio::join!(write, reader.read_to_end(&mut came));
        read.unwrap();
        assert!(came == sent);
        task.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_words_arrive_before_the_end_even_if_nobody_listens_to_the_peer() {
    let (mut ours, theirs) = duplex(10);
    let turn = |_: &[u8], _, output: &mut Output, _: &_| {
        output.put(b"that is all, folks");
        Ok(Turn { is_over: true, ..ON })
    };
    let task = tokio::spawn(async move { carry(theirs, Clock::default(), &Pace::default(), turn).await });
    ours.write_all(b"unheard").await.unwrap();
    let mut came = Vec::new();
    ours.read_to_end(&mut came).await.unwrap();
    assert_eq!(came, b"that is all, folks");
    let start = Instant::now();
    task.await.unwrap().unwrap();
    assert_eq!(start.elapsed().as_secs(), 1, "the peer has not closed");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_stays_and_one_that_reads_nothing_goes() {
    let (mut ours, theirs) = duplex(100);
    let task = tokio::spawn(echo(theirs, Pace::default()));
    ours.write_all(&[0; 300]).await.unwrap();
    for _ in 0..10 {
        sleep(Duration::from_secs(15)).await;
        ours.read_exact(&mut [0; 10]).await.unwrap();
    }
    let start = Instant::now();
    let error = task.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 20));
}

#[tokio::test(start_paused = true)]
async fn deadlines_are_met_though_the_alarm_is_set_once() {
    let (mut ours, theirs) = duplex(100);
    let clock = Clock::default();
    let start = clock.now();
    let mut dues = [70_000, 30_000, 30_500, 90_000, 90_000].into_iter();
    let task = tokio::spawn(async move {
        let mut turns = Vec::new();
        let turn = |_: &[u8], _, _: &mut Output, _: &_| {
            turns.push(clock.now().saturating_duration_since(start).as_millis());
            let due = dues.next().map(|after| start + Duration::from_millis(after));
            Ok(Turn { is_over: due.is_none(), due, ..ON })
        };
        carry(theirs, clock, &Pace::default(), turn).await.unwrap();
        turns
    });
    for pause in [10, 30] {
        sleep(Duration::from_secs(pause)).await;
        ours.write_all(b"x").await.unwrap();
    }
    let turns = task.await.unwrap();
    assert_eq!(turns, [0, 10_000, 30_000, 30_500, 40_000, 90_000]);
}

#[tokio::test(start_paused = true)]
async fn who_sends_too_much_is_read_from_later_and_loses_nothing() {
    for pace in [
        Pace { bytes: Rate::per_second(100), ..Pace::default() },
        Pace { messages: Rate::per_second(100), ..Pace::default() },
    ] {
        let (mut ours, theirs) = duplex(64 << 10);
        let task = tokio::spawn(echo(theirs, pace));
        let (sent, start) = (numbers(1100), Instant::now());
        ours.write_all(&sent).await.unwrap();
        let mut came = vec![0; 1100];
        ours.read_exact(&mut came).await.unwrap();
        assert!(came == sent);
        // The first hundred come at once, and the last are read with those before them.
        let seconds = start.elapsed().as_secs_f64();
        assert!((5.0..10.5).contains(&seconds), "{seconds}");
        drop(ours);
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn who_always_has_something_to_say_leaves_time_to_others() {
    let (mut ours, theirs) = duplex(16 << 20);
    ours.write_all(&vec![0; 16 << 20]).await.unwrap();
    let turn = |_: &[u8], is_eof, _: &mut Output, _: &_| Ok(Turn { is_over: is_eof, ..ON });
    let task = tokio::spawn(async move { carry(theirs, Clock::default(), &Pace::default(), turn).await });
    drop(ours);
    let others = tokio::spawn(async move {
        let mut turns = 0;
        while !task.is_finished() {
            tokio::task::yield_now().await;
            turns += 1;
        }
        turns
    });
    let others = others.await.unwrap();
    assert!(others >= 200, "{others}");
}

#[tokio::test]
async fn what_was_refused_is_asked_for_when_there_is_room() {
    let (mut ours, theirs) = duplex(1000);
    let payload = Bytes::from(numbers(50_000));
    let mut left = 20;
    let turn = |_: &[u8], _, output: &mut Output, _: &_| {
        while left > 0 && output.reserve(payload.len()) {
            output.share(&payload).put(&payload);
            left -= 1;
        }
        Ok(Turn { is_over: left == 0, ..ON })
    };
    let read = async {
        let mut came = Vec::new();
        ours.read_to_end(&mut came).await.unwrap();
        drop(ours);
        came
    };
    let pace = Pace::default();
    let (result, came) =
        tokio::join!(carry(theirs, Clock::default(), &pace, turn), timeout(Duration::from_secs(10), read));
    result.unwrap();
    assert!(came.unwrap() == payload.repeat(20));
}

#[tokio::test]
async fn a_turn_comes_after_each_wake() {
    let (ours, theirs) = duplex(1000);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut turns = 0;
    let turn = move |_: &[u8], _, _: &mut Output, waker: &std::task::Waker| {
        turns += 1;
        tell.send(waker.clone()).unwrap();
        Ok(Turn { is_over: turns == 3, ..ON })
    };
    let task = tokio::spawn(async move { carry(theirs, Clock::default(), &Pace::default(), turn).await });
    for _ in 0..2 {
        told.recv().await.unwrap().wake();
    }
    told.recv().await.unwrap();
    drop(ours);
    task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn reading_goes_on_after_a_wake_that_allows_it() {
    let (mut ours, theirs) = duplex(100);
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    // Nothing is read until what came first is decided, elsewhere.
    let turn = move |came: &[u8], is_eof, _: &mut Output, waker: &Waker| {
        let decides = came == b"may I?";
        if decides {
            let waker = waker.clone();
            tokio::spawn(async move {
                sleep(Duration::from_secs(1)).await;
                waker.wake();
            });
        } else if !came.is_empty() {
            said.send(came.to_vec()).unwrap();
        }
        Ok(Turn { reads: !decides, is_over: is_eof, ..ON })
    };
    let task = tokio::spawn(async move { carry(theirs, Clock::default(), &Pace::default(), turn).await });
    ours.write_all(b"may I?").await.unwrap();
    sleep(Duration::from_secs(2)).await;
    ours.write_all(b"thanks").await.unwrap();
    let came = timeout(Duration::from_secs(10), heard.recv()).await;
    assert_eq!(came.unwrap().unwrap(), b"thanks");
    drop(ours);
    task.await.unwrap().unwrap();
}
