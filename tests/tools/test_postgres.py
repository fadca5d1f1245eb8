"""`tools/postgres` with the real server."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

TOOL = Path(__file__).parents[2] / "tools" / "postgres"
MISSING = subprocess.run([sys.executable, TOOL, "--where"], capture_output=True, check=False).returncode != 0
WORD = "FLEETLOOP_TEST_DATABASE"

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(MISSING, reason="postgresql not installed (apt-get install postgresql-15)"),
]


def rows(url: str) -> str:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return connection.execute(sa.text("show data_directory")).scalar_one()


def test_it_is_up_until_told_to_end(tmp_path: Path) -> None:
    env = os.environ | {"TMPDIR": "/tmp"}
    with subprocess.Popen([sys.executable, TOOL], stdout=subprocess.PIPE, text=True, env=env) as tool:
        assert tool.stdout
        name, _, url = tool.stdout.readline().strip().partition("=")
        assert name == WORD
        folder = Path(rows(url)).parent
        with pytest.raises(sa.exc.OperationalError, match="password authentication failed"):
            rows(str(sa.make_url(url).set(password="guess").render_as_string(hide_password=False)))
        tool.send_signal(signal.SIGTERM)
        assert tool.wait(30) == 128 + signal.SIGTERM
    assert not folder.exists()
    with pytest.raises(sa.exc.OperationalError):
        rows(url)


def test_the_commands_exit_status_is_its_own() -> None:
    program = f"import os, sys; sys.exit(7 if os.environ[{WORD!r}].startswith('postgresql+psycopg://') else 1)"
    assert subprocess.run([sys.executable, TOOL, sys.executable, "-c", program], check=False).returncode == 7
