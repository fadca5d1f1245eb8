import subprocess
import sys

import pytest

from fleetloop import fleet
from fleetloop.core.door import lazy


def test_a_name_is_loaded_from_its_file() -> None:
    assert lazy("fleetloop.core", {"DAY": "clock"})("DAY") == 86_400.0


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(AttributeError, match="fleetloop.core has no 'WEEK'; its front door lists DAY, HOUR"):
        lazy("fleetloop.core", {"HOUR": "clock", "DAY": "clock"})("WEEK")
    with pytest.raises(AttributeError, match="fleetloop.fleet has no 'nobody'"):
        _ = fleet.nobody  # type: ignore[attr-defined]


ROOMS = [
    "access",
    "hardware",
    "fleet",
    "releases",
    "telemetry",
    "health",
    "pipelines",
    "rollouts",
    "incidents",
    "wire",
    "sim",
    "web",
]


@pytest.mark.parametrize("room", ROOMS)
def test_a_front_door_keeps_what_it_lists(room: str) -> None:
    module = __import__(f"fleetloop.{room}", fromlist=["*"])
    missing = [name for name in module.__all__ if not hasattr(module, name)]
    assert missing == []
    assert list(module.__all__) == sorted(module.__all__, key=_ruff)


def _ruff(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions: the order ruff keeps."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def test_the_light_install_needs_no_server_library() -> None:
    blocked = ["fastapi", "sqlalchemy", "granian", "alembic", "orjson", "argon2", "jinja2", "aiohttp"]
    code = f"""
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Wall())
from fleetloop import pipelines, releases
from fleetloop.app.main import parser
releases.Manifest, releases.pack, pipelines.run
parser()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
