from dataclasses import replace

import pytest

from fleetloop.health import Exposure, Scheme, default_shares, foresee, smallest_ratio
from fleetloop.health.power import largest_e, needed

FLEET = Scheme({"a": 240, "b": 160, "c": 100}, (0.05, 0.25, 0.5, 0.8), 86_400, 0.01)


@pytest.mark.parametrize(
    ("share", "ratio", "sure", "events"),
    [(0.05, 3, False, 9), (0.05, 3, True, 17), (0.5, 2, False, 37), (0.8, 10, True, 38), (0.01, 5, False, 5)],
)
def test_the_planning_table(share: float, ratio: float, sure: bool, events: float) -> None:
    assert needed(share, ratio, sure=sure) == pytest.approx(events)


def test_between_the_rows_more_share_needs_more_events() -> None:
    found = [needed(share / 100, 3.0, sure=False) for share in (5, 10, 20, 30, 50, 60, 80, 90, 99)]
    assert found == sorted(found)
    assert needed(1.0, 3.0, sure=False) == float("inf")


@pytest.mark.parametrize(
    ("devices", "shares"),
    [(5, (0.25, 0.5, 1.0)), (20, (0.25, 0.5, 0.75)), (50, (0.25, 0.5, 0.75)), (51, (0.05, 0.25, 0.5, 0.8))],
)
def test_the_default_waves(devices: int, shares: tuple[float, ...]) -> None:
    assert default_shares(devices) == shares


def test_what_the_reference_fleet_will_see() -> None:
    sight = foresee(FLEET)
    assert (sight.ratio, sight.stops, sight.by_hand) == (5, True, False)
    assert 5 <= sight.hurt <= 12
    assert (sight.first_wave, sight.first_wave_needs) == (25, 40)
    assert smallest_ratio(FLEET.exposures[:2], 0.01) == 10


def test_more_soak_or_more_events_see_smaller_regressions() -> None:
    found = [foresee(replace(FLEET, soak_s=days * 86_400)).ratio or 99 for days in (0.1, 1, 3, 14, 60)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == 1.5
    assert foresee(replace(FLEET, rate=0.0)).ratio is None


def test_hurt_devices_fall_with_the_size_of_the_regression() -> None:
    assert foresee(replace(FLEET, rate=0.1)).hurt > foresee(FLEET).hurt


@pytest.mark.parametrize(("devices", "stops"), [(5, False), (6, False), (7, True), (20, True)])
def test_a_comparison_that_cannot_stop_is_known_beforehand(devices: int, stops: bool) -> None:
    scheme = replace(FLEET, devices={"a": devices}, shares=(0.25, 0.5, 0.75))
    assert foresee(scheme).stops == stops


def test_the_largest_e_is_that_of_the_best_wave() -> None:
    scheme = replace(FLEET, devices={"a": 5}, shares=(0.2, 0.4))
    assert largest_e(scheme) == pytest.approx(0.9 * 10 + 0.1)


def test_waves_without_new_or_without_held_back_devices_show_nothing() -> None:
    assert smallest_ratio([Exposure(1, 0.0, 50.0), Exposure(2, 50.0, 0.0)], 1.0) is None
    assert smallest_ratio([], 1.0) is None
