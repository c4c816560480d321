"""Is started by mosquitto's scripts in place of mosquitto: starts the broker that is tried, with the same settings."""

import os
import pathlib
import shutil
import sys

import configuration


def lines(words):
    """The configuration that the command line asks for."""
    file, port, words = [], None, iter(words)
    for word in words:
        if word == "-c":
            file = pathlib.Path(next(words)).read_text().splitlines()
        elif word == "-p":
            port = next(words)
        elif word != "-v":
            raise configuration.Unknown(f"the argument {word}")
    # The scripts name a port twice when there is a file. Without listeners in it, all on this machine may come in.
    if any(line.startswith(("listener ", "port ")) for line in file):
        return file
    return [f"listener {port or 1883}", "allow_anonymous true", *file]


def chain(words):
    """mosquitto finds the certificates between its own and the root among those of clients; ours wants them in one file."""
    if "--cert" not in words:
        return
    at = words.index("--cert") + 1
    certificate = pathlib.Path(words[at])
    both = pathlib.Path(f"{certificate.stem}-{os.getpid()}.chain")
    both.write_text(certificate.read_text() + (certificate.parent / "test-signing-ca.crt").read_text())
    words[at] = str(both)


def forget(file, folder):
    """The scripts delete mosquitto's file to begin anew, and ours is a folder."""
    mark = pathlib.Path(file)
    if not mark.exists():
        shutil.rmtree(folder, ignore_errors=True)
        mark.touch()


def main():
    program, words = os.environ["SUITES_BROKER"], sys.argv[1:]
    if not program.endswith("mosquitto"):
        try:
            asked = lines(words)
            words = configuration.arguments(asked)
        except configuration.Unknown as unknown:
            pathlib.Path(os.environ["SUITES_UNKNOWN"]).write_text(str(unknown))
            sys.exit(f"not known here: {unknown}")
        chain(words)
        for line in asked:
            if line.startswith("persistence_file ") and "--persistence" in words:
                forget(line.split()[1], words[words.index("--persistence") + 1])
    os.execv(program, [program, *words])


if __name__ == "__main__":
    main()
