//! Rows come back as they were written, and damaged ones are told.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use broker::disk::{
    Batch, Disk, Image, LetterRow, LetterState, MessageRow, SessionRow, Sqlite, Stored, SubscriptionRow,
    Table, load,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use sans_mqtt::{Message, PacketId, Property, PublishBuf, Qos};

/// A disk in memory.
#[derive(Clone, Default)]
struct Memory(BTreeMap<(Table, Vec<u8>), Vec<u8>>);

impl Disk for Memory {
    fn commit(&mut self, batch: &mut Batch) -> io::Result<()> {
        for (table, key, value) in batch.changes() {
            match value {
                Some(value) => self.0.insert((table, key.into()), value.into()),
                None => self.0.remove(&(table, key.into())),
            };
        }
        batch.clear();
        Ok(())
    }

    fn scan(&self, table: Table, each: &mut dyn FnMut(&[u8], &[u8])) -> io::Result<()> {
        let rows = self.0.iter().filter(|((of, _), _)| *of == table);
        rows.for_each(|((_, key), value)| each(key, value));
        Ok(())
    }
}

fn publish() -> impl Strategy<Value = PublishBuf> {
    let parts = ("[a-zé/]{1,20}", vec(any::<u8>(), 0..300), qos(), any::<bool>(), option::of("[a-z]{0,5}"));
    parts.prop_map(|(topic, payload, qos, retain, kind)| {
        let properties: Vec<_> = kind.iter().map(|kind| Property::ContentType(kind)).collect();
        let properties = properties[..].into();
        PublishBuf::try_from(&Message { qos, retain, topic: &topic, properties, payload: &payload }).unwrap()
    })
}

fn qos() -> impl Strategy<Value = Qos> {
    (0..=2_u8).prop_map(|number| Qos::from_number(number).unwrap())
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).unwrap())
}

fn message() -> impl Strategy<Value = MessageRow> {
    (any::<u64>(), any::<Option<u64>>(), publish()).prop_map(|(received, expires, publish)| MessageRow {
        received,
        expires,
        publish,
    })
}

fn subscription() -> impl Strategy<Value = SubscriptionRow> {
    (qos(), any::<bool>(), any::<bool>(), any::<Option<u32>>()).prop_map(
        |(qos, no_local, retain_as_published, id)| SubscriptionRow { qos, no_local, retain_as_published, id },
    )
}

/// With a message out of the first few, so that letters share them.
fn letter() -> impl Strategy<Value = LetterRow<'static>> {
    let state = prop_oneof![
        Just(LetterState::Queued),
        packet_id().prop_map(LetterState::Sent),
        packet_id().prop_map(LetterState::Released),
    ];
    let shared = option::of("[a-z/#]{1,9}".prop_map(Cow::from));
    (0..20_u64, qos(), any::<bool>(), vec(any::<u32>(), 0..4), state, shared).prop_map(
        |(message, qos, retain, ids, state, shared)| LetterRow {
            message,
            qos,
            retain,
            ids: ids.into(),
            state,
            shared,
        },
    )
}

fn session() -> impl Strategy<Value = Stored> {
    let row = (
        ".{0,20}",
        option::of(".{0,20}"),
        any::<u32>(),
        any::<Option<u64>>(),
        option::of(publish()),
        any::<u32>(),
        any::<Option<u64>>(),
    );
    let row =
        row.prop_map(|(client_id, user, expiry_interval, end_at, will, will_delay, will_at)| SessionRow {
            client_id: client_id.into(),
            user: user.map(Into::into),
            expiry_interval,
            end_at,
            will,
            will_delay,
            will_at,
        });
    let incoming = btree_map(packet_id().prop_map(PacketId::get), Just(()), 0..4);
    let (subscriptions, letters) =
        (btree_map("[a-z/+#$]{1,20}", subscription(), 0..4), btree_map(any::<u64>(), letter(), 0..6));
    (row, subscriptions, letters, incoming).prop_map(|(session, subscriptions, letters, incoming)| {
        let incoming = incoming.into_keys().map(|id| PacketId::new(id).unwrap()).collect();
        Stored { session, subscriptions, letters, incoming }
    })
}

/// What hangs together: the messages are those that letters need.
fn image() -> impl Strategy<Value = Image> {
    let sessions = btree_map(any::<u64>(), session(), 0..4);
    let retained = btree_map("[a-zé/]{1,20}", message(), 0..4);
    (sessions, vec(message(), 20), retained).prop_map(|(sessions, all, retained)| {
        let mut messages = BTreeMap::new();
        let mut last_message = 0;
        for letter in sessions.values().flat_map(|stored| stored.letters.values()) {
            last_message = last_message.max(letter.message);
            if !matches!(letter.state, LetterState::Released(_)) {
                messages.insert(letter.message, all[letter.message as usize].clone());
            }
        }
        let last_session = sessions.keys().copied().max().unwrap_or(0);
        Image { sessions, messages, retained, last_session, last_message, orphans: Batch::default() }
    })
}

fn write(image: &Image, batch: &mut Batch) {
    for (number, stored) in &image.sessions {
        batch.put_session(*number, &stored.session);
        stored.subscriptions.iter().for_each(|(filter, row)| batch.put_subscription(*number, filter, row));
        stored.letters.iter().for_each(|(sequence, row)| batch.put_letter(*number, *sequence, row));
        stored.incoming.iter().for_each(|id| batch.put_incoming(*number, *id));
    }
    image.messages.iter().for_each(|(number, row)| batch.put_message(*number, row));
    image.retained.iter().for_each(|(topic, row)| batch.put_retained(topic, row));
}

fn delete(image: &Image, batch: &mut Batch) {
    for (number, stored) in &image.sessions {
        batch.delete_session(*number);
        stored.subscriptions.keys().for_each(|filter| batch.delete_subscription(*number, filter));
        stored.letters.keys().for_each(|sequence| batch.delete_letter(*number, *sequence));
        stored.incoming.iter().for_each(|id| batch.delete_incoming(*number, *id));
    }
    image.messages.keys().for_each(|number| batch.delete_message(*number));
    image.retained.keys().for_each(|topic| batch.delete_retained(topic));
}

/// All there is to see of it.
fn shown(image: &Image) -> String {
    format!("{image:?}")
}

fn committed(image: &Image) -> Memory {
    let (mut disk, mut batch) = (Memory::default(), Batch::default());
    write(image, &mut batch);
    disk.commit(&mut batch).unwrap();
    disk
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_loaded(image in image()) {
        let mut disk = committed(&image);
        prop_assert_eq!(shown(&load(&disk).unwrap()), shown(&image));
        let mut batch = Batch::default();
        delete(&image, &mut batch);
        disk.commit(&mut batch).unwrap();
        prop_assert!(disk.0.is_empty());
    }

    /// Rows that are missing leave others behind, which belong to nothing any more.
    #[test]
    fn the_rest_hangs_together(image in image(), kept in vec(any::<bool>(), 1..50)) {
        let mut disk = committed(&image);
        let mut kept = kept.iter().cycle();
        disk.0.retain(|_, _| *kept.next().unwrap());
        let mut image = load(&disk).unwrap();
        let needed = |letter: &&LetterRow<'_>| !matches!(letter.state, LetterState::Released(_));
        for letter in image.sessions.values().flat_map(|stored| stored.letters.values()).filter(needed) {
            prop_assert!(image.messages.contains_key(&letter.message));
        }
        // Without the orphans it is the same, and there are no more.
        disk.commit(&mut image.orphans).unwrap();
        let mut expected = Memory::default();
        let mut batch = Batch::default();
        write(&image, &mut batch);
        expected.commit(&mut batch).unwrap();
        prop_assert_eq!(&disk.0, &expected.0);
        prop_assert!(load(&disk).unwrap().orphans.is_empty());
    }

    #[test]
    fn damage_is_told_or_harmless(image in image(), row: prop::sample::Index, at: prop::sample::Index, bit in 0..8) {
        let disk = committed(&image);
        prop_assume!(!disk.0.is_empty());
        let ((table, key), value) = disk.0.iter().nth(row.index(disk.0.len())).unwrap();
        let with = |key: Vec<u8>, value: Vec<u8>| {
            let mut damaged = disk.clone();
            damaged.0.remove(&(*table, key.clone()));
            damaged.0.insert((*table, key), value);
            load(&damaged)
        };
        if let Some(end) = value.len().checked_sub(1) {
            for value in [&value[..at.index(value.len())], &value[..end], &[value, &b"x"[..]].concat()] {
                let error = with(key.clone(), value.into()).unwrap_err();
                prop_assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                let row = format!("memory: row \"{}\" of {table:?}: ", key.escape_ascii());
                prop_assert!(error.to_string().starts_with(&row), "{}", error);
            }
            let mut value = value.clone();
            value[at.index(end + 1)] ^= 1_u8 << bit;
            let _ = with(key.clone(), value);
        }
        if let Some(end) = key.len().checked_sub(1) {
            let mut other = key.clone();
            other[at.index(end + 1)] ^= 1_u8 << bit;
            let _ = with(other, value.clone());
            let _ = with(key[..at.index(end + 1)].into(), value.clone());
        }
    }

    #[test]
    fn noise_is_no_panic(rows in vec((0..6_usize, vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..40)), 0..6)) {
        let (mut disk, mut batch) = (Memory::default(), Batch::default());
        for (table, key, value) in rows {
            batch.put(Table::ALL[table], &key, &value);
        }
        disk.commit(&mut batch).unwrap();
        let _ = load(&disk);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_loaded_after_a_restart(image in image()) {
        let directory = tempfile::tempdir().unwrap();
        let mut batch = Batch::default();
        write(&image, &mut batch);
        Sqlite::open(directory.path(), false).unwrap().commit(&mut batch).unwrap();
        let disk = Sqlite::open(directory.path(), false).unwrap();
        prop_assert_eq!(shown(&load(&disk).unwrap()), shown(&image));
    }
}

/// The numbers of orphans are not given out again before they are gone.
#[test]
fn numbers_of_orphans_count() {
    let mut batch = Batch::default();
    batch.put_incoming(7, PacketId::MIN);
    let publish = PublishBuf::try_from(&Message { topic: "a", ..Message::default() }).unwrap();
    batch.put_message(9, &MessageRow { received: 0, expires: None, publish });
    let mut disk = Memory::default();
    disk.commit(&mut batch).unwrap();
    let mut image = load(&disk).unwrap();
    assert_eq!((image.last_session, image.last_message), (7, 9));
    assert_eq!((image.sessions.len(), image.messages.len()), (0, 0));
    disk.commit(&mut image.orphans).unwrap();
    assert!(disk.0.is_empty());
}

/// What is on disk now has to be read tomorrow: another layout takes another number.
#[test]
fn the_layout_is_that_of_number_1() {
    let mut batch = Batch::default();
    let id = PacketId::MIN;
    let shared = Some("$share/s/a/#".into());
    let state = LetterState::Sent(id);
    let ids = Cow::from(&[300][..]);
    batch.put_letter(
        1,
        2,
        &LetterRow { message: 3, qos: Qos::ExactlyOnce, retain: true, ids, state, shared },
    );
    batch.put_subscription(
        1,
        "a",
        &SubscriptionRow { qos: Qos::AtLeastOnce, no_local: false, retain_as_published: true, id: Some(5) },
    );
    let publish = PublishBuf::try_from(&Message { topic: "a", payload: b"x", ..Message::default() }).unwrap();
    let will = Some(publish.clone());
    batch.put_session(
        1,
        &SessionRow {
            client_id: "c".into(),
            user: Some("u".into()),
            expiry_interval: 60,
            end_at: None,
            will,
            will_delay: 5,
            will_at: Some(200),
        },
    );
    batch.put_incoming(1, id);
    batch.put_retained("a", &MessageRow { received: 1, expires: None, publish });
    let rows: Vec<_> = batch.changes().map(|(_, key, value)| (key, value.unwrap())).collect();
    let expected: [(&[u8], &[u8]); 5] = [
        (b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02", b"\x03\x02\x01\x01\xAC\x02\x01\x01\x01\x0C$share/s/a/#"),
        (b"\0\0\0\0\0\0\0\x01a", b"\x01\0\x01\x01\x05"),
        (b"\0\0\0\0\0\0\0\x01", b"\x01c\x01\x01u\x3C\0\x01\x07\x30\x05\0\x01a\0x\x05\x01\xC8\x01"),
        (b"\0\0\0\0\0\0\0\x01\0\x01", b""),
        (b"a", b"\x01\0\x07\x30\x05\0\x01a\0x"),
    ];
    assert_eq!(rows, expected);
}
