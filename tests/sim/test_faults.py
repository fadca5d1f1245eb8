from fleetloop.core.clock import DAY, HOUR
from fleetloop.sim.faults import Faults, Luck, share

NAMES = [f"d{i}" for i in range(2000)]


def test_draws_lie_in_the_unit_interval_and_differ() -> None:
    shares = [share(1, name) for name in NAMES]
    assert all(0 <= s < 1 for s in shares)
    assert len(set(shares)) == len(shares)
    assert abs(sum(shares) / len(shares) - 0.5) < 0.03


def test_silences_come_at_their_rate_and_outlast_three_hours() -> None:
    luck = Luck(1, 0.0, Faults(silence=0.05))
    found = [s for name in NAMES if (s := luck.silence(name, 3))]
    assert 70 <= len(found) <= 130
    assert all(end - begin > 3 * HOUR and 3 * DAY <= begin < 4 * DAY for begin, end in found)


def test_a_silence_reaches_into_the_next_day() -> None:
    luck = Luck(1, 0.0, Faults(silence=1.0))
    begin, end = next(s for name in NAMES if (s := luck.silence(name, 0)) and s[1] > DAY + HOUR)
    name = next(n for n in NAMES if luck.silence(n, 0) == (begin, end))
    assert luck.silent(name, begin)
    assert luck.silent(name, DAY + HOUR)


def test_no_rate_no_fault() -> None:
    luck = Luck(1, 0.0, Faults())
    assert not luck.silent("d", 1.0)
    assert luck.power_cut("d", 0.0, 1e6) is None
    assert luck.broken_off("d", 1.0, 0, 100) is None
    assert not luck.lies("d")


def test_a_power_cut_comes_once_however_the_days_are_cut_up() -> None:
    luck = Luck(5, 0.0, Faults(power=1.0))
    whole = [luck.power_cut("d", DAY * i, DAY * (i + 1)) for i in range(3)]
    hourly = [cut for h in range(72) if (cut := luck.power_cut("d", h * HOUR, (h + 1) * HOUR))]
    assert hourly == whole


def test_a_broken_download_ends_between_what_is_there_and_the_end() -> None:
    luck = Luck(1, 0.0, Faults(cut=1.0))
    assert all(40 <= (luck.broken_off("d", t, 40, 100) or 0) < 100 for t in range(50))


def test_the_date_does_not_matter() -> None:
    early, late = (Luck(3, start, Faults(silence=0.5, power=0.5, cut=0.5)) for start in (0.0, 1e9))
    for name in NAMES[:50]:
        a, b = early.silence(name, 2), late.silence(name, 2)
        assert (a is None) == (b is None)
        assert a is None or b is None or abs(b[0] - a[0] - 1e9) < 1e-3
        assert early.broken_off(name, 7.0, 0, 9) == late.broken_off(name, 1e9 + 7.0, 0, 9)
