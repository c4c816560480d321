"""What a scenario is, and what it has at hand."""

from dataclasses import dataclass

from driver import Client
from relay import Relay

VERSIONS = ("3.1", "3.1.1", "5.0")
SCENARIOS = []


@dataclass
class Scenario:
    name: str
    run: callable
    versions: tuple
    # What both the client and the broker have to be able to do; `peers.py` says who is not.
    needs: frozenset
    # Whether it is worth another run with TLS.
    tls: bool


def scenario(needs="", versions=VERSIONS, each=None, tls=False):
    """Makes a function a scenario, or several: one for each name and list of arguments in `each`."""

    def register(function):
        name = function.__name__.replace("_", " ")
        for suffix, arguments in (each or {"": ()}).items():

            def run(world, arguments=arguments):
                function(world, *arguments)

            whole = f"{name} {suffix}".strip()
            SCENARIOS.append(Scenario(whole, run, versions, frozenset(needs.split()), tls))
        return function

    return register


class World:
    """One run of a scenario: clients and topics that no other run has."""

    def __init__(self, number, version, driver, broker, tls=False):
        self.number, self.version, self.driver, self.broker, self.tls = number, version, driver, broker, tls
        self.clients = []

    @property
    def is_5(self):
        return self.version == "5.0"

    def topic(self, name="topic"):
        return f"interop/{self.number}/{name}"

    def client(self, relay=False, version=None):
        # 3.1 has room for 23 characters.
        name = f"i{self.number}c{len(self.clients)}"
        relay = Relay(self.broker.port) if relay else None
        port = relay.port if relay else self.broker.tls_port if self.tls else self.broker.port
        client = Client(self.driver, name, version or self.version, port, relay, str(self.broker.ca) if self.tls else None)
        self.clients.append(client)
        return client

    def connected(self, relay=False, version=None, **connect):
        client = self.client(relay, version)
        client.connect(**connect)
        return client

    def subscriber(self, filter=None, qos=2, **connect):
        """A client that subscribes."""
        client = self.connected(**connect)
        client.subscribe(filter or self.topic(), qos)
        return client

    def close(self):
        for client in self.clients:
            self.driver.clients.pop(client.name, None)
            client.start("close")
            if client.relay:
                client.relay.close()
