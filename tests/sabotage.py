"""Takes the checks out of the codec one by one and sees whether the vectors of spec-vectors notice.

A copy of the crate is rewritten so that every check can be turned off at run time, and built once. A program in place of
the test of the vectors then turns off one check after the other and runs the vectors until one fails. A mutant that
passes them all survives: either the vectors have a hole, or the check decides nothing that a vector can see; the latter
are listed in EQUIVALENT with the reason. The tables of properties and reason codes are turned over bit by bit.

Python 3.10 or newer, standard library only, and cargo. `sabotage.py [--list] [TEXT]`: TEXT restricts the run to mutants
whose line in the list contains it, `--list` only shows them. All of them take a minute or two.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from bisect import bisect
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = [path for part in ("spec", "wire", "packet", "property") for path in sorted(ROOT.glob(f"src/{part}/*.rs"))]
COPIED = ["Cargo.toml", "README.md", "src", "tests/vectors", "spec-vectors"]

# Functions that the vectors do not drive: other tests do. (file, function)
UNDRIVEN = [
    ("packet/publish.rs", "split"),  # heads of packets whose payload has not arrived
    ("packet/publish.rs", "forward"),  # copies for other receivers
    ("packet/publish.rs", "forward_head"),
    ("packet/publish.rs", "forwarded_len"),
    ("packet/publish.rs", "write_copy"),
    ("packet/mod.rs", "to_vec"),  # `encode` into a Vec
    ("packet/prepared.rs", "new"),  # a message for many receivers
    ("packet/prepared.rs", "property_len"),
]

# Mutants that no vector can tell from the original: (file, part of the source line, part of the description, reason).
EQUIVALENT = [
    ("wire/frame.rs", "size > max_size", "if: error", "the limit is the caller's, and the vectors set none"),
    ("wire/seq.rs", "len > varint::MAX", "if: error", "keeps a sum of 32 bits from overflow; the length of the packet is checked again"),
    ("wire/sink.rs", "out.reserve(needed)", "if: error", "the vectors are written to a Vec, which has room"),
    ("property/list.rs", "Self::from_raw", "lookup", "a value of a row has always the kind of the row"),
    ("packet/connect.rs", "PacketType::Connect {", "else: error", "the vectors ask only a CONNECT for its version"),
]

# What a lookup that fails gives instead when its check is off: (beginning of the lookup, value).
DEFAULTS = [
    ("PacketType::from_number", "PacketType::Pingreq"),
    ("Qos::from_number", "Qos::AtMostOnce"),
    ("PacketId::new", "PacketId::MIN"),
    ("u8::try_from(number).ok().and_then(Row::of)", "(PropertyId::UserProperty, Kind::Pair)"),
    ("self.row()", "{ let mut row = Self::SUCCESS.row().unwrap(); row.packets = !0; row.server_only = 0; row }"),
    ("Self::from_return_code", "Self::SUCCESS"),
    ("Self::from_raw", 'Self::UserProperty("", "")'),
    ("self.rest.split_at_checked", "(self.rest, &[][..])"),
    ("self.rest.split_first_chunk", "(&[0; N], &[][..])"),
]

# Packets that are not everybody's, with the condition that the decoder has for them.
GUARDED = [(name, "client") for name in ("Connect", "Subscribe", "Unsubscribe", "Pingreq")]
GUARDED += [(name, "server") for name in ("Connack", "Suback | PacketType::Unsuback", "Pingresp")]
GUARDED += [("Disconnect", "client || version.is_5()"), ("Auth", "version.is_5()")]
# Packets of two bytes that are decoded at once.
QUICK = [("PINGREQ", "0xC0", "Packet::Pingreq"), ("PINGRESP", "0xD0", "Packet::Pingresp")]
QUICK += [("DISCONNECT", "0xE0", "Packet::Disconnect(Disconnect::default())")]

LENIENT = "@.or_else(|flaw| if ON { Ok(()) } else { Err(flaw) })@"

# Checks in a shape of their own: (file, what, source), with what to put in between @ and @; ON is true where the check
# is off.
BY_HAND = [
    ("wire/frame.rs", "a fifth length byte", "@VarInt::TooLong if ON => Ok(None),@VarInt::TooLong =>"),
    ("wire/reader.rs", "a fifth length byte",
     "@VarInt::TooLong if ON => self.take(4, field, start).map(|_| 0),@VarInt::TooLong =>"),
    ("wire/reader.rs", "a cut integer", "@VarInt::Incomplete if ON => { self.rest(); Ok(0) }@VarInt::Incomplete =>"),
    ("wire/text.rs", "UTF-8",
     'core::str::from_utf8(bytes)@.or_else(|error| if ON { Ok("") } else { Err(error) })@.map_err('),
    ("wire/text.rs", "an empty topic", "@(ON || @!bytes.is_empty()@)@ &&"),
    ("wire/text.rs", "an empty topic, quickly", "if @!ON && @topic.is_empty() { None }"),
    ("wire/text.rs", "too long, quickly", "&& @(ON || @bytes.len() <= 65_535@)@)"),
    ("wire/text.rs", "too long a filter, quickly", "&& @(ON || @filter.len() <= 65_535@)@)"),
    ("wire/text.rs", "share filter", "@_ if ON => {} @_ => return Err(Flaw::new(ErrorKind::ShareFilter,"),
    ("wire/text.rs", "16 bytes", "@(ON || @are_plain::<LOWEST, 16>(bytes)@)@ &&"),
    ("wire/text.rs", "more than 32 bytes", "len <= 32 || @ON || @is_long_plain::<LOWEST>(bytes)"),
    ("wire/text.rs", "8 bytes", "@ON || @are_plain::<LOWEST, 8>(bytes)"),
    ("wire/text.rs", "4 bytes", "@ON || @are_plain::<LOWEST, 4>(bytes)"),
    ("wire/text.rs", "up to 3 bytes", "} else { @ON || @bytes.iter().all(|&byte| byte as i8 >= LOWEST) }"),
    ("wire/text.rs", "the last bytes", "odd | @!ON & @is_odd(a) |"),
    ("wire/text.rs", "the first bytes", "| @!ON & @is_odd(b))"),
    ("wire/reader.rs", "text, validated", f"text::check_text_bytes(bytes){LENIENT}.map_err("),
    ("wire/reader.rs", "topic, validated", f"text::check_topic_bytes(bytes){LENIENT}.map_err("),
    ("wire/reader.rs", "filter, validated", f"text::check_filter_bytes(bytes, self.cx.version){LENIENT};"),
    ("wire/reader.rs", "the usual name", "if @ON && next.last() == bytes.last() || @next == bytes =>"),
    ("wire/reader.rs", "the usual level", "if @ON && next[..N - 1] == bytes[..N - 1] || @next == bytes =>"),
    ("packet/mod.rs", "a reason code is not plain", "@(ON || @reason == ReasonCode::SUCCESS@)@ &&"),
    ("packet/mod.rs", "properties are not plain", "&& @(ON || @properties.is_empty()@)@ }"),
    ("packet/publish.rs", "an alias in place of a topic, written",
     "topic.is_empty() && @(ON || @self.properties.has_topic_alias(cx.version)@)@ {"),
    ("packet/subscribe.rs", "QoS 3, quickly", "if options <= Qos::ExactlyOnce as u8 @+ ON as u8@ {"),
    ("packet/subscribe.rs", "options before 5.0, quickly", "if @!ON && @subscription.options() > QOS {"),
    ("packet/connect.rs", "3.1, quickly", "&& @(ON || @!wanted.is_3_1()@)@)"),
    ("packet/connect.rs", "protocol name", "@ON || @wanted.protocol_name() == name,"),
    ("packet/connect.rs", "protocol level",
     "@_ if ON && wanted.is_some() => Ok(wanted.unwrap_or_default()),@Some(version) if wanted.is_none_or("),
    ("packet/decode.rs", "DUP in 3.1 alone", "let dup = @(ON || @version.is_3_1()@)@ &&"),
    ("packet/mod.rs", "a short AUTH", "is_plain(reason, properties) && @(ON || @cx.scope != Scope::AUTH@)@ {"),
    ("packet/decode.rs", "a packet type of its sender", "@_ if ON => return Ok(Packet::Pingreq),@other => {"),
    ("packet/decode.rs", "AUTH before 5.0", "@PacketType::Auth if ON => done!(Auth = Auth::read(&mut reader)),@other => {"),
    *(("packet/decode.rs", f"{name} of its sender", f"PacketType::{name} if @ON || @{side} =>")
      for name, side in GUARDED),
    *(("packet/decode.rs", f"{name} has no body",
       f"if reader.finish(Field::Packet).is_ok() @|| header.packet_type == PacketType::{name} && ON@ {{")
      for name in ("Pingreq", "Pingresp")),
    *(("packet/decode.rs", f"{name} of its sender, quickly", f"(2, [], {byte}) if @ON || @sender")
      for name, byte, _ in QUICK),
    *(("packet/decode.rs", f"flags of {name}, quickly",
       f"@(2, [], {byte[:3]}1..={byte[:3]}F) if ON => return Ok({packet}),@(2, [], {byte}) if")
      for name, byte, packet in QUICK),
    ("packet/ack.rs", "a packet identifier, quickly",
     "PacketId::new(u16::from_be_bytes(packet_id))@.or(ON.then_some(PacketId::MIN))@?;"),
    ("property/raw.rs", "QoS 2, written", "Self::Flag | Self::MaximumQos => @ON || @number <= 1,"),
    ("property/raw.rs", "0, written", "Self::PositiveShort | Self::PositiveLong => @ON || @number >= 1,"),
    ("property/raw.rs", "0, written", "Self::PositiveVarint => @(ON || @number >= 1@)@ && self.fits(number),"),
    ("property/raw.rs", "too large, written", "Self::PositiveVarint => number >= 1 && @(ON || @self.fits(number)@)@,"),
    ("property/raw.rs", "too long, quickly", "Self::Binary(bytes) => @(ON || @self.fits(kind)@)@.then_some("),
    ("property/list.rs", "AUTH without properties, written quickly",
     "if @!ON && @cx.scope == Scope::AUTH { return None; }"),
    ("property/list.rs", "what may come, quickly", "if @!ON && @!open.take(id) { return None; }"),
    ("property/list.rs", "missing property", "came.missing(cx.scope)@.filter(|_| !ON)@.map_or("),
    ("property/set.rs", "AUTH has a method", "let needs_method = @!ON && @scope == Scope::AUTH ||"),
    ("property/set.rs", "data have a method", "|| @!ON && @self.set.contains(PropertyId::AuthenticationData);"),
    ("property/set.rs", "a duplicate, quickly", "self.usual.once.0 & @(u64::from(ON) * !0 | @!self.set.0@)@ |"),
    ("property/list.rs", "AUTH without properties, quickly", "if !M::OBSERVED && @(ON || @scope != Scope::AUTH@)@ &&"),
    ("property/list.rs", "an empty section of AUTH", "if len != 0 || @!ON && @scope == Scope::AUTH {"),
    ("property/encode.rs", "AUTH without properties, written",
     "self.is_empty() && @(ON || @cx.scope != Scope::AUTH@)@ {"),
    ("wire/reason.rs", "granted QoS, quickly", "odd | @!ON & @(*code > Self::GRANTED_QOS_2)"),
    ("wire/reason.rs", "CONNACK before 5.0", "(Scope::CONNACK, _) => @ON || @self.return_code()"),
    ("wire/reason.rs", "SUBACK failure in 3.1", "(Scope::SUBACK, 0x80) => @ON || @!cx.version.is_3_1()"),
    ("wire/reason.rs", "codes before 5.0", "!cx.version.is_3_1(), _ => @ON || @false,"),
    ("wire/reason.rs", "SUBACK before 5.0, quickly", "return @(ON || @cx.scope == Scope::SUBACK@)@ &&"),
    ("wire/reason.rs", "granted QoS before 5.0, quickly", "&& @(ON || @self <= Self::GRANTED_QOS_2@)@ ||"),
    ("wire/reason.rs", "CONNACK before 5.0, quickly", "Scope::CONNACK && @(ON || @self == Self::SUCCESS@)@;"),
]

LENIENT_HERE = LENIENT.replace("ON", "HERE(1 + u32::from(flaw.kind == ErrorKind::Utf8))")

# What asks for the checks of single fields: (file, source).
HOOKS = [
    ("wire/reader.rs", '@Ok(text) if HERE(1) => Ok(text), Err(_) if HERE(2) => Ok(""),@Ok(text) if M::TRUSTED =>'),
    ("wire/reader.rs", f"text::check_text_bytes(bytes){LENIENT_HERE}.map_err("),
    ("wire/reader.rs", f"text::check_topic_bytes(bytes){LENIENT_HERE}.map_err("),
    ("wire/reader.rs", f"text::check_filter_bytes(bytes, self.cx.version){LENIENT_HERE};"),
    ("wire/reader.rs", "@None if HERE(1) => Ok(PacketId::MIN),@None => Err(self.bad(ErrorKind::PacketId,"),
    ("wire/reader.rs",
     "@Err(_) if HERE(1) => Ok(ReasonCode::new(byte)),@Err(kind) => Err(self.bad(kind, Field::ReasonCode"),
    ("wire/sink.rs",
     "@Err(_) if HERE(1) => check_binary(cx, field, text.as_bytes()),@Err(flaw) => Err(invalid(cx, flaw.kind,"),
    ("wire/sink.rs", "if bytes.len() > 65_535@ && !HERE(2)@ {"),
]

# The sides that send a packet in 5.0.
SIDES = {
    **dict.fromkeys(["CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ"], "client"),
    **dict.fromkeys(["CONNACK", "SUBACK", "UNSUBACK", "PINGRESP"], "server"),
    "WILL": "client",
}
SCOPES = ["WILL", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK"]
SCOPES += ["UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"]
# Sets of packets in the tables, besides those that have the property or the reason code.
SETS = ["repeatable", "client", "server", "tolerated"]
WITH_PROPERTIES = [scope for scope in SCOPES if scope not in ("PINGREQ", "PINGRESP")]
WITH_CODE = ["CONNACK", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK", "UNSUBACK", "DISCONNECT", "AUTH"]

MODULE = """
extern crate std as mutant_std;

/// The check that is off, by its number. A program that asks for it without end hangs.
#[allow(missing_docs)]
pub mod mutant {
    use super::mutant_std::{cell::Cell, thread_local};

    thread_local! {
        static OFF: Cell<u32> = const { Cell::new(0) };
        static NEXT: Cell<u32> = const { Cell::new(0) };
        static ASKED: Cell<u32> = const { Cell::new(0) };
    }

    pub fn turn_off(n: u32) {
        OFF.set(n);
        ASKED.set(0);
    }

    pub fn on(n: u32) -> bool {
        ASKED.set(ASKED.get() + 1);
        assert!(ASKED.get() < 100_000_000, "hangs");
        OFF.get() == n
    }

    /// The next field has the checks from `n` on, which `here` tells apart.
    pub fn next(n: u32) {
        NEXT.set(n);
    }

    pub fn here(check: u32) -> bool {
        on(NEXT.get() + check)
    }

    /// The bit of a set of 16 that is wrong; the sets stand one behind the other.
    pub fn bit(first: u32, set: u32) -> u16 {
        let first = first + 16 * set;
        let off = OFF.get();
        if (first..first + 16).contains(&off) { 1 << (off - first) } else { 0 }
    }
}
"""

# Takes numbers of mutants and gives those that survive. Quick vectors come first.
MAIN = """
fn main() {
    let mut vectors = load::vectors();
    let sections = load::sections(&load::rules());
    let passes = |mutant, vector: &Vector| {
        sans_mqtt::mutant::turn_off(mutant);
        let run = std::panic::AssertUnwindSafe(|| run(vector, &sections));
        std::panic::catch_unwind(run).is_ok_and(|result| result.is_ok())
    };
    vectors.sort_by_cached_key(|vector| {
        let start = std::time::Instant::now();
        assert!(passes(0, vector), "{} fails with all checks on", vector.id);
        start.elapsed()
    });
    std::panic::set_hook(Box::new(|_| ()));
    let work = || {
        while let Some(Ok(line)) = std::io::stdin().lines().next() {
            let mutant = line.parse().unwrap();
            if vectors.iter().all(|vector| passes(mutant, vector)) {
                println!("{mutant}");
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
}
"""

OPEN, CLOSE = "([{", ")]}"


class Mutants:
    """All mutants by number: place, line, what is off."""

    def __init__(self):
        self.all = {}
        self.next = 1
        self.next_table = 100_000

    def add(self, place, text, what, number=None):
        if number is None:
            number, self.next = self.next, self.next + 1
        self.all[number] = (place, text, what)
        return number

    def table(self, sets):
        """Room for sets of 16 bits; gives the number of the first bit."""
        first = self.next_table
        self.next_table += 16 * sets
        return first


class Source:
    """A file with the edits to make. `code` is its text without comments, strings, macros and test modules."""

    def __init__(self, path, mutants):
        self.path, self.mutants = path, mutants
        self.name = path.relative_to(ROOT / "src").as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.edits = []
        self.lines = [0] + [match.end() for match in re.finditer("\n", self.text)]
        blank = lambda match: re.sub(r"[^\n]", " " if match[0].startswith("//") else "_", match[0])
        self.code = re.sub(r'//[^\n]*|b?"(?:\\.|[^"\\])*"|b?\'(?:\\[^\']*|[^\'\\])\'', blank, self.text)
        undriven = [name for file, name in UNDRIVEN if file == self.name]
        for match in re.finditer(r"#\[cfg\(test\)\]\s*mod \w+ \{|\bmacro_rules! \w+ \{|\bfn (\w+)\b[^{;]*\{", self.code):
            if match[1] is None or match[1] in undriven:
                undriven = [name for name in undriven if name != match[1]]
                start, end = match.end(), self.close(match.end() - 1)
                self.code = self.code[:start] + re.sub(r"[^\n]", " ", self.code[start:end]) + self.code[end:]
        if undriven:
            raise SystemExit(f"{self.name}: no function {undriven[0]}: bring UNDRIVEN up to date")

    def close(self, at):
        """The place of the bracket that closes the one at `at`."""
        depth = 0
        for i in range(at, len(self.code)):
            depth += (self.code[i] in OPEN) - (self.code[i] in CLOSE)
            if depth == 0:
                return i
        raise SystemExit(f"{self.name}: unbalanced")

    def find(self, at, end, what):
        """The first match of the regular expression `what` outside brackets, from `at`; `end` if there is none."""
        what, i = re.compile(what), at
        while i < end:
            if what.match(self.code, i):
                return i
            i = self.close(i) + 1 if self.code[i] in OPEN else i + 1
        return end

    def split(self, at, end, separator):
        """The parts between `separator`s outside brackets, as pairs of places without white space around them."""
        parts = []
        while at < end:
            stop = self.find(at, end, separator)
            parts.append(self.strip(at, stop))
            at = stop + len(re.match(separator, self.code[stop:])[0]) if stop < end else end
        return [part for part in parts if part[0] < part[1]]

    def strip(self, at, end):
        part = self.code[at:end]
        return at + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())

    def add(self, at, what):
        """A new mutant at this place; gives its number."""
        line = bisect(self.lines, at)
        text = self.text[self.lines[line - 1] :].split("\n", 1)[0].strip()
        return self.mutants.add(f"{self.name}:{line}", text, what)

    def on(self, at, what):
        """The same; gives the expression that tells whether it is on."""
        return f"crate::mutant::on({self.add(at, what)})"

    def insert(self, at, text):
        self.edits.append((at, at, text))

    def guard(self, at, end, before, after):
        self.insert(at, before)
        self.insert(end, after)

    def fails(self, at, end):
        """Whether a block or an expression is an error."""
        at, end = self.strip(at, end)
        if self.code[at:end].startswith("{") and self.close(at) == end - 1:
            at, end = self.strip(at + 1, end - 1)
        last = self.split(at, end, ";")[-1:] or [(at, end)]
        return re.match(r"(return\s+)?Err\(", self.code[last[0][0] : end]) is not None

    def result(self):
        text, at = [], 0
        # Insertions stand before a replacement that begins in the same place, later ones further inside.
        for start, end, new in sorted(self.edits, key=lambda edit: edit[:2]):
            if start < at:
                raise SystemExit(f"{self.name}: edits overlap at {self.text[start:end]!r}")
            text += [self.text[at:start], new]
            at = end
        return "".join(text) + self.text[at:]


def turn(source, at, end, required, what):
    """Turns off a condition: one that is required holds then, that of an error does not."""
    on = source.on(at, what)
    source.guard(at, end, f"({on} || (" if required else f"(!{on} && (", "))")
    weaken(source, at, end, required, what)


def weaken(source, at, end, required, what):
    """Turns off the parts of a condition: of what is required those between `&&`, of an error's those between `||`."""
    at, end = source.strip(at, end)
    while source.code[at] == "(" and source.close(at) == end - 1:
        at, end = source.strip(at + 1, end - 1)
    either, both = source.split(at, end, r"\|\|"), source.split(at, end, "&&")
    parts, dropped = (either, not required) if len(either) > 1 else (both, required)
    for part in parts if len(parts) > 1 else ():
        if dropped:
            turn(source, *part, required, f"{what}, a part: {' '.join(source.text[slice(*part)].split())}")
        else:
            weaken(source, *part, required, what)


def requires(source):
    for match in re.finditer(r"(\.)?(?<!fn )\brequire\(", source.code):
        arguments = source.split(match.end(), source.close(match.end() - 1), ",")
        turn(source, *arguments[0 if match[1] else 1], True, "require")


def ifs(source):
    for match in re.finditer(r"\bif\b", source.code):
        block = source.find(match.end(), len(source.code), r"\{|=>|[)\]};,]")
        if source.code[block] != "{":
            continue  # the guard of an arm
        at, end = source.strip(match.end(), block)
        close = source.close(block)
        pattern = source.code[at:end].startswith("let ")
        otherwise = re.match(r"\s*else\s*\{", source.code[close + 1 :])
        if source.fails(block, close + 1):
            if pattern:
                source.insert(end, f" && !{source.on(at, 'if: error')}")
            else:
                turn(source, at, end, False, "if: error")
        elif otherwise and not pattern:
            behind = close + otherwise.end()
            passes = source.code[block + 1 : close].strip() == "Ok(())"
            if passes or source.fails(behind, source.close(behind) + 1):
                turn(source, at, end, True, "else: error")


def arms(source, block):
    """The arms of a `match`: pattern, guard or None, body."""
    found, at, end = [], block + 1, source.close(block)
    while source.strip(at, end)[0] < end:
        at = source.strip(at, end)[0]
        arrow = source.find(at, end, "=>")
        guard = source.find(at, arrow, r"\bif\b")
        body = source.strip(arrow + 2, end)[0]
        stop = source.close(body) + 1 if source.code[body] == "{" else source.find(body, end, ",")
        found.append((source.strip(at, guard), source.strip(guard + 2, arrow) if guard < arrow else None, (body, stop)))
        at = stop + 1 if source.code[stop] == "," else stop
    return found


def lookup(source, at, end):
    """Turns off a lookup that may give nothing."""
    for beginning, value in DEFAULTS:
        if source.code.startswith(beginning, at):
            source.insert(end, f".or(if {source.on(at, 'lookup')} {{ Some({value}) }} else {{ None }})")
            return
    raise SystemExit(f"{source.name}: DEFAULTS has nothing for {source.code[at:end]}")


def matches(source):
    for match in re.finditer(r"\bmatch\b", source.code):
        block = source.find(match.end(), len(source.code), r"\{|[)\]};,]")
        if source.code[block] != "{":
            continue
        scrutinee = source.strip(match.end(), block)
        all_arms = arms(source, block)
        errors = [arm for arm in all_arms if source.fails(*arm[2])]
        if not errors:
            continue
        pattern = lambda arm: source.text[slice(*arm[0])]
        good = [arm for arm in all_arms if pattern(arm) in ("Ok(())", "None") and arm not in errors]
        for arm in errors:
            (at, end), guard, body = arm
            last = arm is all_arms[-1]
            if pattern(arm) == "None":
                lookup(source, *scrutinee)
            elif good and guard is None and arm is errors[-1]:
                # The good arm for the bad case too.
                on = source.on(at, "match: error")
                wild = "Some(_)" if pattern(good[0]) == "None" else "Err(_)"
                source.insert(errors[0][0][0], f"{wild} if {on} => {source.text[slice(*good[0][2])]},\n")
            elif guard:
                turn(source, *guard, False, "match: error")
            elif not last and re.fullmatch(r"_|\w+|Err\(kind\)", pattern(all_arms[-1])):
                source.insert(end, f" if !{source.on(at, 'match: error')}")
        for arm in all_arms:
            (at, end), guard, body = arm
            if guard and arm not in errors and any(other[0] > arm[0] for other in errors):
                turn(source, *guard, True, "match: guard")


def lookups(source):
    """`let Some(x) = LOOKUP else { return Err(..) }` and `LOOKUP.ok_or(..)`."""
    for match in re.finditer(r"\blet Some\([^=]*\) = ", source.code):
        stop = source.find(match.end(), len(source.code), r"\belse\b|[;{]")
        if not source.code.startswith("else", stop):
            continue
        block = source.code.index("{", stop)
        if source.fails(block, source.close(block) + 1):
            lookup(source, *source.strip(match.end(), stop))
    for match in re.finditer(r"\.ok_or(_else)?\(", source.code):
        at = start_of_statement(source, match.start())
        lookup(source, re.compile(r"(return\s+)?").match(source.code, at).end(), match.start())


def start_of_statement(source, at):
    """Where the statement begins, or the operand, that ends at `at`."""
    depth = 0
    while at > 0:
        char = source.code[at - 1]
        # A brace ends a statement, unless it belongs to a pattern or an operand.
        if depth == 0 and char in ";{}([," and not (char == "}" and source.code[at:].lstrip()[0] in "=.?"):
            break
        depth += (char in CLOSE) - (char in OPEN)
        at -= 1
    return source.strip(at, len(source.code))[0]


def statements(source):
    """`check(..)?;`, of which only the error counts."""
    for match in re.finditer(r"\?;", source.code):
        at = start_of_statement(source, match.start())
        statement = source.code[at : match.start()]
        if re.match(r"let\b|return\b|[\w.]+\s*[+|]?=[^=]|.*\brequire\(|self\.take\(|self\.prefixed\(", statement):
            continue
        if re.match(r"(T|Self)::\w+\(", statement):
            continue  # reads the elements of a list, and would not come to an end
        on = source.on(at, "statement")
        source.insert(at, "if let Err(error) = ")
        source.edits.append((match.start(), match.end(), f" && !{on} {{ return Err(error); }}"))


def tails(source):
    """A check of text in place of a result."""
    if source.name != "wire/text.rs":
        return
    for match in re.finditer(r"(?<!fn )\bcheck_\w+\(", source.code):
        end = source.close(match.end() - 1) + 1
        if source.code[end] != "?":
            source.guard(match.start(), end, f"(if {source.on(match.start(), 'tail')} {{ Ok(()) }} else {{ ", " })")


def fields(source):
    """Every place where a field with rules of its own is read or written; HOOKS ask for them."""

    def wrap(start, end, checks):
        first = [source.add(start, what) - check for check, what in checks.items()][0]
        source.guard(start, end, f"(crate::mutant::next({first}), ", ").1")

    rules, utf8, length = "rules of the text", "UTF-8", "length"
    names = r"(?:reader|section)\.(?:str|topic|topic_or_empty|filter|validate_str|validate_topic|validate_filter)\("
    for match in re.finditer(rf"\b(?:{names}|self\.text\((?=field, Rule::))", source.code):
        wrap(match.start(), source.close(match.end() - 1) + 1, {1: rules, 2: utf8})
    for match in re.finditer(r"\b(?:reader|section)\.(packet_id|reason)\(\)", source.code):
        wrap(*match.span(), {1: match[1]})
    if source.name != "wire/sink.rs":
        for match in re.finditer(r"\bcheck_(text|str|binary)\(cx\b", source.code):
            end = source.close(source.code.index("(", match.start())) + 1
            wrap(match.start(), end, {2: length} if match[1] == "binary" else {1: rules, 2: length})


def only(source, old):
    """The one place of some code, however its lines are broken."""
    words = r"\s*".join(re.escape(word) for word in old.split())
    places = [match.span() for match in re.finditer(words, source.text)]
    if len(places) != 1:
        raise SystemExit(f"{source.name} has {len(places)} times {old!r}: bring the script up to date")
    return places[0]


def by_hand(sources):
    def insert(source, pattern, name, new):
        pieces = pattern.split("@")
        at = only(source, "".join(pieces[::2]))[0]
        on = new(at)
        for old, added in zip(pieces[::2], [*pieces[1::2], ""]):
            for word in old.split():
                at = source.text.index(word, at) + len(word)
            source.insert(at, f" {added.replace(name, on)} " if added else "")

    for file, what, pattern in BY_HAND:
        insert(sources[file], pattern, "ON", lambda at: sources[file].on(at, what))
    for file, pattern in HOOKS:
        insert(sources[file], pattern, "HERE", lambda _: "crate::mutant::here")


def replace(source, old, new):
    """An edit for tables; their mutants are added one by one."""
    start, end = only(source, old)
    source.edits.append((start, end, new))
    return f"{source.name}:{bisect(source.lines, start)}"


def rows(source, macro):
    """The lines of a table: number, name, then sets of packets by name; the place of each."""
    start = re.search(rf"^ *{re.escape(macro)}! \{{", source.text, re.M).end()
    code = source.text[start : re.compile(r"^ *\}", re.M).search(source.text, start).start()]
    for match in re.finditer(r"^ +(0x\w\w) (\w+)([^;]*);", re.sub(r"//[^\n]*", lambda m: " " * len(m[0]), code), re.M):
        line = re.sub(r'"[^"]*"', "", match[3])
        sets = {"": re.search(r"\[([^]]*)\]", line)[1].split()}
        sets |= {name: members.split() for name, members in re.findall(r"(\w+) \[([^]]*)\]", line) if name in SETS}
        place = f"{source.name}:{bisect(source.lines, start + match.start())}"
        yield int(match[1], 16), match[2], sets, place


def tables(sources, mutants):
    def cells(source, column, old, index, wanted, table):
        """Turns the bits over wherever the table is asked, be it to make another one."""
        first = mutants.table(256)
        for match in re.finditer(rf"\b{re.escape(old)}(?!\w)", source.code):
            source.edits.append((*match.span(), f"({old} ^ crate::mutant::bit({first}, {index}))"))
        for number, name, sets, place in table:
            for scope in wanted(number, sets):
                what = f"{column} {scope}"
                mutants.add(place, f"{number:#04x} {name}", what, first + 16 * number + SCOPES.index(scope))

    sides = lambda side, sets: [scope for scope in sets[""] if SIDES.get(scope) != side]
    everywhere = {"": WITH_PROPERTIES, "repeatable": WITH_PROPERTIES}
    rows_of = sources["spec/property.rs"]
    table = [*rows(rows_of, "$macro"), (0x26, "UserProperty", everywhere, rows_of.name)]
    source, index = sources["property/set.rs"], "id as u32"
    cells(source, "allowed in", "id.scopes()", index, lambda _, sets: WITH_PROPERTIES, table)
    cells(source, "repeatable in", "id.repeatable()", index, lambda _, sets: sets[""], table)
    # A side's set says something only where the other side sends the packet at all.
    cells(source, "client only", "id.client_only()", index, lambda _, sets: sides("client", sets), table)
    cells(source, "server only", "id.server_only()", index, lambda _, sets: sides("server", sets), table)
    # What the compiler makes of the rows is made again whenever it is asked for.
    replace(source, "static USUAL: [Usual; 16] = {", "fn usual() -> [Usual; 16] {")
    replace(source, "table };", "table }")
    replace(source, "USUAL.get(", "usual().get(")
    # The ranges of numbers, for each property.
    kinds = dict(re.findall(r"^ +0x\w\w (\w+) \w+ (Flag|MaximumQos|Positive\w+) ", rows_of.text, re.M))
    source = sources["property/raw.rs"]
    for side, before, spared in [
        ("read", "section.require(M::TRUSTED ||", "SPARED ||"),
        ("written", "Self::Number(number) if", "SPARED ||"),
    ]:
        first = mutants.table(256)
        test = f"matches!(field, Field::Property(id) if crate::mutant::bit({first}, id as u32) != 0)"
        source.insert(only(source, before)[1], f" {spared.replace('SPARED', test)} ")
        for number, name, sets, place in table:
            # A flag to be written is a `bool`.
            if name in kinds and (side, kinds[name]) != ("written", "Flag"):
                mutants.add(place, f"{number:#04x} {name}", f"range, {side}", first + 16 * number)

    rows_of = sources["spec/reason.rs"]
    table = list(rows(rows_of, "reasons"))
    source, index = sources["wire/reason.rs"], "u32::from(self.get())"
    named = lambda sets: {*sets[""]} - {*sets.get("client", []), *sets.get("server", [])}
    cells(source, "code of", "row.packets", index, lambda *_: WITH_CODE, table)
    cells(source, "client only", "row.client_only", index, lambda _, sets: sides("client", sets), table)
    cells(source, "server only", "row.server_only", index, lambda _, sets: sides("server", sets), table)
    tolerated = lambda _, sets: [scope for scope in WITH_CODE if scope not in named(sets)]
    cells(source, "tolerated in", "row.tolerated", index, tolerated, table)
    # What nobody needs to look closer at is looked closer at.
    replace(rows_of, "USUAL.get(usize::from(self.0)).copied().unwrap_or(0)", "0")


def masks(sources, mutants):
    """Reserved bits, one by one, and who sends what."""

    def bits(file, old, new, sets):
        first = mutants.table(len(sets))
        place = replace(sources[file], old, new.replace("FIRST", str(first)))
        for i, (what, wanted) in enumerate(sets):
            for bit in wanted:
                mutants.add(place, old, f"{what} bit {bit}", first + 16 * i + bit)

    old_new = [("3.1.1", range(2, 8)), ("5.0", range(6, 8))]
    bits("packet/subscribe.rs", "options & !known != 0",
         "options & !known & !(crate::mutant::bit(FIRST, u32::from(cx.version.is_5())) as u8) != 0", old_new)
    bits("packet/connack.rs", "flags & !known == 0",
         "flags & !known & !(crate::mutant::bit(FIRST, reader.cx.version as u32) as u8) == 0",
         [(version, range(at, 8)) for version, at in [("3.1", 0), ("3.1.1", 1), ("5.0", 1)]])
    sets = [(scope, range(4 if scope not in ("WILL", "PUBLISH") else 0)) for scope in SCOPES]
    bits("packet/decode.rs", "flags != packet_type.flags() {",
         "(flags ^ packet_type.flags()) & !(crate::mutant::bit(FIRST, packet_type as u32) as u8) != 0 {", sets)
    quick = [(scope, range(4 if scope in ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP") else 0)) for scope in SCOPES]
    bits("packet/ack.rs", "match first {",
         "match { let ignored = crate::mutant::bit(FIRST, u32::from(first >> 4)) as u8; "
         "first & !ignored | if first >> 4 == 6 { 2 } else { 0 } & ignored } {", quick)
    first = mutants.table(16)
    old = "!packet_type.may_be_sent_by(sender, version)"
    cell = f"crate::mutant::bit({first}, packet_type as u32) == 1 << (version as u16 + 4 * (sender as u16))"
    place = replace(sources["packet/mod.rs"], old, f"({old} ^ ({cell}))")
    for number, scope in enumerate(SCOPES):
        for side, sender in enumerate(["client", "server"]):
            for at, version in enumerate(["3.1", "3.1.1", "5.0"]):
                # AUTH has a check of its own.
                if scope not in ("WILL", "AUTH"):
                    what = f"{scope} by {sender} in {version}"
                    mutants.add(place, old, what, first + 16 * number + at + 4 * side)


def sabotage(to, mutants):
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, to / name)
    sources = {source.name: source for source in (Source(path, mutants) for path in FILES)}
    for source in sources.values():
        for rule in (requires, ifs, matches, lookups, statements, tails, fields):
            rule(source)
    by_hand(sources)
    tables(sources, mutants)
    masks(sources, mutants)
    for source in sources.values():
        (to / "src" / source.name).write_text(source.result(), encoding="utf-8")
    patch(to / "src/lib.rs", r"\Z", MODULE)
    patch(to / "tests/vectors/main.rs", r"(?s)\nfn main\(\) \{.*?\n\}\n", MAIN)
    patch(to / "Cargo.toml", r"(?s)\n\[lints\..*", "")
    patch(to / "Cargo.toml", r"(?s)members = \[.*?\]", "members = []")
    patch(to / "Cargo.toml", r"(?s)\[\[example\]\].*?(?=\[\[test\]\])", "")


def patch(path, old, new):
    text, count = re.subn(old, lambda _: new, path.read_text(encoding="utf-8"))
    if count != 1:
        raise SystemExit(f"{path.name} has {count} times {old}: bring the script up to date")
    path.write_text(text, encoding="utf-8")


def build(at):
    target = os.environ.get("CARGO_TARGET_DIR") or str(at / "target")
    command = ["cargo", "test", "--release", "--test", "vectors", "--no-run"]
    environment = {**os.environ, "CARGO_TARGET_DIR": target, "RUSTFLAGS": "-Awarnings"}
    done = subprocess.run(command, cwd=at, env=environment, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return at / re.search(r"Executable .*\((.*)\)", done.stderr)[1]


def excuse(mutant):
    place, text, what = mutant
    fits = lambda file, part, about, _: place.startswith(file) and part in text and about in what
    return next((entry for entry in EQUIVALENT if fits(*entry)), None)


def main(options):
    start = time.monotonic()
    wanted = [option for option in options if option != "--list"]
    with tempfile.TemporaryDirectory() as folder:
        mutants = Mutants()
        sabotage(Path(folder), mutants)
        lines = {number: f"{place:<24} {what}: {text}" for number, (place, text, what) in mutants.all.items()}
        chosen = [number for number, line in lines.items() if all(text in line for text in wanted)]
        if "--list" in options:
            print(*(lines[number] for number in chosen), sep="\n")
            return 0
        program = build(Path(folder))
        print(f"built after {time.monotonic() - start:.0f} s", flush=True)
        numbers = "".join(f"{number}\n" for number in chosen)
        done = subprocess.run([program], input=numbers, stdout=subprocess.PIPE, text=True, check=True)
    survivors = sorted(map(int, done.stdout.split()))
    excuses = {number: excuse(mutants.all[number]) for number in survivors}
    for number, entry in excuses.items():
        print(lines[number], f"equivalent: {entry[3]}" if entry else "SURVIVES", sep="\n    ")
    stale = [entry for entry in EQUIVALENT if not wanted and entry not in excuses.values()]
    for entry in stale:
        print(f"no longer survives, take it out of EQUIVALENT: {entry[:3]}")
    holes = [number for number, entry in excuses.items() if entry is None]
    print(f"{len(chosen)} mutants, {len(chosen) - len(survivors)} caught, {len(survivors) - len(holes)} equivalent,",
          f"{len(holes)} survive; {time.monotonic() - start:.0f} s")
    return 1 if holes or stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
