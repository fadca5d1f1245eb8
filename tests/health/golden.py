"""Makes the golden records: ``python -m tests.health.golden`` from the repository's root.

Each ``record-NAME.jsonl`` is a record, ``record-NAME.json`` what the verdict says of it. Written once; they change
only when the verdict's rules do, and then in a commit that says so.
"""

import json
from pathlib import Path

from tests.health.lines import BOOTED, FAILED, HOUR, RECORDED, STARTED, crash, installed, opened, raw

from fleetloop.health import Draw, End, Enrol, Event, Install, Line, Plan, Poll, Silences, Wave, verdict_of_log

FOLDER = Path(__file__).parents[1] / "golden"


def stop() -> list[Line]:
    lines = opened({"a": 30, "b": 30}, {"a": 8, "b": 8})
    lines += [line for i in range(8) for name in (f"a-{i}", f"b-{i}") for line in installed(2 * HOUR, name)]
    crashes = ["b-0", "a-20", "b-1", "b-2", "b-3", "b-20", "b-4", "b-5", "a-0"]
    lines += [crash((5 + i) * HOUR, name) for i, name in enumerate(crashes)]
    return [*lines, *(crash((20 + i) * HOUR, f"a-{21 + i}") for i in range(9)), End(40 * HOUR)]


def hold() -> list[Line]:
    return [*opened({"a": 20}, {"a": 5}), crash(3 * HOUR, "a-0"), crash(4 * HOUR, "a-9"), crash(5 * HOUR, "a-1")]


def calm() -> list[Line]:
    return [*opened({"a": 60}, {"a": 30}), *(crash((3 + i) * HOUR, f"a-{30 + i}") for i in range(12))]


def derived() -> list[Line]:
    """Hourly polls: one device dies in the window, one later, one while it installs, one polls again after a day."""
    names = [f"d{i:02}" for i in range(16)]
    lost = {"d00": 2, "d09": 7, "d01": 9, "d10": 12}
    lines: list[Line] = [Enrol(0, name, "r1" if i % 2 else "r2") for i, name in enumerate(names)]
    lines += [Wave(HOUR, 1), *(Draw(HOUR, name, 1) for name in names[:6])]
    for hour in range(1, 30):
        for i, name in enumerate(names):
            at = hour * HOUR + 10.5 * i
            if hour < lost.get(name, 99) or (name == "d10" and hour > 26):
                lines.append(Poll(at, name, "1.0.0"))
        if hour == 3:
            lines += [Install(hour * HOUR + 900, name, STARTED) for name in names[1:5]]
            lines += [Install(hour * HOUR + 1800, name, BOOTED) for name in ("d02", "d03", "d04")]
        if hour == 14:
            lines.append(Event(hour * HOUR + 900, "d12", "watchdog", "e1", 5.0))
            lines.append(Event(hour * HOUR + 901, "d12", "watchdog", "e1", 6.0))
    return [*lines, End(30 * HOUR)]


def installs() -> list[Line]:
    lines = opened({"a": 30}, {"a": 15})
    lines += [Install(2 * HOUR, f"a-{i}", STARTED) for i in range(15)]
    return [*lines, *(Install(2 * HOUR + 60 * i, f"a-{i}", FAILED) for i in range(6))]


DERIVED = Plan()
RECORDS: dict[str, tuple[Plan, list[Line]]] = {
    "stop": (RECORDED, stop()),
    "hold": (RECORDED, hold()),
    "calm": (RECORDED, calm()),
    "derived": (DERIVED, derived()),
    "installs": (RECORDED, installs()),
    "first-release": (Plan(silences=Silences.RECORDED, comparison=False, p0=0.05, tolerated=0.03), installs()[:-2]),
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, (plan, lines) in RECORDS.items():
        record = raw(plan, lines)
        (FOLDER / f"record-{name}.jsonl").write_bytes(b"".join(record))
        (FOLDER / f"record-{name}.json").write_text(json.dumps(verdict_of_log(record), indent=2) + "\n")
