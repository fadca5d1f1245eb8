import time

import pytest

from fleetloop.core.clock import RealClock, SteppedClock
from fleetloop.core.errors import ConflictError


def test_a_stepped_clock_stands_until_it_is_moved() -> None:
    clock = SteppedClock(100.0)
    clock.move(160.0)
    clock.move(160.0)
    assert clock.now() == 160.0


def test_a_stepped_clock_never_goes_back() -> None:
    clock = SteppedClock(100.0)
    with pytest.raises(ConflictError, match=r"stands at 100\.000 and never goes back; asked for 99\.000"):
        clock.move(99.0)
    assert clock.now() == 100.0


def test_a_real_clock_does_not_follow_a_machine_that_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = RealClock()
    monkeypatch.setattr(time, "time", lambda: 50.0)
    assert clock.now() == 50.0
    monkeypatch.setattr(time, "time", lambda: 40.0)
    assert clock.now() == 50.0
    monkeypatch.setattr(time, "time", lambda: 60.0)
    assert clock.now() == 60.0
