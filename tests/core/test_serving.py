import pytest

from fleetloop.core import serving
from fleetloop.core.db import Database
from fleetloop.core.serving import Served


@pytest.fixture
def served(db: Database) -> Served:
    """Away from 100 to 150 and from 300 to 400."""
    made = Served()
    db.write_now(lambda tx: made.note(tx, 100.0, 150.0))
    db.write_now(lambda tx: made.note(tx, 300.0, 400.0))
    return made


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        (0, 100, 100),
        (0, 150, 100),
        (0, 200, 150),
        (120, 200, 50),
        (120, 130, 0),
        (160, 290, 130),
        (0, 500, 350),
        (200, 100, 0),
    ],
)
def test_only_served_time_counts(served: Served, start: float, end: float, seconds: float) -> None:
    assert served.between(start, end) == seconds


@pytest.mark.parametrize(
    ("start", "seconds", "due"),
    [(0, 50, 50), (0, 100, 100), (0, 101, 151), (90, 160, 300), (90, 161, 401), (500, 10, 510)],
)
def test_when_so_much_served_time_is_over(served: Served, start: float, seconds: float, due: float) -> None:
    assert served.due(start, seconds) == pytest.approx(due)
    assert served.between(start, served.due(start, seconds)) == pytest.approx(seconds)


def test_outages_are_loaded_again(db: Database, served: Served) -> None:
    again = Served()
    assert again.last_return() == float("-inf")
    db.read_now(again.load)
    assert again.last_return() == served.last_return() == 400.0
    assert again.between(0, 500) == served.between(0, 500)


def test_the_last_committed_instant(db: Database) -> None:
    assert db.read_now(serving.last) is None
    db.write_now(lambda tx: serving.keep(tx, 5.0))
    db.write_now(lambda tx: serving.keep(tx, 7.5))
    assert db.read_now(serving.last) == 7.5
