"""The web server on a socket that the supervisor holds.

The socket stays open while a server that has died is started again: clients wait instead of being refused.
`python -m geocrop_processes.service.listen DESCRIPTOR [APPLICATION]`
"""

import gc
import socket
import sys

import uvicorn

APPLICATION = "geocrop_processes.service.asgi:app"
GRACE_S = 3
"""Seconds that requests may take to end once the server is asked to."""
KEEP_ALIVE_S = 75
"""Seconds that an idle connection stays open, as nginx's: longer than clients and proxies keep theirs.

Whoever closes first must be the client: a request that is on its way while the server closes is lost. uvicorn's own
5 seconds are just those of httpx.
"""


def main(descriptor: str, application: str = APPLICATION) -> None:
    """Serve an application on an open, listening socket until a signal ends it."""
    listener = socket.socket(fileno=int(descriptor))
    config = uvicorn.Config(
        application,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    config.load()
    # what was made so far stays to the end: to look through it for garbage again and again holds up requests
    gc.collect()
    gc.freeze()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
