//! Files with rules: what they mean, and mistakes in them.

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use crate::access::acl::Acl;
use crate::access::rules::Access;

const FILE: &str = "\
# before the first user: anonymous clients
topic read news/#

user anna
topic attic/#
topic deny attic/safe
topic read with space/+
topic write out

user   the other one
\ttopic readwrite   cellar
# what follows counts for everybody, wherever it stands
pattern write state/%u/%c
pattern read $SYS/broker/%c-%u/load%
pattern read common
user anna
topic read second/#
";

fn access(file: &str, user: Option<&str>, client_id: &str) -> Access {
    Acl::parse(file).unwrap().access(user, client_id, None)
}

#[test]
fn users() {
    let anna = access(FILE, Some("anna"), "c1");
    for both in ["attic", "attic/a/b"] {
        assert!(anna.may_read(both) && anna.may_publish(both), "{both}");
    }
    assert!(
        !anna.may_read("attic/safe") && !anna.may_publish("attic/safe") && !anna.may_subscribe("attic/safe")
    );
    assert!(anna.may_read("with space/a") && !anna.may_publish("with space/a"));
    assert!(!anna.may_read("out") && anna.may_publish("out"));
    assert!(anna.may_read("second/a") && anna.may_read("common") && !anna.may_read("news/a"));
    assert!(anna.may_publish("state/anna/c1") && !anna.may_read("state/anna/c1"));
    assert!(!anna.may_publish("state/anna/c2") && !anna.may_publish("state/bert/c1"));
    assert!(anna.may_read("$SYS/broker/c1-anna/load%"));

    let other = access(FILE, Some("the other one"), "c");
    assert!(other.may_read("cellar") && other.may_publish("cellar") && !other.may_read("attic"));
    let anonymous = access(FILE, None, "c");
    assert!(anonymous.may_read("news/a") && anonymous.may_read("common") && !anonymous.may_read("cellar"));
    let unknown = access(FILE, Some("nobody"), "c");
    assert!(
        unknown.may_publish("state/nobody/c") && unknown.may_read("common") && !unknown.may_read("news/a")
    );
    assert!(!access("", None, "c").may_subscribe("#"));
}

/// No name is more than a part of a level.
#[test]
fn names() {
    let file = "pattern readwrite %c/in\npattern readwrite x%u/#\ntopic fixed\npattern fixed";
    for name in ["+", "#", "a/b", "a/+", "/", "a+", "a#", "$SYS"] {
        let access = access(file, Some(name), name);
        assert!(access.may_read("fixed"), "the other rules count");
        for topic in ["a/in", "a/b/in", "+/in", "in", "/in", "//in", "$SYS/in", "x/a", "xa/b", "x$SYS"] {
            assert!(!access.may_read(topic) && !access.may_publish(topic), "{name}: {topic}");
        }
        assert!(
            !access.may_subscribe("+/in") && !access.may_subscribe("x/#") && !access.may_subscribe("$SYS/#")
        );
    }
    // A name is not looked at for names.
    let access_of = |name| access("pattern read %u/%c", Some(name), "c");
    assert!(
        access_of("%c").may_read("%c/c") && !access_of("%c").may_read("c/c") && access_of("").may_read("/c")
    );
}

/// What can't be forbidden as the file has it leaves nothing allowed.
#[test]
fn forbidden_names() {
    let file = "topic #\npattern #\npattern deny secret/%c/#";
    let ordinary = access(file, None, "a");
    assert!(
        ordinary.may_read("secret/b") && !ordinary.may_read("secret/a") && !ordinary.may_read("secret/a/b")
    );
    for name in ["a/b", "+", "#", "$a"] {
        let access = access(file, None, name);
        assert!(
            !access.may_read("secret/a/b") && !access.may_read("a") && !access.may_subscribe("#"),
            "{name}"
        );
    }
    let without_name = access("pattern #\npattern deny secret/%u", None, "a");
    assert!(without_name.may_read("secret/a"), "there is nothing to forbid to somebody without a name");
}

#[test]
fn mistakes() {
    let wrong = |file: &str| Acl::parse(file).err().expect("it is wrong");
    for (file, line, says) in [
        ("\n# here\ntopics a", 3, "a line begins with user, topic or pattern, not with topics"),
        ("user anna\ntopic read a/#/b", 2, "the topic filter a/#/b: "),
        ("topic a+", 1, "the topic filter a+: "),
        ("topic", 1, "the topic filter is missing"),
        ("topic\tread ", 1, "the topic filter is missing behind read"),
        ("user", 1, "the name of the user is missing"),
        ("pattern write %u#", 1, "the topic filter x#: "),
        ("pattern write", 1, "the topic filter is missing behind write"),
    ] {
        let (number, what) = wrong(file);
        assert_eq!(number, line, "{file}: {what}");
        assert!(what.starts_with(says), "{file}: {what}");
    }
    assert!(wrong(&format!("topic {}", "a/".repeat(128))).1.contains("129 levels"));
}

/// With thousands of rules it takes no longer to look up a topic than with a few.
#[test]
fn thousands_of_rules() {
    let mut file = String::from("user anna\n");
    for number in 0..5000 {
        writeln!(file, "topic readwrite plant/line{}/device{number}/+/data", number % 50).unwrap();
        writeln!(file, "pattern deny plant/+/device{number}/%c/#").unwrap();
    }
    let acl = Acl::parse(&file).unwrap();
    let time = |what: &str, times: u32, each: &dyn Fn()| {
        let start = Instant::now();
        (0..times).for_each(|_| each());
        let each = start.elapsed() / times;
        println!("{what}: {each:?}");
        each
    };
    let access = acl.access(Some("anna"), "c", None);
    let compile = time("compile", 10, &|| drop(black_box(acl.access(Some("anna"), "c", None))));
    let topic = time("topic", 10_000, &|| {
        assert!(access.may_read(black_box("plant/line7/device4007/x/data")));
    });
    let refused =
        time("filter that is refused", 10, &|| assert!(!access.may_subscribe(black_box("+/+/+/c/data"))));
    // Generous, for a slow machine and an unoptimised build.
    assert!(topic.as_micros() < 200 && refused.as_millis() < 1000 && compile.as_millis() < 2000);
}
