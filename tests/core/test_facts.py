from dataclasses import dataclass

from fleetloop.core.facts import Fact, decode


@dataclass(frozen=True)
class SomethingHappened(Fact):
    device: str
    names: tuple[str, ...]


def test_a_fact_comes_back_as_it_was_stored() -> None:
    fact = SomethingHappened(5.5, "dév", ("a", "b"))
    assert decode("SomethingHappened", fact.body()) == fact


def test_kinds_are_known_by_name() -> None:
    assert Fact.kinds["SomethingHappened"] is SomethingHappened
