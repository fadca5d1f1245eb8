from fleetloop.rollouts.timers import Due, Timers


def popped(timers: Timers, now: float) -> list[tuple[float, str]]:
    return [(due, key) for due, _, key in timers.pop(now)]


def test_entries_come_up_once_and_in_order() -> None:
    timers = Timers()
    for due, key in ((3.0, "c"), (1.0, "a"), (2.0, "b")):
        timers.set(Due.SILENT, key, due)
    assert popped(timers, 2.0) == [(1.0, "a"), (2.0, "b")]
    assert popped(timers, 2.0) == []
    assert timers.next() == 3.0


def test_only_the_earliest_time_counts() -> None:
    timers = Timers()
    timers.set(Due.SILENT, "a", 5.0)
    timers.set(Due.SILENT, "a", 9.0)
    timers.set(Due.SILENT, "a", 2.0)
    assert popped(timers, 10.0) == [(2.0, "a")]


def test_a_cleared_entry_does_not_come_up_and_may_be_set_again() -> None:
    timers = Timers()
    timers.set(Due.DEADLINE, "a", 1.0)
    timers.clear(Due.DEADLINE, "a")
    timers.clear(Due.DEADLINE, "a")
    timers.set(Due.DEADLINE, "a", 4.0)
    assert popped(timers, 3.0) == []
    assert popped(timers, 4.0) == [(4.0, "a")]


def test_kinds_of_one_device_stand_side_by_side() -> None:
    timers = Timers()
    for kind in Due:
        timers.set(kind, "a", 1.0)
    assert {kind for _, kind, _ in timers.pop(1.0)} == set(Due)


def test_next_passes_over_what_was_cleared() -> None:
    timers = Timers()
    timers.set(Due.SILENT, "a", 1.0)
    timers.set(Due.SILENT, "b", 2.0)
    timers.clear(Due.SILENT, "a")
    assert timers.next() == 2.0
    timers.clear(Due.SILENT, "b")
    assert timers.next() == float("inf")
