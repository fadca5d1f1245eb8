import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetloop.rollouts.model import Facts, Plan, Tally
from fleetloop.rollouts.plan import Ground, propose
from fleetloop.rollouts.waves import Count, booted_needed, may_hand, soaks, wave_size, wave_sizes

THIRDS = {"a": Count(300), "b": Count(126), "c": Count(75)}
PLAN = propose({}, Ground(501))


def totals(strata: dict[str, Count]) -> int:
    return sum(c.total for c in strata.values())


def test_the_demo_fleet() -> None:
    sizes = wave_sizes(PLAN, THIRDS)
    assert [sum(s.values()) for s in sizes] == [25, 100, 125, 150, 101]
    assert sizes[0] == {"a": 15, "b": 6, "c": 4}
    assert sizes[-1] == {"a": 60, "b": 26, "c": 15}


def test_fifty_devices_in_thirds() -> None:
    sizes = wave_sizes(propose({}, Ground(50)), {"a": Count(17), "b": Count(17), "c": Count(16)})
    assert [sum(s.values()) for s in sizes] == [12, 13, 12, 13]


def test_a_first_release_takes_all_in_two_waves() -> None:
    sizes = wave_sizes(propose({}, Ground(501, first=True)), THIRDS)
    assert [sum(s.values()) for s in sizes] == [125, 376, 0]


def test_one_device_of_a_small_revision_comes_early_where_the_share_allows() -> None:
    strata = {"common": Count(980), "rare": Count(10), "rarer": Count(10)}
    assert wave_size(PLAN, 1, strata) == {"common": 48, "rare": 1, "rarer": 1}


def test_a_single_device_of_its_revision_waits_for_the_remainder() -> None:
    sizes = wave_sizes(PLAN, {"a": Count(200), "lone": Count(1)})
    assert [s["lone"] for s in sizes] == [0, 0, 0, 0, 1]


def test_late_joiners_come_in_by_the_same_share() -> None:
    assert wave_size(PLAN, 2, {"a": Count(100, 5), "b": Count(100, 0)}) == {"a": 20, "b": 25}


def test_seven_per_cent_of_a_hundred_is_seven() -> None:
    plan = propose({"waves": [7, 14, 28, 29]}, Ground(100))
    assert [sum(s.values()) for s in wave_sizes(plan, {"a": Count(100)})] == [7, 7, 14, 1, 71]


def test_an_empty_selection_draws_nobody() -> None:
    assert wave_sizes(PLAN, {}) == ({}, {}, {}, {}, {})
    assert wave_size(PLAN, 1, {"a": Count(0)}) == {"a": 0}


shares = st.lists(st.integers(1, 1000), min_size=1, max_size=6, unique=True).map(
    lambda s: tuple(x / 10 for x in sorted(s))
)
fleets = st.dictionaries(st.sampled_from("abcdefgh"), st.builds(Count, st.integers(0, 200)), min_size=1)


@given(waves=shares, held=st.sampled_from([0.0, 10.0, 20.0, 33.3]), strata=fleets, joiners=st.integers(0, 20))
def test_no_wave_exceeds_its_share(
    waves: tuple[float, ...], held: float, strata: dict[str, Count], joiners: int
) -> None:
    plan = Plan(waves=waves, held_back=held)
    for number, share in enumerate(waves, 1):
        sizes = wave_size(plan, number, strata)
        strata = {key: Count(c.total, c.drawn + sizes[key]) for key, c in strata.items()}
        fleet, drawn = totals(strata), sum(c.drawn for c in strata.values())
        assert all(n >= 0 for n in sizes.values())
        assert drawn <= max(1, share * fleet / 100 + 1e-6)
        for c in strata.values():
            assert c.total - c.drawn >= held * c.total / 100 - 1e-6, "each revision keeps its held-back share"
            assert c.drawn <= share * c.total / 100 + 1 + 1e-6, "in proportion inside each revision"
    joined = {key: Count(c.total + joiners, c.drawn) for key, c in strata.items()}
    assert all(n >= 0 for n in wave_size(plan, len(waves), joined).values())


@given(waves=shares, strata=fleets)
def test_waves_and_remainder_take_everybody_once(waves: tuple[float, ...], strata: dict[str, Count]) -> None:
    sizes = wave_sizes(Plan(waves=waves), strata)
    assert {key: sum(s[key] for s in sizes) for key in strata} == {key: c.total for key, c in strata.items()}


@given(waves=shares, strata=fleets)
def test_a_wave_is_not_smaller_than_it_must_be(waves: tuple[float, ...], strata: dict[str, Count]) -> None:
    """With nobody held back the fleet is at its share but for less than one device."""
    sizes = wave_size(Plan(waves=waves, held_back=0), 1, strata)
    assert sum(sizes.values()) >= min(totals(strata), int(waves[0] * totals(strata) / 100 + 1e-9))


@pytest.mark.parametrize(
    ("tally", "starts"),
    [
        (Tally(drawn=100, booted=89, confirmed=0, settled=90, ended=1), False),
        (Tally(drawn=100, booted=90, confirmed=0, settled=91, ended=1), True),
        (Tally(drawn=100, booted=60, confirmed=0, settled=100, ended=40), True),
        (Tally(drawn=3, booted=2, confirmed=0, settled=2, ended=0), False),
        (Tally(drawn=0, booted=0, confirmed=0, settled=0, ended=0), True),
    ],
)
def test_the_soak_starts_when_enough_booted_or_nobody_is_left(tally: Tally, starts: bool) -> None:
    assert soaks(PLAN, tally) is starts


def test_ninety_per_cent_of_ten_is_nine() -> None:
    assert [booted_needed(PLAN, n) for n in (0, 1, 10, 11, 100)] == [0, 1, 9, 10, 90]


def test_handing_stays_within_the_limit() -> None:
    facts = Facts(PLAN, now=0, number=1)
    assert may_hand(facts) == 5
    assert may_hand(Facts(PLAN, now=0, number=1, in_flight=5)) == 0
    assert may_hand(Facts(PLAN, now=0, number=1, in_flight=9)) == 0
    assert may_hand(Facts(PLAN, now=0, number=1, in_flight=9, booted=40)) == 1
