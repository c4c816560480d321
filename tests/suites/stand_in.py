"""Is started by mosquitto's scripts in place of mosquitto: starts the broker that is tried, with the same settings."""

import os
import pathlib
import sys

import configuration


def lines(words):
    """The configuration that the command line asks for."""
    words = iter(words)
    found = []
    for word in words:
        if word == "-c":
            found = pathlib.Path(next(words)).read_text().splitlines() + found
        elif word == "-p":
            found.insert(0, f"listener {next(words)}")
        elif word != "-v":
            raise configuration.Unknown(f"the argument {word}")
    if not any(line.startswith(("listener ", "port ")) for line in found):
        found.insert(0, "listener 1883")
    # Without a file, or without a listener in it, mosquitto lets everybody in that is on this machine.
    file = "-c" in sys.argv
    if not file or not any("allow_anonymous" in line or line.startswith("listener") for line in found[1:]):
        found.append("allow_anonymous true")
    ports = [line.split()[1] for line in found if line.startswith("listener ")]
    if file and ports.count(ports[0]) > 1:
        # The scripts name the port of the file once more.
        del found[0 if found[0].startswith("listener") else 1]
    return found


def main():
    program, words = os.environ["SUITES_BROKER"], sys.argv[1:]
    if not program.endswith("mosquitto"):
        try:
            words = configuration.arguments(lines(words))
        except configuration.Unknown as unknown:
            pathlib.Path(os.environ["SUITES_UNKNOWN"]).write_text(str(unknown))
            sys.exit(f"not known here: {unknown}")
    os.execv(program, [program, *words])


if __name__ == "__main__":
    main()
