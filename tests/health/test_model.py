import pytest

from fleetloop.core.errors import InputError
from fleetloop.health import Plan, RecordError


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 0.0},
        {"alpha": 1.0},
        {"p0": float("nan")},
        {"p0": 1.0},
        {"window_s": -1.0},
        {"silent_s": float("inf")},
        {"hold": float("nan")},
        {"tolerated": -0.1},
    ],
)
def test_a_plan_outside_its_bounds_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Plan(**wrong)


def test_the_limit_is_one_over_alpha() -> None:
    assert Plan().limit == 20
    assert Plan(alpha=0.01).limit == 100


def test_a_record_error_names_line_expectation_and_what_came() -> None:
    error = RecordError(7, "a device", "x" * 200)
    assert str(error) == f"Line 7 of the record: expected a device, got {'x' * 77}...."
    assert (error.code, error.number) == ("bad-record", 7)
