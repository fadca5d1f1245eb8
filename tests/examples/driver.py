"""python driver.py SOURCE WORK CACHE: the faulty release on the host board, from power on to the ordered way back.

PYTHONPATH names SOURCE.
"""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gateway.board import Board, Machine, RefusedError
from gateway.image import STEPPED, digest, factory, make_key, payload, sign
from gateway.report import parse

source, work, cache = map(Path, sys.argv[1:])
key = work / "image.pem"
public = make_key(key)
subprocess.run(["sh", "build.sh", "host-board", "b", work / "out", "1.1.0", public, cache], cwd=source, check=True)
app = (work / "out" / "app.bin").read_bytes()
image = sign(app, key, "1.1.0", "b")
assert (sign(app, key, "1.1.0", "b"), payload(image)) == (image, app)
factory(work / "flash.bin", image, "b", "cell-0042", scale=STEPPED)

orphan = os.fork()
if not orphan:  # a driver that is killed with its board running

    async def killed():
        async with Board(Machine.HOST, work / "out" / "boot.elf", work / "flash.bin") as board:
            await board.started()
            (work / "pid").write_text(str(board.pid))
            os.kill(os.getpid(), 9)

    asyncio.run(killed())
os.waitpid(orphan, 0)
pid = int((work / "pid").read_text())


def gone():
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # it ended before it was opened, or while it was read
        return True


for _ in range(100):
    if gone():
        break
    time.sleep(0.01)
else:
    raise AssertionError("the board outlives its driver")
factory(work / "flash.bin", image, "b", "cell-0042", scale=STEPPED)


async def story():
    async with Board(Machine.HOST, work / "out" / "boot.elf", work / "flash.bin") as board:
        first = await board.started()
        assert (first.id, first.boot_id, first.ran_s) == ("cell-0042", "cell-0042-1", 0), first
        day, done, crashes = 86_400, 0, []
        while done < day:
            step = await board.step(day - done)
            done += step.done_s
            if step.restart:
                crashes.append((done, step.restart.reset, step.restart.crashes))
        assert crashes == [(65_536, "fault", 1)], crashes
        assert (done, step.up_s) == (day, day - 65_536)
        assert (await board.heartbeat()).boot_id == "cell-0042-2"
        assert await board.echo("hello") == "hello"
        seen = []
        new = sign(app, key, "1.1.1", "b")
        await board.upload(new, seen.append)
        assert (seen[-1], seen) == (len(new), sorted(seen))
        await board.test(digest(new))
        await board.reset()
        assert (await board.started()).state == "trial"
        with pytest.raises(RefusedError, match="rc 6"):  # an image on trial must not overwrite its way back
            await board.upload(image)
        await board.confirm()
        old = next(slot for slot in await board.images() if not slot.active)
        await board.confirm(old.hash)  # the way back, without a download
        await board.reset()
        back = await board.started()
        assert (back.slot, back.state) == (0, "confirmed"), back
        return board.pid


pid = asyncio.run(story())
assert not Path(f"/proc/{pid}").exists()
assert parse("HB id=x*0000") is None
