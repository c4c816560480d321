#!/usr/bin/env python3
"""Plays all scenarios against a broker that is running, and says where it does something else.

    python3 spec-vectors/play.py 127.0.0.1:1883 --websocket 127.0.0.1:8080

Python 3.10 or newer, standard library only.
"""

import argparse
import asyncio
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from player.crowd import play_all, scenarios
from player.network import Network

HERE = Path(__file__).resolve().parent


def address(text):
    host, colon, port = text.rpartition(":")
    if not port.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def arguments():
    parser = argparse.ArgumentParser(
        description="Plays the scenarios of broker/ and transport/ against a running broker."
    )
    parser.add_argument("broker", type=address, metavar="HOST:PORT", help="where it speaks MQTT over TCP")
    parser.add_argument("--websocket", type=address, metavar="HOST:PORT", help="and where over WebSocket")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios with this text in their id or rules")
    parser.add_argument("--patience", type=float, default=3, metavar="SECONDS", help="how long an answer may take (3)")
    parser.add_argument("--at-once", type=int, default=60, metavar="N", help="how many are played side by side (60)")
    parser.add_argument("--quiet", action="store_true", help="only what fails")
    return parser.parse_args()


def main():
    options = arguments()
    network = Network(options.broker, options.websocket, options.patience)
    chosen = scenarios(HERE, options.only)
    if not chosen:
        raise SystemExit(f"no scenario has {options.only} in its id or rules")
    try:
        results = asyncio.run(play_all(chosen, network, options.at_once))
    except OSError as error:
        raise SystemExit(f"can't play: {error}") from None
    for result in results:
        if result.failed or not options.quiet:
            print(result)
    failed = sum(result.failed for result in results)
    skipped = sum(result.verdict == "skipped" for result in results)
    print(f"{len(results)} scenarios: {len(results) - failed - skipped} ok, {failed} failed, {skipped} skipped")
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
