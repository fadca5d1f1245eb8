"""Reports of devices through the whole server, each answered when it is on disk, against the same rows by the bare driver.

    python bench/reports.py

Prints one line: ``durable_reports VALUE BAR VERDICT``. VALUE is reports a second through HTTP, divided by reports a second
that the driver commits in groups of as many as wait at the server; each in its best round. A report moves its deployment
(download, downloaded, installing, installed), so it is one or two rows inserted and one or two changed on both sides; both
are SQLite in WAL with ``synchronous=FULL``. 5,000 of 100,000 devices speak. wrk asks from 64 connections; server and wrk
share the machine.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import house, poll  # noqa: E402

DEVICES = 100_000
ACTIVE = 5_000
"""Devices that are installing: so many, all over the table, each with four words to say."""
STRIDE = DEVICES // ACTIVE
SECONDS = 4
ROUNDS = 3
BAR, AIM = 0.5, 0.7
STEPS = (
    ("download", "none", "Downloading."),
    ("downloaded", "none", "File checksum OK."),
    ("proceeding", "none", "Writing the other slot."),
    ("closed", "success", "Software bundle installed successfully."),
)
LINE = '{"at":1700000000.0,"kind":"poll","device":"dev-000000"}'
STATES = ("downloading", "downloaded", "installing", "installed")
LUA = """
local path = "/DEFAULT/controller/v1/dev-%06d/deploymentBase/%d/feedback"
local at = -1
local words = {{ {words} }}
request = function()
  at = at + 1
  local device, step = at % {active} * {stride}, math.floor(at / {active}) % 4 + 1
  local body = string.format('{{"id":"%d","timestamp":1700000000000,"status":{{%s}}}}', device + 1, words[step])
  return wrk.format("POST", string.format(path, device, device + 1), {{
    ["Authorization"] = string.format("TargetToken %032x", device), ["Content-Type"] = "application/json"}}, body)
end
"""


def script(path: Path) -> None:
    """Each device in turn says the next of its four words."""
    said = [json.dumps({"execution": e, "result": {"finished": f}, "details": [d]})[1:-1] for e, f, d in STEPS]
    path.write_text(LUA.format(words=", ".join(f"'{one}'" for one in said), active=ACTIVE, stride=STRIDE))


async def under_way(folder: Path) -> None:
    """A house in which every device was handed its action: number N + 1 for device N."""
    rooms = await house.house(folder, DEVICES)
    await rooms.rollouts.start(
        house.ADMIN, house.PRODUCT, house.VERSION, {"waves": [100.0], "comparison": False, "urgent": True}
    )
    await rooms.runner.tick(rooms.clock.now())
    await rooms.pump.drain()
    rooms.db.close()
    with sqlite3.connect(folder / "fleetloop.db") as connection:
        connection.execute("update deployments set state = 'offered'")
        connection.execute("update attempts set handed_at = made_at")
    connection.close()


def ours(folder: Path, lua: Path) -> float:
    """Reports a second, all answered 200."""
    with poll.serving("server", folder=str(folder)) as (_, port):
        count = poll.press(port, SECONDS, lua)
    with sqlite3.connect(folder / "fleetloop.db") as connection:
        (kept,) = connection.execute("select count(*) from reports").fetchone()
    connection.close()
    if kept < count:
        sys.exit(f"{count} reports were answered and {kept} are on disk")
    return count / SECONDS


def raw(file: Path, rows: int) -> float:
    """Reports a second by the driver, a commit for each group."""
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in house.PRAGMAS:
        connection.execute(f"pragma {pragma}")
    begun = time.perf_counter()
    for first in range(0, rows, poll.CONNECTIONS):
        connection.execute("begin immediate")
        for number in range(first, min(first + poll.CONNECTIONS, rows)):
            report(connection, number)
        connection.execute("commit")
    took = time.perf_counter() - begun
    connection.close()
    return rows / took


def report(connection: sqlite3.Connection, number: int) -> None:
    """What one report changes."""
    device, step = number % ACTIVE * STRIDE, number // ACTIVE % len(STEPS)
    body = json.dumps(dict(zip(("execution", "finished", "details"), STEPS[step], strict=True)))
    connection.execute(
        "insert into reports (tenant, attempt, device, at, body, outcome, note) values ('DEFAULT', ?, ?, ?, ?, 200, '')",
        (device + 1, house.device(device), 1.7e9, body),
    )
    connection.execute("update deployments set state = ?, since = ? where id = ?", (STATES[step], 1.7e9, device + 1))
    if step == 0:  # the first contact since the wave opened is a line of the rollout's record
        connection.execute(
            "insert into record (tenant, rollout, at, tie, line) values ('DEFAULT', 1, ?, ?, ?)",
            (1.7e9, f"{device}", LINE),
        )
    if step == len(STEPS) - 1:
        connection.execute("update attempts set closed_at = ? where id = ?", (1.7e9, device + 1))


def once(template: Path, work: Path, lua: Path) -> tuple[float, float]:
    mine, bare = work / "ours", work / "raw"
    for folder in (mine, bare):
        shutil.copytree(template, folder)
    os.sync()
    served, by_driver = ours(mine, lua), raw(bare / "fleetloop.db", len(STEPS) * ACTIVE)
    for folder in (mine, bare):
        shutil.rmtree(folder)
    print(f"# server {served:.0f} reports/s, driver {by_driver:.0f}", file=sys.stderr)
    return served, by_driver


def main() -> int:
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (apt-get install wrk)")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        template, work, lua = Path(folder, "template"), Path(folder, "work"), Path(folder, "reports.lua")
        asyncio.run(under_way(template))
        script(lua)
        rounds = [once(template, work, lua) for _ in range(ROUNDS)]
    value = max(mine for mine, _ in rounds) / max(bare for _, bare in rounds)
    print(f"# load {os.getloadavg()[0]:.1f}, aim {AIM}", file=sys.stderr)
    print(f"durable_reports {value:.2f} {BAR:.2f} {'pass' if value >= BAR else 'FAIL'}")
    return 0 if value >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
