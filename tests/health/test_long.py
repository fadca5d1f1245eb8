"""The statistics gate: Q1, Q2 and Q3 of the scoreboard, simulated. A thousand rollouts a row in the long run.

The quick suite runs the same rows with a few rollouts each, enough to catch a rule that is broken.
"""

import random
import time
from collections.abc import Sequence
from statistics import fmean

import pytest
from tests.health.field import DAY, FOUR, HEALTHY, HOUR, ONE, Field, Handling, Release, World, rollouts
from tests.health.lines import crash

from fleetloop.health import Draw, Enrol, Line, Plan, Poll, Wave, encode, read_record

RUNS = 1000


def newest(field: Field) -> list[str]:
    """The whole of the newest board, and nobody else."""
    return [device for device, revision in field.revision.items() if revision == "d"]


def lab(field: Field) -> list[str]:
    """Fifty devices picked by hand, and badly: the frailest."""
    return sorted(field.rate, key=lambda device: field.rate[device])[-50:]


LIFE = World(frailty=0.5, rhythm=0.5, outages=3, bursts=10)
HEALTHY_ROWS = {
    "one": World(revisions=ONE),
    "plain": World(),
    "frail": World(frailty=1.0),
    "day and week": World(rhythm=0.5),
    "outages": World(outages=3),
    "site bursts": World(bursts=10),
    "life": LIFE,
    "bad reboots": World(rebooting=0.03),
    "all silent": World(silent=True),
    "daily polls": World(poll_s=DAY),
    "5 devices": World(devices=5, revisions=ONE),
    "20 devices": World(devices=20, revisions=ONE),
    "50 devices": World(devices=50),
}
CONFOUNDED_ROWS = {
    "newest board first": (World(), Handling(first=newest)),
    "lab wave": (World(frailty=1.0), Handling(first=lab, by_hand=True)),
}


def stops(fields: Sequence[Field]) -> float:
    return fmean(field.stop is not None for field in fields)


def surely(fields: Sequence[Field]) -> float:
    return fmean(field.experiment.e_max >= 100 for field in fields)


def hurt(fields: Sequence[Field]) -> float:
    return fmean(field.extra for field in fields)


# The quick suite


def test_healthy_releases_are_rarely_stopped() -> None:
    fields = [field for world in HEALTHY_ROWS.values() for field in rollouts(2, world, first_seed=7)]
    assert stops(fields) <= 0.12  # 3 of 26; at 3 % each, one suite in ten thousand would see more


def test_a_confounded_first_wave_says_so_and_stops_nothing() -> None:
    fields = [field for world, how in CONFOUNDED_ROWS.values() for field in rollouts(3, world, HEALTHY, how)]
    assert not any(field.comparable[0] for field in fields)
    assert all(field.comparable[1] for field in fields)
    assert stops(fields) <= 0.17


def test_bad_releases_are_stopped() -> None:
    fields = rollouts(8, World(), Release(ratio=3))
    assert stops(fields) == 1
    assert hurt(fields) < 40


def test_a_fault_of_long_uptime_is_stopped_in_the_first_wave() -> None:
    fields = rollouts(6, World(), Release(after_s=20 * HOUR))
    assert stops(fields) == 1
    assert hurt(fields) <= 15
    assert all(field.exposed <= 0.06 for field in fields)


@pytest.mark.parametrize("devices", [200, 500, 1000])
def test_a_fault_later_than_the_soak_is_stopped_before_30_percent_are_exposed(devices: int) -> None:
    """It fires 1.3 soaks after the install: wave 2 is open by then, and wave 1, which has had it longest, shows it."""
    late = Release(after_s=1.3 * DAY)
    fields = rollouts(5, World(devices=devices), late, Handling())
    assert stops(fields) == 1
    assert all(field.exposed <= 0.3 for field in fields)


# The long run


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("row", HEALTHY_ROWS)
def test_q1_false_stops(row: str) -> None:
    fields = rollouts(RUNS, HEALTHY_ROWS[row])
    print(f"{row}: {stops(fields):.1%} at 20, {surely(fields):.1%} at 100")
    assert stops(fields) <= 0.05
    assert surely(fields) <= 0.01


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("release", "stopped", "most_hurt"),
    [(Release(ratio=3), 0.99, 30), (Release(ratio=2), 0.75, 60), (Release(after_s=20 * HOUR), 0.99, 15)],
    ids=["x 3", "x 2", "after 20 h"],
)
def test_q2_detection(release: Release, stopped: float, most_hurt: float) -> None:
    fields = rollouts(RUNS, World(revisions=FOUR), release)
    print(f"{release}: {stops(fields):.1%} stopped, {hurt(fields):.1f} hurt")
    assert stops(fields) >= stopped
    assert hurt(fields) <= most_hurt


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("row", CONFOUNDED_ROWS)
def test_q3_confounded_first_wave(row: str) -> None:
    world, handling = CONFOUNDED_ROWS[row]
    fields = rollouts(RUNS, world, HEALTHY, handling)
    print(f"{row}: {stops(fields):.1%} at 20")
    assert stops(fields) <= 0.05
    assert not any(field.comparable[0] for field in fields)


@pytest.mark.long
def test_a_million_lines_of_a_hundred_thousand_devices_fold_in_tens_of_seconds() -> None:
    chance = random.Random(1)
    names = [f"device-{i:06d}" for i in range(100_000)]
    lines: list[Line] = [Enrol(0, name, f"rev-{i % 4}") for i, name in enumerate(names)]
    lines += [Wave(0, 1), *(Draw(0, name, 1) for name in chance.sample(names, 25_000))]
    for hour in range(9):
        for i, name in enumerate(names):
            at = hour * HOUR + i * 0.036
            lines.append(crash(at, name) if chance.random() < 0.002 else Poll(at, name))
    record = [encode(line).encode() for line in (Plan(), *lines)]
    start = time.perf_counter()
    experiment = read_record(record)
    folded = time.perf_counter() - start
    experiment.interval()
    experiment.rows()
    looked = time.perf_counter() - start - folded
    print(f"{len(record):,} lines: {folded:.1f} s, a look with {len(experiment.events)} events: {looked:.2f} s")
    assert len(record) > 1_000_000
    assert folded < 60
    assert looked < 5
