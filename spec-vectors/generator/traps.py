"""Hand-written packets: the classic traps, byte by byte.

Each line: version, verdict (ok or the kind of error), slug, bytes, then for an error the rules it breaks and the
bytes of a legal neighbour, for ok the rules it shows. Packets made elsewhere too are merged, and must then agree.
"""

from .strict import decode
from .tables import NAMES

TRAPS = """
3.1.1 utf8 surrogate | 30 05 00 03 ED A0 80 | MQTT-3.3.2-1 MQTT-1.5.3-1 | 30 05 00 03 61 61 61
3.1.1 utf8 overlong-slash | 30 04 00 02 C0 AF | MQTT-3.3.2-1 MQTT-1.5.3-1 | 30 04 00 02 61 61
3.1.1 utf8 above-10ffff | 30 06 00 04 F4 90 80 80 | MQTT-3.3.2-1 MQTT-1.5.3-1 | 30 06 00 04 61 61 61 61
3.1.1 utf8 cut-character | 30 04 00 02 E2 82 | MQTT-3.3.2-1 MQTT-1.5.3-1 | 30 04 00 02 61 61
3.1.1 nul topic-with-nul | 30 05 00 03 61 00 62 | MQTT-4.7.3-2 MQTT-3.3.2-1 MQTT-1.5.3-2 | 30 05 00 03 61 61 61
3.1.1 nul client-id-with-nul | 10 0E 00 04 4D 51 54 54 04 02 00 3C 00 02 61 00 | MQTT-3.1.3-4 MQTT-1.5.3-2 | 10 0E 00 04 4D 51 54 54 04 02 00 3C 00 02 61 61
3.1.1 ok feff-first | 30 06 00 04 EF BB BF 61 | MQTT-1.5.3-3
3.1.1 truncated will-all-absent | 10 0D 00 04 4D 51 54 54 04 06 00 3C 00 01 61 | MQTT-3.1.2-9 FR-9 | 10 13 00 04 4D 51 54 54 04 06 00 3C 00 01 61 00 01 77 00 01 6D
3.1.1 truncated will-payload-absent | 10 10 00 04 4D 51 54 54 04 06 00 3C 00 01 61 00 01 77 | MQTT-3.1.2-9 FR-9 | 10 13 00 04 4D 51 54 54 04 06 00 3C 00 01 61 00 01 77 00 01 6D
3.1.1 truncated no-payload | 10 0A 00 04 4D 51 54 54 04 02 00 3C | MQTT-3.1.3-3 FR-9 | 10 0D 00 04 4D 51 54 54 04 02 00 3C 00 01 61
3.1.1 utf8 will-topic-cut-character | 10 13 00 04 4D 51 54 54 04 06 00 3C 00 01 61 00 01 C3 00 01 6D | MQTT-3.1.3-10 MQTT-1.5.3-1 | 10 13 00 04 4D 51 54 54 04 06 00 3C 00 01 61 00 01 77 00 01 6D
3.1.1 utf8 user-name-ff | 10 10 00 04 4D 51 54 54 04 82 00 3C 00 01 61 00 01 FF | MQTT-3.1.3-11 MQTT-1.5.3-1 | 10 10 00 04 4D 51 54 54 04 82 00 3C 00 01 61 00 01 75
3.1.1 truncated nothing | 30 00 | MQTT-3.3.2-1 FR-9 | 30 03 00 01 61
3.1.1 truncated half-a-length | 30 01 00 | MQTT-3.3.2-1 FR-9 | 30 03 00 01 61
3.1.1 truncated topic-runs-over | 30 03 00 05 61 | MQTT-3.3.2-1 FR-9 | 30 03 00 01 61
3.1.1 utf8 filter-ff | 82 06 00 01 00 01 FF 00 | MQTT-3.8.3-1 MQTT-1.5.3-1 | 82 06 00 01 00 01 61 00
3.1.1 utf8 filter-ff | A2 05 00 01 00 01 FF | MQTT-3.10.3-1 MQTT-1.5.3-1 | A2 05 00 01 00 01 61
3.1.1 truncated filter-absent | A2 04 00 01 00 05 | MQTT-3.10.3-1 FR-9 | A2 05 00 01 00 01 61
3.1.1 truncated filter-runs-over | 82 05 00 01 00 05 61 | MQTT-3.8.3-1 FR-9 | 82 06 00 01 00 01 61 00
3.1.1 truncated options-absent | 82 05 00 01 00 01 61 | SB-3 FR-9 | 82 06 00 01 00 01 61 00
3.1.1 misplaced-plus plus-before-letter | 82 09 00 01 00 04 61 2F 2B 62 00 | MQTT-4.7.1-3 | 82 09 00 01 00 04 61 2F 61 62 00
3.1.1 nul filter-with-nul | 82 07 00 01 00 02 61 00 00 | MQTT-4.7.3-2 MQTT-3.8.3-1 MQTT-1.5.3-2 | 82 07 00 01 00 02 61 61 00
3.1.1 ok control-character | 30 04 00 02 61 01 | U8-1
3.1.1 ok noncharacter-ffff | 30 06 00 04 61 EF BF BF | U8-2
3.1.1 ok noncharacter-fdd0 | 30 06 00 04 61 EF B7 90 | U8-2
3.1.1 ok binary-will-and-password | 10 1A 00 04 4D 51 54 54 04 C6 00 3C 00 01 61 00 01 77 00 02 FF 00 00 01 75 00 01 FF | U8-3
3.1.1 ok empty-will-and-user | 10 16 00 04 4D 51 54 54 04 C6 00 3C 00 01 61 00 01 77 00 00 00 00 00 00 | U8-3
3.1.1 wildcard-in-topic will-topic-plus-last | 10 15 00 04 4D 51 54 54 04 06 00 3C 00 01 61 00 03 77 2F 2B 00 01 6D | CN-5 MQTT-4.7.1-1 | 10 15 00 04 4D 51 54 54 04 06 00 3C 00 01 61 00 03 77 2F 61 00 01 6D
3.1.1 trailing full-form | E0 02 00 00 | FR-6 FR-9 | E0 00
3.1.1 trailing full-form | 62 04 00 01 00 00 | FR-7 FR-9 | 62 02 00 01
3.1.1 ok unknown-id | 62 02 00 09 |
3.1.1 ok unknown-id | 70 02 00 09 |

5.0 utf8 surrogate | 30 06 00 03 ED A0 80 00 | MQTT-3.3.2-1 MQTT-1.5.4-1 | 30 06 00 03 61 61 61 00
5.0 utf8 overlong-slash | 30 05 00 02 C0 AF 00 | MQTT-3.3.2-1 MQTT-1.5.4-1 | 30 05 00 02 61 61 00
5.0 utf8 above-10ffff | 30 07 00 04 F4 90 80 80 00 | MQTT-3.3.2-1 MQTT-1.5.4-1 | 30 07 00 04 61 61 61 61 00
5.0 utf8 user-property-value-ff | 30 0B 00 01 61 07 26 00 01 6B 00 01 FF | MQTT-1.5.7-1 MQTT-1.5.4-1 | 30 0B 00 01 61 07 26 00 01 6B 00 01 76
5.0 utf8 user-property-name-ff | 30 0B 00 01 61 07 26 00 01 FF 00 01 76 | MQTT-1.5.7-1 MQTT-1.5.4-1 | 30 0B 00 01 61 07 26 00 01 6B 00 01 76
5.0 nul user-property-value-nul | 30 0B 00 01 61 07 26 00 01 6B 00 01 00 | MQTT-1.5.7-1 MQTT-1.5.4-2 | 30 0B 00 01 61 07 26 00 01 6B 00 01 76
5.0 nul topic-with-nul | 30 06 00 03 61 00 62 00 | MQTT-4.7.3-2 MQTT-3.3.2-1 MQTT-1.5.4-2 | 30 06 00 03 61 61 61 00
5.0 ok feff-first | 30 07 00 04 EF BB BF 61 00 | MQTT-1.5.4-3
5.0 flags empty-flags-0001 | F1 00 | MQTT-3.15.1-1 MQTT-2.1.3-1 | F0 06 18 04 15 00 01 58
5.0 flags no-method-flags-0010 | F2 02 18 00 | MQTT-3.15.1-1 MQTT-2.1.3-1 | F0 06 18 04 15 00 01 58
5.0 flags full-form-flags-0010 | E2 02 00 00 | MQTT-3.14.1-1 MQTT-2.1.3-1 | E0 02 00 00
5.0 truncated will-all-absent | 10 0E 00 04 4D 51 54 54 05 06 00 3C 00 00 01 61 | MQTT-3.1.2-9 MQTT-2.2.2-1 FR-9 | 10 15 00 04 4D 51 54 54 05 06 00 3C 00 00 01 61 00 00 01 77 00 01 6D
5.0 truncated will-properties-and-payload-absent | 10 11 00 04 4D 51 54 54 05 06 00 3C 00 00 01 61 00 01 77 | MQTT-3.1.2-9 FR-9 | 10 15 00 04 4D 51 54 54 05 06 00 3C 00 00 01 61 00 00 01 77 00 01 6D
5.0 truncated password-only-absent | 10 0E 00 04 4D 51 54 54 05 42 00 3C 00 00 01 61 | MQTT-3.1.2-19 FR-9 | 10 11 00 04 4D 51 54 54 05 42 00 3C 00 00 01 61 00 01 70
5.0 truncated no-payload | 10 0B 00 04 4D 51 54 54 05 02 00 3C 00 | MQTT-3.1.3-3 FR-9 | 10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 61
5.0 utf8 client-id-ff | 10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 FF | MQTT-3.1.3-4 MQTT-1.5.4-1 | 10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 61
5.0 utf8 will-topic-cut-character | 10 15 00 04 4D 51 54 54 05 06 00 3C 00 00 01 61 00 00 01 C3 00 01 6D | MQTT-3.1.3-11 MQTT-1.5.4-1 | 10 15 00 04 4D 51 54 54 05 06 00 3C 00 00 01 61 00 00 01 77 00 01 6D
5.0 utf8 user-name-ff | 10 11 00 04 4D 51 54 54 05 82 00 3C 00 00 01 61 00 01 FF | MQTT-3.1.3-12 MQTT-1.5.4-1 | 10 11 00 04 4D 51 54 54 05 82 00 3C 00 00 01 61 00 01 75
5.0 truncated nothing | 30 00 | MQTT-3.3.2-1 FR-9 | 30 04 00 01 61 00
5.0 truncated half-a-length | 30 01 00 | MQTT-3.3.2-1 FR-9 | 30 04 00 01 61 00
5.0 truncated topic-runs-over | 30 03 00 05 61 | MQTT-3.3.2-1 FR-9 | 30 04 00 01 61 00
5.0 utf8 response-topic-ff | 30 08 00 01 61 04 08 00 01 FF | MQTT-3.3.2-13 MQTT-1.5.4-1 | 30 08 00 01 61 04 08 00 01 72
5.0 wildcard-in-topic response-topic-last-plus | 30 0A 00 01 61 06 08 00 03 72 2F 2B | MQTT-3.3.2-14 PR-26 MQTT-4.7.0-1 | 30 0A 00 01 61 06 08 00 03 72 2F 61
5.0 utf8 content-type-ff | 30 08 00 01 61 04 03 00 01 FF | MQTT-3.3.2-19 MQTT-1.5.4-1 | 30 08 00 01 61 04 03 00 01 63
5.0 utf8 filter-ff | 82 07 00 01 00 00 01 FF 00 | MQTT-3.8.3-1 MQTT-1.5.4-1 | 82 07 00 01 00 00 01 61 00
5.0 utf8 filter-ff | A2 06 00 01 00 00 01 FF | MQTT-3.10.3-1 MQTT-1.5.4-1 | A2 06 00 01 00 00 01 61
5.0 misplaced-plus plus-before-letter | 82 0A 00 01 00 00 04 61 2F 2B 62 00 | MQTT-4.7.1-2 | 82 0A 00 01 00 00 04 61 2F 61 62 00
5.0 nul filter-with-nul | 82 08 00 01 00 00 02 61 00 00 | MQTT-4.7.3-2 MQTT-3.8.3-1 MQTT-1.5.4-2 | 82 08 00 01 00 00 02 61 61 00
5.0 truncated filter-runs-over | 82 05 00 01 00 05 61 | MQTT-3.8.3-1 FR-9 | 82 07 00 01 00 00 01 61 00
5.0 truncated options-absent | 82 06 00 01 00 00 01 61 | SB-3 FR-9 | 82 07 00 01 00 00 01 61 00
5.0 ok control-character | 30 05 00 02 61 01 00 | U8-1b
5.0 ok noncharacter-ffff | 30 07 00 04 61 EF BF BF 00 | U8-1b
5.0 ok binary-everywhere | 10 1E 00 04 4D 51 54 54 05 46 00 3C 00 00 01 61 05 09 00 02 FF 00 00 01 77 00 01 FF 00 02 FF 00 | U8-4
5.0 property-not-allowed receive-maximum-5 | 30 07 00 01 61 03 21 00 05 | PR-1 | 30 04 00 01 61 00
5.0 property-not-allowed server-keep-alive-1 | 10 11 00 04 4D 51 54 54 05 02 00 3C 03 13 00 01 00 01 61 | PR-1 | 10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 61
5.0 length-not-shortest payload-format-id-in-2-bytes | 30 07 00 01 61 03 81 00 01 | PR-4 MQTT-1.5.5-1 | 30 06 00 01 61 02 01 01
5.0 truncated property-length-runs-over | 30 04 00 01 61 05 | PR-5 FR-9 | 30 04 00 01 61 00
5.0 truncated property-length-cuts-receive-maximum | 20 06 00 00 02 21 00 0A | PR-5 FR-9 | 20 06 00 00 03 21 00 0A
5.0 duplicate-property will-expiry-twice | 10 1F 00 04 4D 51 54 54 05 06 00 3C 00 00 01 61 0A 02 00 00 00 01 02 00 00 00 01 00 01 77 00 01 6D | PR-7 | 10 1A 00 04 4D 51 54 54 05 06 00 3C 00 00 01 61 05 02 00 00 00 01 00 01 77 00 01 6D
5.0 duplicate-property keep-alive-twice | 20 09 00 00 06 13 00 01 13 00 01 | PR-8 | 20 06 00 00 03 13 00 01
5.0 duplicate-property method-twice | 20 0B 00 00 08 15 00 01 78 15 00 01 78 | PR-8 | 20 07 00 00 04 15 00 01 78
5.0 duplicate-property data-twice | 20 0F 00 00 0C 15 00 01 78 16 00 01 64 16 00 01 64 | PR-8 | 20 0B 00 00 08 15 00 01 78 16 00 01 64
5.0 duplicate-property expiry-twice | 30 0E 00 01 61 0A 02 00 00 00 01 02 00 00 00 01 | PR-9 | 30 09 00 01 61 05 02 00 00 00 01
5.0 duplicate-property two-subscription-identifiers | 82 0B 00 01 04 0B 01 0B 02 00 01 61 00 | PR-11 | 82 09 00 01 02 0B 01 00 01 61 00
5.0 ok zeros | 10 16 00 04 4D 51 54 54 05 02 00 3C 08 11 00 00 00 00 22 00 00 00 01 61 | PR-24
5.0 ok user-property-between | 10 1D 00 04 4D 51 54 54 05 02 00 3C 0F 11 00 00 00 01 26 00 01 6B 00 01 76 22 00 01 00 01 61 | PR-25
5.0 ok short-error-no-subscribers | 40 03 00 01 10 | SF-2
5.0 wildcard-in-topic will-topic-plus-last | 10 17 00 04 4D 51 54 54 05 06 00 3C 00 00 01 61 00 00 03 77 2F 2B 00 01 6D | CN-6 MQTT-4.7.0-1 | 10 17 00 04 4D 51 54 54 05 06 00 3C 00 00 01 61 00 00 03 77 2F 61 00 01 6D
5.0 ok share-plus-level-qos-2 | 82 12 00 01 00 00 0C 24 73 68 61 72 65 2F 67 2F 2B 2F 78 02 | SB-4
5.0 ok share-name-starts-with-dollar | 82 11 00 01 00 00 0B 24 73 68 61 72 65 2F 24 78 2F 61 00 | SB-4
5.0 ok nine-legal-filters | 82 30 00 01 00 00 01 2F 00 00 02 2F 2F 00 00 01 2B 00 00 01 23 00 00 03 2B 2F 23 00 00 02 2F 2B 00 00 03 2B 2F 2B 00 00 01 20 00 00 04 61 2F 2F 62 2E | SB-8
5.0 ok unknown-id-error | 70 03 00 09 92 | SF-2
"""


def build(book):
    for line in TRAPS.strip().splitlines():
        if not line:
            continue
        head, *rest = [part.strip() for part in line.split("|")]
        version, verdict, slug = head.split()
        raw, rules = bytes.fromhex(rest[0]), rest[1].split()
        kind = NAMES[raw[0] >> 4]
        words = slug.replace("-", " ").capitalize() + "."
        if verdict == "ok":
            book.accept(version, decode(version, None, raw), f"trap-{slug}", words, rules, raw=raw)
            continue
        legal = bytes.fromhex(rest[2])
        near = book.near(
            version, decode(version, None, legal), f"trap-{slug}-legal", f"The legal neighbour of {slug}.", raw=legal
        )
        book.reject(version, kind, raw, f"trap-{slug}", words, verdict, rules, near)
