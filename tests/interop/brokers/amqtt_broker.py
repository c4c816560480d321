"""amqtt on a port of loopback: amqtt_broker.py PORT"""

import asyncio
import sys

from amqtt.broker import Broker


async def main():
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    await Broker(config).start()
    await asyncio.Event().wait()


asyncio.run(main())
