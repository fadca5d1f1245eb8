"""python -m gateway --config FILE [--conducted]: speaks hawkBit DDI for boards.

Ends at SIGTERM or Ctrl-C, conducted also at the end of its stdin; its boards never outlive it. Exit codes: 0 a normal
end, 2 a configuration that cannot be used, 70 infrastructure broke (no emulator, a server that hangs).
"""

import argparse
import asyncio
import json
import logging
import signal
import sys
from pathlib import Path

from gateway.board import NoBoardError, SilentError
from gateway.config import ConfigError, load
from gateway.ddi import HangError
from gateway.service import Service

BROKEN = 70
INFRASTRUCTURE = (NoBoardError, SilentError, HangError)


async def _serve(service: Service, *, conducted: bool) -> None:
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else int)
    try:
        async with service:
            await (service.conducted() if conducted else service.free())
    except asyncio.CancelledError:
        return


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="gateway", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--conducted", action="store_true", help="time is moved by a conductor, over stdin and stdout")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="gateway: %(message)s", stream=sys.stderr)
    logging.getLogger("smpclient").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve(Service(load(args.config), conducted=args.conducted), conducted=args.conducted))
    except ConfigError as cause:
        return _fail(str(cause), 2, conducted=args.conducted)
    except INFRASTRUCTURE as cause:
        return _fail(str(cause).split("\n", maxsplit=1)[0], BROKEN, conducted=args.conducted)
    return 0


def _fail(text: str, code: int, *, conducted: bool) -> int:
    if conducted:
        sys.stdout.write(json.dumps({"failed": text}) + "\n")
    sys.stderr.write(f"gateway: {text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
