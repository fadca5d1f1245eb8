from fleetloop.core.clock import SteppedClock
from fleetloop.wire.limit import Meter


def test_a_minute_of_the_serving_clock() -> None:
    clock = SteppedClock(1_700_000_030.0)
    meter = Meter(clock, 2)
    assert [meter.take("a"), meter.take("a"), meter.take("a"), meter.take("b")] == [True, True, False, True]
    assert meter.wait_s() == 60 - 1_700_000_030 % 60
    clock.move(1_700_000_030.0 + meter.wait_s())
    assert meter.take("a")
