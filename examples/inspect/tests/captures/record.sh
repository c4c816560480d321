#!/usr/bin/env bash
# Records the captures of this folder: mosquitto and its clients on loopback, in a network namespace of their own.
# No two recordings are the same, so that what the tests say of them has to be looked at again.
# Needs root, tcpdump, mosquitto, mosquitto-clients and iptables.
set -euo pipefail
cd "$(dirname "$0")"
if [ "${1:-}" != inside ]; then
    exec unshare --net bash record.sh inside
fi
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -r "$work"' EXIT
ip link set lo up
printf 'listener 1883 127.0.0.1\nlistener 1884 ::1\nallow_anonymous true\n' >"$work/broker.conf"
mosquitto -c "$work/broker.conf" 2>/dev/null &
head -c 3000 /dev/zero | tr '\0' x >"$work/long"

# record INTERFACE FILE COMMAND: captures what the command does.
record() {
    tcpdump -i "$1" -U -w - tcp >"$2" 2>/dev/null &
    local tcpdump=$!
    sleep 1
    "$3"
    sleep 1
    kill $tcpdump
}

# Subscribers of two versions over IPv4 and IPv6, publishers of all three, and a port that nobody listens on.
messages() {
    mosquitto_sub -V 5 -i sub5 -t 'attic/#' -q 2 -C 3 >/dev/null &
    local first=$!
    mosquitto_sub -V 311 -h ::1 -p 1884 -i sub311 -t 'attic/+' -q 1 -C 3 >/dev/null &
    local second=$!
    sleep 0.5
    mosquitto_pub -V 5 -i pub5 -t attic/temperature -m 21.5 -q 2 -D publish user-property room attic
    mosquitto_pub -V 311 -i pub311 -t attic/humidity -m 40 -q 1 -r
    mosquitto_pub -V 31 -i pub31 -t attic/door -m open
    mosquitto_pub -p 1885 -t attic/door -m lost 2>/dev/null || true
    wait $first $second
}

# The receiver loses one segment in four, so that they are sent again.
losses() {
    ip link set lo mtu 1500
    iptables -A INPUT -p tcp -m statistic --mode random --probability 0.25 -j DROP
    for id in one two three; do
        timeout 20 mosquitto_pub -V 311 -i $id -t attic/log -q 2 -f "$work/long" || true
    done
}

record lo loopback.pcap messages
record any cooked.pcap losses
