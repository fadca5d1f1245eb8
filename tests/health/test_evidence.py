import math

import pytest

from fleetloop.health.evidence import GRID, Evidence, good_enough, install_evidence


def test_evidence_starts_at_one_and_follows_the_formula() -> None:
    evidence = Evidence()
    assert evidence.value == 1
    events = [(9, 3, True), (9, 2, False), (8, 2, True)]
    for a, b, new in events:
        evidence.add(a, b, new=new)

    def factor(ratio: float, a: int, b: int, new: bool) -> float:
        chance, before = ratio * b / (a + ratio * b), b / (a + b)
        return chance / before if new else (1 - chance) / (1 - before)

    by_hand = sum(math.prod(factor(r, *event) for event in events) for r in GRID) / len(GRID)
    assert evidence.value == pytest.approx(by_hand, rel=1e-12)
    assert (evidence.new, evidence.expected) == (2, pytest.approx(3 / 12 + 2 / 11 + 2 / 10))


def test_evidence_never_overflows() -> None:
    evidence = Evidence()
    for _ in range(2_000):
        evidence.add(1_000, 1, new=True)
    assert math.isfinite(evidence.value)
    assert math.isfinite(install_evidence(100_000, 100_000, 0.01))
    assert math.isfinite(good_enough(1.0, 1e9, 0))


def test_one_failure_as_the_first_outcome_reported_is_not_alarming_while_the_others_are_pending() -> None:
    assert install_evidence(1, 1, 0.01) > 20  # what counting only reported outcomes would show
    assert install_evidence(20, 1, 0.01) < 2
    assert install_evidence(20, 0, 0.01) < 1
    assert install_evidence(0, 0, 0.01) == 1


def test_the_guard_is_mute_where_nothing_is_worse_than_p0() -> None:
    assert install_evidence(10, 10, 0.8) == 1


@pytest.mark.parametrize(("hurt", "needs"), [(0, 3.6), (1, 6.2), (2, 8.5), (3, 10.5)])
def test_good_enough_needs_as_much_watching_as_documented(hurt: int, needs: float) -> None:
    assert good_enough(1.0, needs + 0.1, hurt) >= 20
    assert good_enough(1.0, needs - 0.1, hurt) < 20
