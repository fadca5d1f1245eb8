from hypothesis import given
from hypothesis import strategies as st

from fleetloop.rollouts.draw import drawn, place

FLEET = [f"cc-{i:06}" for i in range(1000)]


def test_the_draw_is_the_lowest_places() -> None:
    by_place = sorted(FLEET, key=lambda device: (place("s", "1", 2, device), device))
    assert drawn("s", "1", 2, FLEET, 50) == tuple(by_place[:50])
    assert drawn("s", "1", 2, FLEET, 900) == tuple(by_place[:900])


@given(st.sets(st.text(max_size=8)), st.integers(-1, 20), st.randoms())
def test_it_rests_on_the_set_and_not_on_its_order(candidates: set[str], n: int, chance: object) -> None:
    row = sorted(candidates)
    shuffled = list(row)
    chance.shuffle(shuffled)  # pyright: ignore
    found = drawn("seed", "7", 1, shuffled, n)
    assert found == drawn("seed", "7", 1, row, n)
    assert len(set(found)) == len(found) == max(0, min(n, len(row)))


def test_seed_rollout_wave_and_device_each_matter() -> None:
    places = {place("s", "1", 1, "d"), place("t", "1", 1, "d"), place("s", "2", 1, "d"), place("s", "1", 2, "d")}
    assert len(places | {place("s", "1", 1, "e"), place("s1", "", 1, "d"), place("s", "11", 1, "d")}) == 7


def test_it_stays_the_same_for_ever() -> None:
    assert place("seed", "3", 1, "cc-0001") == 0xA1B0F05C28C998DE


def test_places_are_even() -> None:
    """Of 1,000 devices 5 % are drawn in each of 400 waves: nobody far from 20 times, chi-square within its range."""
    counts = dict.fromkeys(FLEET, 0)
    for wave in range(400):
        for device in drawn("seed", "1", wave, FLEET, 50):
            counts[device] += 1
    chi = sum((n - 20) ** 2 / (20 * 0.95) for n in counts.values())
    assert 850 < chi < 1150
