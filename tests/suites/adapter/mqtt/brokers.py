"""Starts the broker that is tried where the tests of paho-mqtt start the one of paho.mqtt.testing."""

import os
import pathlib
import threading
import types

import servers


class Listener:
    """What the tests take for a `socketserver.TCPServer`."""

    def __init__(self, port):
        folder = pathlib.Path(os.environ["SUITES_FOLDER"])
        self.running = servers.Server(os.environ["SUITES_NAME"], folder, port=port or None)
        self.ended = threading.Event()
        self.socket = self

    def getsockname(self):
        return "127.0.0.1", self.running.port

    def shutdown(self):
        self.running.stop()
        self.ended.set()

    def server_close(self):
        TCPListeners.server = None


TCPListeners = types.SimpleNamespace(server=None)
listeners = types.SimpleNamespace(TCPListeners=TCPListeners)


def run(config):
    """Serves until it is told to stop."""
    TCPListeners.server = Listener(int(config[0].split()[1]))
    TCPListeners.server.ended.wait()
