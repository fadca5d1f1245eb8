import json
from pathlib import Path
from typing import Any

import pytest

from fleetloop.core.config import ConfigError
from fleetloop.sim.faults import Faults
from fleetloop.sim.library import Shelf
from fleetloop.sim.model import Limits, Population, Unit
from fleetloop.sim.population import factory, load, save

ONE = {"id": "d1", "token": "t", "revision": "a"}


def written(path: Path, **values: Any) -> Path:
    path.write_text(json.dumps({"devices": [ONE], "factory": {"a": "a.so"}} | values))
    return path


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    units = (Unit("d_1", "t1", "a", {"takes": "host-library", "a_b": "c"}), Unit("d2", "t2", "rev_b"))
    whole = Population(
        units, {"a": "a.so", "rev_b": "b.so"}, 7200.0, 9, "T", 60, 7, 1, 2, Limits(1, 2), Faults(0.1, 0.2, 0.3, 0.4)
    )
    save(whole, tmp_path / "devices.json")
    assert load(tmp_path / "devices.json") == whole
    assert (tmp_path / "devices.json").stat().st_mode & 0o777 == 0o600


def test_defaults(tmp_path: Path) -> None:
    found = load(written(tmp_path / "f.json"))
    assert (found.poll_s, found.grid_s, found.faults) == (3600, 300, Faults())


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"pol-s": 1}, "f.json, pol-s: unknown key 'pol-s'; did you mean 'poll-s'?"),
        ({"poll-s": "x"}, "f.json, poll-s: 'poll-s' is 'x'; expected a whole number"),
        ({"faults": {"silences": 1}}, "did you mean 'silence'?"),
        ({"devices": [ONE, ONE]}, "device 'd1' is there twice"),
        ({"factory": {"b": "b.so"}}, "d1 has revision 'a'; factory has libraries for b"),
        ({"grid-s": 0}, "expected grid-s of 1 or more"),
        ({"devices": [{"id": "d1", "revision": "a"}]}, "lacks 'token'"),
    ],
)
def test_errors_name_the_key(values: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as told:
        load(written(tmp_path / "f.json", **values))
    assert text in str(told.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(ConfigError, match="expected a JSON object"):
        load(tmp_path / "list.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="not JSON"):
        load(tmp_path / "bad.json")


def test_a_factory_library_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the factory library .*/a\.so cannot be read"):
        factory(load(written(tmp_path / "f.json")), tmp_path, Shelf())
