"""mosquitto's own scripts for its broker, with ours in its place."""

import ast
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import fetch
import known
import servers

# Most of the time is waiting.
JOBS, PATIENCE = 4, 120


def run(place):
    # The scripts write beside themselves.
    tests = place.folder / "test"
    shutil.copytree(place.mosquitto / "test", tests, symlinks=True)
    stand_in = place.folder / "src/mosquitto"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{fetch.HERE}/stand_in.py" "$@"\n')
    stand_in.chmod(0o755)
    wanted = [script for script in listed(tests / "broker/test.py") if place.wants(script[1])]
    with ThreadPoolExecutor(JOBS) as pool:
        yield from pool.map(lambda script: attempt(place, tests / "broker", *script), wanted)


def listed(file):
    """How many ports, which script, and which arguments, as their own runner has it."""
    for statement in ast.parse(file.read_text()).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "tests":
            for ports, script, *more in ast.literal_eval(statement.value):
                name = script.removeprefix("./").removesuffix(".py")
                if name != "msg_sequence_test" and not known.own(name):
                    yield ports, name, more


def attempt(place, folder, ports, name, more):
    unknown = place.folder / f"{name}.unknown"
    environment = {
        **os.environ,
        "BUILD_ROOT": str(place.folder),
        "SUITES_BROKER": str(servers.program(place.broker)),
        "SUITES_UNKNOWN": str(unknown),
    }
    numbers = [str(servers.free_port()) for _ in range(ports)]
    command = [fetch.python(), f"./{name}.py", *more, *numbers]
    log = place.folder / f"{name}.log"
    with log.open("wb") as out:
        script = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            code = script.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            code = "no end"
        finally:
            kill_group(script)
    if unknown.exists():
        return name, f"not to be had: {unknown.read_text()}"
    return name, None if code == 0 else told(log.read_text(errors="replace"), code)


def kill_group(script):
    """The script and the broker that it may have left."""
    try:
        os.killpg(script.pid, 9)
    except ProcessLookupError:
        pass
    script.wait()


def told(log, code):
    """What the log says of the failure."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("FAIL", "Received", "Expected"))]
    return " ".join(telling[:3]) or (lines[-1] if lines else f"status {code}")
