import pytest
from tests.sim.conftest import Make

from fleetloop.core.clock import DAY, HOUR
from fleetloop.core.errors import InfrastructureError
from fleetloop.sim.board import Board
from fleetloop.sim.faults import Faults, Luck
from fleetloop.sim.library import Library
from fleetloop.sim.model import Population, Unit
from fleetloop.sim.record import Record

START = 1_760_000_400.0


def board(data: bytes, faults: Faults | None = None, **settings: int) -> tuple[Board, Record]:
    record = Record("cell-1", "a")
    population = Population((Unit("cell-1", "t", "a"),), {"a": ""}, START, **settings)
    return Board(population, Luck(1, START, faults or Faults()), record, Library(data)), record


def test_a_board_leaves_the_factory_running(library: Make) -> None:
    one, record = board(library("1.0"))
    assert (one.boots, one.reset, one.dark_until, one.self_test) == (1, "power", None, True)
    assert [(b.at, b.version, b.reset) for b in record.boots] == [(START, "1.0", "power")]


def test_the_code_runs_as_long_as_time_passes(library: Make) -> None:
    one, _ = board(library("1.0"))
    for hour in range(1, 5):
        one.run(START + hour * HOUR)
    assert (one.uptime_s, one.at) == (4 * HOUR, START + 4 * HOUR)


def test_fractions_of_a_second_are_not_lost(library: Make) -> None:
    one, _ = board(library("1.0"))
    for i in range(1, 101):
        one.run(START + i * 0.3)
    assert one.uptime_s in (29, 30)


def test_every_crash_within_one_contact_is_counted(library: Make) -> None:
    one, record = board(library("1.0", FAULT_AT=1000, FAULT="DIVIDE"), boot_s=30)
    one.run(START + HOUR)
    assert [(c.at - START, c.up, c.fault) for c in record.crashes] == [
        (1000, 1000, "arithmetic"),
        (2030, 1000, "arithmetic"),
        (3060, 1000, "arithmetic"),
    ]
    assert (one.crashes, one.boots, one.reset, one.uptime_s) == (3, 4, "fault", 510)
    assert len({b.id for b in record.boots}) == 4


def test_a_board_that_boots_is_dark(library: Make) -> None:
    one, _ = board(library("1.0", FAULT_AT=3590, FAULT="TRAP"), boot_s=30)
    one.run(START + HOUR)
    assert one.dark_until == START + 3620
    one.run(START + 3620)
    assert (one.dark_until, one.uptime_s) == (None, 0)


def test_a_good_version_passes_its_trial_and_stays(library: Make) -> None:
    one, record = board(library("1.0"), boot_s=30, trial_s=120)
    one.install(Library(library("2.0")), START)
    one.run(START + HOUR)
    assert [(b.at - START, b.version, b.reset) for b in record.boots][1:] == [(30, "2.0", "software")]
    one.power_cut(START + HOUR)
    one.run(START + 2 * HOUR)
    assert (one.active.version, one.reset, one.crashes) == ("2.0", "power", 0)


@pytest.mark.parametrize(
    ("macros", "reset", "crashes"),
    [
        ({"FAULT_AT": 60, "FAULT": "WILD"}, "fault", 1),
        ({"FAULT_AT": 60, "FAULT": "HANG"}, "watchdog", 1),
        ({"SELF_TEST": 0}, "trial-over", 0),
        ({"START": "CELL_REFUSED"}, "trial-over", 0),
    ],
)
def test_a_version_that_fails_its_trial_falls_back(
    library: Make, macros: dict[str, object], reset: str, crashes: int
) -> None:
    one, record = board(library("1.0"))
    one.install(Library(library("2.0", **macros)), START)
    one.run(START + HOUR)
    assert (one.active.version, one.reset, one.crashes) == ("1.0", reset, crashes)
    assert record.boots[-1].version == "1.0"


def test_a_power_cut_on_trial_falls_back(library: Make) -> None:
    one, _ = board(library("1.0"), trial_s=600)
    one.install(Library(library("2.0")), START)
    one.run(START + 300)
    assert one.active.version == "2.0"
    one.power_cut(START + 300)
    one.run(START + HOUR)
    assert (one.active.version, one.reset) == ("1.0", "power")


def test_a_crash_after_the_trial_stays_on_the_new_version(library: Make) -> None:
    one, record = board(library("1.0"))
    one.install(Library(library("2.0", FAULT_AT=1800, FAULT="TRAP")), START)
    one.run(START + HOUR)
    assert (one.active.version, one.crashes) == ("2.0", 1)
    assert [(c.version, c.up) for c in record.crashes] == [("2.0", 1800)]


def test_power_cuts_of_a_month(library: Make) -> None:
    one, record = board(library("1.0"), Faults(power=0.5))
    one.run(START + 30 * DAY)
    cuts = [b for b in record.boots if b.reset == "power"][1:]
    assert 5 <= len(cuts) <= 25
    hourly, again = board(library("1.0"), Faults(power=0.5))
    for hour in range(1, 30 * 24 + 1):
        hourly.run(START + hour * HOUR)
    assert list(again.boots) == list(record.boots)


def test_a_start_that_takes_no_time(library: Make) -> None:
    one, _ = board(library("1.0"), boot_s=0)
    one.install(Library(library("2.0")), START)
    assert one.dark_until == START
    one.run(START)
    assert (one.dark_until, one.active.version) == (None, "2.0")


def test_factory_code_that_cannot_start_is_nobodys_behaviour(library: Make) -> None:
    with pytest.raises(
        InfrastructureError, match=r"cell-1: the code of 1\.0 refuses to start, and there is no way back"
    ):
        board(library("1.0", START="CELL_REFUSED"))
