//! What is still to happen to a session without a connection.

use sans_mqtt::{Due, Instant, Session, Store, Timers};

/// Asks a session what is due until nothing is, and sees whether it tells what it has to.
pub(crate) fn ask<T: Store>(session: &mut Session<T>, timers: &mut Timers, now: Instant) -> [Option<Due>; 2] {
    let mut told = [None; 2];
    assert_eq!(session.timers(), *timers);
    while let Some(due) = session.handle_timeout(now) {
        let (at, place) = match due {
            Due::Will => (timers.will.take(), &mut told[0]),
            Due::End => (timers.end.take(), &mut told[1]),
        };
        assert!(at.is_some_and(|at| at <= now), "{due:?} is told of at {now:?}, and is due at {at:?}");
        assert!(due == Due::Will || timers.will.is_none_or(|will| will > now), "the will comes first");
        assert_eq!(place.replace(due), None);
        assert!(due == Due::Will || !session.exists());
    }
    assert_eq!(session.timers(), *timers);
    let next = [timers.will, timers.end].into_iter().flatten().min();
    assert_eq!(session.poll_timeout(), next);
    assert!(next.is_none_or(|next| next > now), "{next:?} is due at {now:?} and nothing is told");
    told
}
