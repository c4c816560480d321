"""Where the suites come from. Nothing of them is kept here: they are fetched into a folder below the target directory."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
CACHE = TARGET / "suites"
PYTHON = CACHE / "venv/bin/python"

PAHO = "paho-mqtt==2.2.0"
GMQTT, AIOMQTT = "gmqtt==0.8.0", "aiomqtt==2.5.1"
# What they are run with.
NEEDED = (PAHO, GMQTT, AIOMQTT, "anyio<4", "cmake", "psutil", "pytest<8", "pytest-asyncio<0.24")
# The C library, which comes with the crate that binds to it.
PAHO_C = ("paho-mqtt-sys", "0.11.0")
MQTT_PACKET = "mqtt-packet@9.0.2"
AEDES = "aedes@1.2.0"
# What `known.py` was written for; the Debian release is the only one that has the scripts for clients.
MOSQUITTO, RELEASE = "2.1.2", "sid"


class Missing(Exception):
    """A suite can't be had; says why."""


def run(*command, **more):
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr, **more)


def unpack(archive, folder):
    """The content of an archive's only folder."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    run("tar", "-xf", archive, "-C", partial, "--strip-components=1")
    partial.rename(folder)


def mosquitto():
    """The source of mosquitto as Debian has it."""
    folder = CACHE / f"mosquitto-{MOSQUITTO}"
    if not folder.exists():
        state = CACHE / "apt"
        apt = source_of_debian(state)
        shutil.rmtree(state / "source", ignore_errors=True)
        (state / "source").mkdir()
        run(*apt, "source", "--download-only", "-qq", f"mosquitto/{RELEASE}", cwd=state / "source")
        archives = list((state / "source").glob("mosquitto_*.orig.tar.*"))
        if [archive for archive in archives if f"_{MOSQUITTO}.orig" in archive.name] != archives:
            print(f"suites: Debian has another mosquitto by now than {MOSQUITTO}: {archives[0].name}", file=sys.stderr)
        unpack(archives[0], folder)
    return folder


def source_of_debian(state):
    """apt-get, with a list of sources and a state of its own, so that the machine's stay as they are."""
    if not shutil.which("apt-get"):
        raise Missing("there is no apt-get to fetch a Debian source package with; --mosquitto DIR takes a checkout")
    (state / "lists/partial").mkdir(parents=True, exist_ok=True)
    (state / "archives/partial").mkdir(parents=True, exist_ok=True)
    form = "$(REPO_URI) $(CODENAME)"
    wanted = ("Created-By: Packages", "Origin: Debian", "Component: main")
    listed = subprocess.run(["apt-get", "indextargets", "--format", form, *wanted], capture_output=True, text=True)
    sites = [line.split()[0] for line in listed.stdout.splitlines() if "-" not in line.split()[1]]
    if not sites:
        raise Missing("apt-get knows no Debian archive; try apt-get update")
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (state / "sources.list").write_text(f"deb-src [signed-by={keys}] {sites[0]} {RELEASE} main\n")
    settings = {
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state,
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]
    run(*apt, "update", "-qq")
    return apt


def python():
    """A Python with what the suites need."""
    told = CACHE / "venv/needed"
    if not told.exists() or told.read_text() != " ".join(NEEDED):
        run(sys.executable, "-m", "venv", "--clear", CACHE / "venv")
        run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *NEEDED)
        told.write_text(" ".join(NEEDED))
    return PYTHON


def sdist(package):
    """The source of a Python package, whose tests the package itself is without."""
    folder = CACHE / package.replace("==", "-")
    if not folder.exists():
        downloads = CACHE / "pypi" / package
        shutil.rmtree(downloads, ignore_errors=True)
        pip = (python(), "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
        run(*pip, "--no-deps", "--no-binary", ":all:", "--dest", downloads, package)
        unpack(next(downloads.glob("*.tar.gz")), folder)
    return folder


def paho_c():
    """The source of the paho C library, with its tests."""
    return crate(*PAHO_C) / "paho.mqtt.c"


def crate(name, version):
    """The source of a crate."""
    asking = CACHE / "crates" / name
    (asking / "src").mkdir(parents=True, exist_ok=True)
    (asking / "src/lib.rs").touch()
    (asking / "Cargo.toml").write_text(
        f'[package]\nname = "asking"\nedition = "2021"\n[dependencies]\n{name} = "={version}"\n[workspace]\n'
    )
    command = ["cargo", "metadata", "--quiet", "--format-version=1"]
    told = subprocess.run(command, cwd=asking, check=True, stdout=subprocess.PIPE, text=True)
    found = next(package for package in json.loads(told.stdout)["packages"] if package["name"] == name)
    return pathlib.Path(found["manifest_path"]).parent


def mqtt_packet():
    """The npm package of that name, which has its tests; they need another one, too."""
    return npm(MQTT_PACKET, "readable-stream@4")


def aedes():
    """The npm package of that name, with its tests."""
    return npm(AEDES, "ws@8")


def npm(package, *more):
    """A package where it is installed."""
    name, _, version = package.partition("@")
    folder = CACHE / f"{name}-{version}"
    if not folder.exists():
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        run("npm", "install", "--silent", "--no-save", "--prefix", partial, package, *more)
        partial.rename(folder)
    return folder / "node_modules" / name
