"""Opening a wave by the tick that does it in a server, against the same rows by raw SQL.

    python bench/wave.py

Prints one line: ``open_wave VALUE BAR VERDICT``. VALUE is the time of the tick, divided by the time of two
``INSERT … SELECT`` (deployments, attempts) with their commit; each in its least disturbed round. The tick looks at the
gates, enrols late joiners, looks again at whom something happened to, inserts, notes what the record needs, commits, and
has told memory when it ends: from then on every drawn device is answered. Who is drawn by hash was made ready before, as
in a server while the wave before it soaks (here: when the server starts; `prepared`, not in VALUE). Both work on a copy of
the same database in which everybody is enrolled.
"""

import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import house  # noqa: E402

DEVICES = 125_000
SHARE = 80.0
ROUNDS = 3
BAR = 1.25
RAW = (
    "insert into deployments (tenant, rollout, device, component, wave, artifact, version, previous, state, intent, since,"
    " weak, hurt, open) select m.tenant, m.rollout, m.device, 'application', 1, m.artifact, '1.1.0', m.version, 'waiting',"
    " 'run', 1700000000.0, 0, 0, 1 from members m where m.rollout = 1 order by m.device limit {drawn}",
    "insert into attempts (tenant, deployment, device, number, made_at, downloads) select tenant, id, device, 1,"
    " 1700000000.0, 0 from deployments where rollout = 1 and wave = 1 order by id",
)


async def enrolled(folder: Path) -> None:
    """A house with a rollout whose first wave opens at the next tick."""
    rooms = await house.house(folder, DEVICES, stepped=True, start_at=house.START)
    plan = {"waves": [SHARE]}
    await rooms.rollouts.start(house.ADMIN, house.PRODUCT, house.VERSION, plan)
    await rooms.pump.drain()
    rooms.db.close()


async def ours(folder: Path) -> tuple[float, int]:
    """(seconds until the wave stands on disk and in memory, devices drawn)."""
    rooms = await house.again(folder, stepped=True, start_at=house.START)
    for watch in rooms.desk.watches.values():
        watch.draft = None
    begun = time.perf_counter()
    await rooms.runner.prepare()
    print(f"# prepared in {time.perf_counter() - begun:.2f} s", file=sys.stderr)
    list(rooms.clocks.due(house.START))  # the clocks of who was enrolled: they belong to the start
    begun = time.perf_counter()
    await rooms.runner.tick(house.START)
    took = time.perf_counter() - begun
    waves = (await rooms.rollouts.whole(1)).waves
    told = sum(house.device(n) in rooms.desk.live for n in range(DEVICES))
    rooms.db.close()
    if not waves or told != waves[0].drawn:
        sys.exit(f"the wave did not open: {waves}, {told} devices are known")
    return took, waves[0].drawn


def raw(file: Path, drawn: int) -> float:
    """Seconds for as many rows by SQL alone."""
    with sqlite3.connect(file, isolation_level=None) as connection:
        for pragma in house.PRAGMAS:
            connection.execute(f"pragma {pragma}")
        begun = time.perf_counter()
        connection.execute("begin immediate")
        for statement in RAW:
            connection.execute(statement.format(drawn=drawn))
        connection.execute("commit")
        took = time.perf_counter() - begun
        (rows,) = connection.execute("select count(*) from attempts").fetchone()
    connection.close()
    if rows != drawn:
        sys.exit(f"{rows} attempts instead of {drawn}")
    return took


def once(template: Path, work: Path) -> tuple[float, float]:
    mine, bare = work / "ours", work / "raw"
    for folder in (mine, bare):
        shutil.copytree(template, folder)
    os.sync()
    took, drawn = asyncio.run(ours(mine))
    os.sync()
    by_sql = raw(bare / "fleetloop.db", drawn)
    for folder in (mine, bare):
        shutil.rmtree(folder)
    print(f"# {drawn} devices: tick {took:.2f} s, raw SQL {by_sql:.2f} s", file=sys.stderr)
    return took, by_sql


def main() -> int:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        template, work = Path(folder, "template"), Path(folder, "work")
        asyncio.run(enrolled(template))
        rounds = [once(template, work) for _ in range(ROUNDS)]
    value = min(mine for mine, _ in rounds) / min(bare for _, bare in rounds)
    print(f"# load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    print(f"open_wave {value:.2f} {BAR:.2f} {'pass' if value <= BAR else 'FAIL'}")
    return 0 if value <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
