"""mosquitto's scripted exchanges for servers: what is sent and what has to come, to the byte."""

import contextlib
import io
import json
import sys

import properties
from servers import Server

# mosquitto says these of itself in each CONNACK, and the exchanges expect it of the server.
SETTINGS = ["max_packet_size 2000000"]


def run(place):
    data = place.mosquitto / "test/broker"
    sys.path[:0] = [str(data), str(data.parent)]
    sys.argv[1:] = []
    import msg_sequence_test as theirs

    class Exchange(theirs.MsgSequence):
        """Theirs, but says in hex what came, and takes the properties of CONNACK in any order, as 2.2.2.2 does."""

        def _recv_message(self, sock, msg):
            came = b""
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while len(came) < len(msg.message) and (more := sock.recv(len(msg.message) - len(came))):
                    came += more
            if properties.in_order(came) != properties.in_order(msg.message):
                raise ValueError(f"{came.hex(' ') or 'nothing'}, not {msg.message.hex(' ')}")

    with Server(place.broker, place.folder, [] if place.broker == "mosquitto" else SETTINGS) as server:
        for file in sorted((data / "data").glob("*.json")):
            for group in json.loads(file.read_text()):
                if not group.get("disable"):
                    for test in group["tests"]:
                        name = f"{file.stem}: {group['group']}: {test['name']}"
                        if place.wants(name):
                            yield name, attempt(theirs, Exchange, server.port, {**group, **test}, name)


def attempt(theirs, Exchange, port, test, name):
    """What went wrong, if anything did."""
    exchange = Exchange(
        f"{test['group']} {test['name']}",
        port=port,
        proto_ver=test.get("ver", 4),
        expect_disconnect=test.get("expect_disconnect", True),
        default_connect=test.get("connect", True),
    )
    for message in test["msgs"]:
        comment = message.get("comment", "")
        if message["type"] == "send":
            exchange.add_send(theirs.parse_message(message["payload"]))
        elif message["type"] == "recv":
            exchange.add_recv(theirs.parse_message(message["payload"]), comment)
        else:
            exchange.add_publish(message, comment)
    said = io.StringIO()
    sock = None
    try:
        with contextlib.redirect_stdout(said):
            sock = theirs.mosq_test.client_connect_only(port=port, timeout=2)
            exchange.process_all(sock)
    except ValueError as error:
        return str(error)
    except TimeoutError:
        return "neither an answer nor the end"
    except (OSError, theirs.mosq_test.TestError) as error:
        return f"{type(error).__name__} {error}".strip()
    finally:
        if sock:
            sock.close()
    return None
