use std::path::{Path, PathBuf};

use sans_mqtt::{Message, PacketId, Qos, Record, Session, Store};

use super::{Durability, Journal, LONG, commit};

async fn open(path: &Path) -> Session<Journal> {
    Journal::open(path, Some("a"), "test", Durability::Process).await.unwrap()
}

/// What a session and its application are.
fn state(session: &Session<Journal>) -> (Option<u64>, Vec<String>) {
    let mut records = Vec::new();
    session.export(|record| records.push(format!("{record:?}")));
    (session.store().position(), records)
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

fn publish(number: u16, payload: &[u8]) -> Record<'_> {
    let message = Message { qos: Qos::ExactlyOnce, topic: "topic", payload, ..Message::default() };
    Record::Publish { id: id(number), qos: Qos::ExactlyOnce, message: Some(message) }
}

/// A step of the session and of the application.
async fn step(session: &mut Session<Journal>, position: u64, record: Option<&Record<'_>>) {
    session.store_mut().set_position(position);
    if let Some(record) = record {
        session.store_mut().record(record).unwrap();
        session.restore(record).unwrap();
    }
    commit(session).await.unwrap();
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session");
    (folder, path)
}

/// Whatever a crash leaves of the file, the session is as it was after one of its steps: the last that is whole.
#[tokio::test]
async fn torn() {
    let (_folder, path) = file();
    let mut session = open(&path).await;
    let mut states = vec![(std::fs::read(&path).unwrap().len(), state(&session))];
    let records = [
        Some(Record::Begin { lost: true }),
        Some(publish(1, b"one")),
        None,
        Some(Record::Take { id: id(9) }),
        Some(Record::Release { id: id(1) }),
        Some(publish(2, b"two")),
        Some(Record::Complete { id: id(9) }),
        Some(Record::Finish { id: id(1) }),
    ];
    for (position, record) in (100..).zip(&records) {
        step(&mut session, position, record.as_ref()).await;
        states.push((std::fs::read(&path).unwrap().len(), state(&session)));
    }
    drop(session);
    let bytes = std::fs::read(&path).unwrap();
    let (_folder, path) = file();
    for len in states[0].0..=bytes.len() {
        let (whole, expected) = states.iter().rfind(|(end, _)| *end <= len).unwrap();
        let mut flipped = bytes[..len].to_vec();
        flipped[*whole..].iter_mut().for_each(|byte| *byte ^= 0x10);
        let zeros = [&bytes[..*whole], &[0; 100]].concat();
        for crashed in [bytes[..len].to_vec(), flipped, zeros] {
            std::fs::write(&path, crashed).unwrap();
            assert_eq!(state(&open(&path).await), *expected, "{len} bytes");
            // And so it is again.
            assert_eq!(state(&open(&path).await), *expected, "{len} bytes");
        }
    }
}

/// The file does not grow beyond what the session needs.
#[tokio::test]
async fn long() {
    let (_folder, path) = file();
    let mut session = open(&path).await;
    let mut longest = 0;
    let payload = [7; 1000];
    for round in 0..500 {
        step(&mut session, 2 * round, Some(&publish(1, &payload))).await;
        longest = longest.max(std::fs::metadata(&path).unwrap().len());
        step(&mut session, 2 * round + 1, Some(&Record::Finish { id: id(1) })).await;
    }
    assert!((LONG / 2..LONG + 2000).contains(&longest), "{longest}");
    let before = state(&session);
    assert_eq!(before.0, Some(999));
    drop(session);
    assert_eq!(state(&open(&path).await), before);

    // A session that needs more has more, and is not written anew each time.
    let mut session = open(&path).await;
    for number in 1..=300 {
        step(&mut session, 0, Some(&publish(number, &payload))).await;
    }
    let before = state(&session);
    assert_eq!(before.1.len(), 300);
    drop(session);
    assert_eq!(state(&open(&path).await), before);
}

#[tokio::test]
async fn somebody_elses() {
    let (_folder, path) = file();
    let session = open(&path).await;
    let open = async |client_id, purpose| {
        Journal::open(&path, client_id, purpose, Durability::Power).await.unwrap_err().to_string()
    };
    assert!(open(None, "test").await.ends_with("another program has this session"));
    drop(session);
    assert!(open(None, "other").await.ends_with("this is the session of `test` with the identifier a"));
    assert!(open(Some("b"), "test").await.ends_with("this is the session of `test` with the identifier a"));
    assert!(Journal::open(&path, None, "test", Durability::Power).await.is_ok());
    for text in ["", "a text", "a text that is longer than the head of an entry is"] {
        std::fs::write(&path, text).unwrap();
        assert!(open(None, "test").await.ends_with("this is no session"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "it is left alone");
    }
}
