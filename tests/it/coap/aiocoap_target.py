"""A target of notifications: says where it is, then the length of each value it is told. Ends with its input."""

import asyncio
import json
import socket
import sys

from aiocoap import CHANGED, Context, Message, resource


class Notify(resource.Resource):
    async def render_post(self, request):
        notification = json.loads(request.payload)["m2m:sgn"]
        if not notification.get("vrq"):
            value = notification["nev"]["rep"]["m2m:cin"]["con"]
            print(len(value), flush=True)
        return Message(code=CHANGED)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


async def main():
    site = resource.Site()
    site.add_resource(["notify"], Notify())
    # Options of oneM2M are critical; aiocoap hands unknown ones over.
    for attempt in range(10):
        port = free_port()
        try:
            await Context.create_server_context(site, bind=("127.0.0.1", port))
            break
        except OSError:
            # Somebody was faster.
            if attempt == 9:
                raise
    print(f"coap://127.0.0.1:{port}/notify", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


asyncio.run(main())
