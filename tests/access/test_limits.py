import pytest

from fleetloop.access.limits import PER_ACCOUNT, PER_ADDRESS, WINDOW_S, Limits
from fleetloop.core.errors import LimitError


def test_an_account_has_ten_guesses_in_a_quarter_of_an_hour() -> None:
    limits = Limits()
    for n in range(PER_ACCOUNT):
        limits.begin("admin", f"10.0.0.{n}", float(n))
    with pytest.raises(LimitError, match="this account; try again in 892 s"):
        limits.begin("admin", "10.0.1.1", 9.0)
    limits.begin("admin", "10.0.1.1", WINDOW_S)
    with pytest.raises(LimitError):
        limits.begin("admin", "10.0.1.1", WINDOW_S)


def test_an_address_has_sixty_whatever_the_names() -> None:
    limits = Limits()
    for n in range(PER_ADDRESS):
        limits.begin(f"name{n}", "10.0.0.1", 0.0)
    with pytest.raises(LimitError, match="this address"):
        limits.begin("somebody", "10.0.0.1", 1.0)
    limits.begin("somebody", "10.0.0.2", 1.0)


def test_a_right_password_clears_the_account_but_not_the_address() -> None:
    limits = Limits()
    for n in range(PER_ADDRESS - 1):
        limits.begin(f"victim{n}", "10.0.0.1", 0.0)
    limits.begin("own", "10.0.0.1", 0.0)
    limits.passed("own", "10.0.0.1")
    limits.begin("next", "10.0.0.1", 0.0)
    with pytest.raises(LimitError, match="address"):
        limits.begin("next", "10.0.0.1", 0.0)


def test_memory_is_swept() -> None:
    limits = Limits()
    for n in range(12_000):
        limits.begin(f"name{n}", f"{n}", float(n))
    assert len(limits._failed) < 12_000
