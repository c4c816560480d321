//! Every short topic name and filter, judged level by level as the specification words it.

use sans_mqtt::{ErrorKind, Subscription, TopicError, TopicFilter, TopicName, Version, matches};

/// Every text of `letters`, up to a length.
fn texts(letters: &str, longest: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut start = 0;
    for _ in 0..longest {
        let end = texts.len();
        for at in start..end {
            texts.extend(letters.chars().map(|letter| format!("{}{letter}", texts[at])).collect::<Vec<_>>());
        }
        start = end;
    }
    texts
}

/// Wildcards fill levels, and `#` the last one.
fn is_filter(text: &str) -> bool {
    let levels: Vec<&str> = text.split('/').collect();
    let last = levels.len() - 1;
    let fits = |(at, level): (usize, &&str)| match *level {
        "#" => at == last,
        "+" => true,
        level => !level.contains(['+', '#']),
    };
    !text.is_empty() && levels.iter().enumerate().all(fits)
}

fn is_match(filter: &[&str], name: &[&str]) -> bool {
    match (filter, name) {
        (["#"], _) | ([], []) => true,
        ([level, filter @ ..], [named, name @ ..]) => {
            (*level == "+" || level == named) && is_match(filter, name)
        }
        _ => false,
    }
}

/// A subscription with a valid filter gives the same without a look at it.
fn taken_apart_alike(parsed: Result<TopicFilter<'_>, TopicError>, filter: &str, version: Version) {
    let subscription = Subscription { filter, ..Subscription::default() };
    assert!(parsed.is_err() || parsed == Ok(subscription.topic_filter(version)), "{filter}");
}

#[test]
fn every_short_filter_is_judged_and_matched() {
    let filters = texts("ab/+#$", 5);
    let names: Vec<String> = texts("ab/$", 5).split_off(1);
    let mut matched = 0;
    for filter in &filters {
        assert_eq!(
            TopicName::new(filter).is_ok(),
            !filter.is_empty() && !filter.contains(['+', '#']),
            "{filter}"
        );
        for version in Version::ALL {
            let parsed = TopicFilter::new(filter, version);
            assert_eq!(parsed.is_ok(), is_filter(filter), "{filter}");
            assert!(parsed.is_err() || parsed.is_ok_and(|filter| filter.share_name().is_none()));
            taken_apart_alike(parsed, filter, version);
        }
        let Ok(parsed) = TopicFilter::new(filter, Version::V5_0) else { continue };
        let levels: Vec<&str> = filter.split('/').collect();
        for name in &names {
            let hidden = name.starts_with('$') && filter.starts_with(['+', '#']);
            let expected = !hidden && is_match(&levels, &name.split('/').collect::<Vec<_>>());
            assert_eq!(matches(filter, name), expected, "{filter} {name}");
            assert_eq!(parsed.matches(name), expected);
            matched += usize::from(expected);
        }
    }
    assert!(matched > 10_000, "only {matched} matches");
}

#[test]
fn every_short_shared_filter_is_judged() {
    for text in texts("a/+#", 6) {
        let shared = format!("$share/{text}");
        let expected = match text.split_once('/') {
            _ if text.is_empty() || text.starts_with('/') => Err(ErrorKind::EmptyShareName),
            None if text.contains(['+', '#']) => Err(ErrorKind::ShareName),
            Some((name, _)) if name.contains(['+', '#']) => Err(ErrorKind::ShareName),
            None | Some((_, "")) => Err(ErrorKind::ShareFilter),
            Some((name, filter)) if is_filter(filter) => Ok((Some(name), filter)),
            Some(_) => Err(ErrorKind::MisplacedHash),
        };
        let parsed = TopicFilter::new(&shared, Version::V5_0);
        let found =
            parsed.map(|filter| (filter.share_name(), filter.filter())).map_err(|error| match error.kind() {
                ErrorKind::MisplacedPlus => ErrorKind::MisplacedHash,
                kind => kind,
            });
        assert_eq!(found, expected, "{shared}");
        taken_apart_alike(parsed, &shared, Version::V5_0);
        // Before 5.0 it is a filter like any other.
        let plain = TopicFilter::new(&shared, Version::V3_1_1);
        taken_apart_alike(plain, &shared, Version::V3_1_1);
        assert_eq!(plain.is_ok_and(|filter| filter.filter() == shared), is_filter(&shared), "{shared}");
    }
}

/// Where words of eight bytes begin and end, a wrong letter is found all the same.
#[test]
fn a_wrong_letter_is_found_anywhere() {
    for len in 1..=40 {
        for at in 0..len {
            for (letter, in_name) in
                [('\0', ErrorKind::Nul), ('+', ErrorKind::WildcardInTopic), ('#', ErrorKind::WildcardInTopic)]
            {
                for fill in ['a', '\u{1}', '\u{7F}', '*', '$', '"', ','] {
                    let text: String = (0..len).map(|i| if i == at { letter } else { fill }).collect();
                    let error = TopicName::new(&text).unwrap_err();
                    assert_eq!((error.kind(), error.offset()), (in_name, at), "{text:?}");
                    let filter = TopicFilter::new(&text, Version::V5_0);
                    assert_eq!(filter.is_ok(), len == 1 && letter != '\0', "{text:?}");
                    assert_eq!(filter.err().map_or(at, |error| error.offset()), at, "{text:?}");
                }
            }
        }
    }
}
