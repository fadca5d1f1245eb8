import json
import os
import tarfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from fleetloop.app.backup import BadBackupError, load, save
from fleetloop.app.lock import alone
from fleetloop.app.schema import METADATA
from fleetloop.app.settings import ServerSettings
from fleetloop.core import serving
from fleetloop.core.db import Database
from fleetloop.core.errors import ConflictError


def server(folder: Path) -> ServerSettings:
    return ServerSettings(dir=str(folder))


@pytest.fixture
def there(tmp_path: Path) -> ServerSettings:
    """A server that served until 7 and keeps one artifact and one half upload."""
    settings = server(tmp_path / "data")
    db = Database(settings.url)
    METADATA.create_all(db.engine)
    db.write_now(lambda tx: serving.keep(tx, 7.0))
    db.close()
    for path in ("artifacts/ab/abcd", "artifacts/incoming/half/x"):
        (tmp_path / "data" / path).parent.mkdir(parents=True)
        (tmp_path / "data" / path).write_text(path)
    return settings


def last(settings: ServerSettings) -> float | None:
    db = Database(settings.url)
    found = db.read_now(serving.last)
    db.close()
    return found


def test_what_is_saved_can_be_put_back(there: ServerSettings, tmp_path: Path) -> None:
    saved = save(there, tmp_path / "one.tar")
    with tarfile.open(saved) as tar:
        assert not [n for n in tar.getnames() if "incoming" in n]
        about = tar.extractfile("about.json")
        assert about
        assert json.load(about)["database"] == "fleetloop.db"
    fresh = server(tmp_path / "fresh")
    load(fresh, saved)
    assert last(fresh) == 7.0
    assert (tmp_path / "fresh/artifacts/ab/abcd").read_text() == "artifacts/ab/abcd"


def test_a_backup_is_taken_while_others_write(there: ServerSettings, tmp_path: Path) -> None:
    engine = sa.create_engine(there.url)
    with engine.connect() as connection:
        connection.execute(sa.text("update served set at = 8"))
        saved = save(there, tmp_path / "one.tar")
        connection.commit()
    engine.dispose()
    load(server(tmp_path / "fresh"), saved)
    assert last(server(tmp_path / "fresh")) == 7.0
    assert last(there) == 8.0


def test_a_folder_gets_a_dated_name_and_nothing_else(there: ServerSettings, tmp_path: Path) -> None:
    (tmp_path / "backups").mkdir()
    saved = save(there, tmp_path / "backups")
    assert saved.name.startswith("fleetloop-2")
    assert list((tmp_path / "backups").iterdir()) == [saved]


def test_what_is_there_is_kept_beside(there: ServerSettings, tmp_path: Path) -> None:
    saved = save(there, tmp_path / "one.tar")
    db = Database(there.url)
    db.write_now(lambda tx: serving.keep(tx, 9.0))
    db.close()
    with pytest.raises(ConflictError, match="is not empty; stop the server and add --yes"):
        load(there, saved)
    assert last(there) == 9.0
    kept = load(there, saved, force=True)
    assert last(there) == 7.0
    assert [kept] == list(tmp_path.glob("data-before-restore-*"))
    assert kept
    assert last(server(kept)) == 9.0


def test_a_running_server_keeps_its_folder(there: ServerSettings, tmp_path: Path) -> None:
    saved = save(there, tmp_path / "one.tar")
    db = Database(there.url)
    db.write_now(lambda tx: serving.keep(tx, 9.0))
    db.close()
    with alone(Path(there.dir)):
        with pytest.raises(ConflictError, match="another server runs on"):
            load(there, saved, force=True)
        save(there, tmp_path / "two.tar")
    assert last(there) == 9.0
    load(there, saved, force=True)
    assert last(there) == 7.0


def bad(folder: Path, **members: str) -> Path:
    path = folder / "bad.tar"
    with tarfile.open(path, "w") as tar:
        for name, text in members.items():
            (folder / name).write_text(text)
            tar.add(folder / name, name.replace("_", "."))
    return path


def test_what_is_no_backup_changes_nothing(there: ServerSettings, tmp_path: Path) -> None:
    (tmp_path / "nonsense").write_text("nonsense")
    wrong = [tmp_path / "nonsense", tmp_path / "none.tar", bad(tmp_path, other="x"), bad(tmp_path, about_json="{}")]
    for path in wrong:
        with pytest.raises(BadBackupError, match=r"^[^\n]* is not a backup that `fleetloop backup` made: [^\n]*$"):
            load(there, path, force=True)
    assert last(there) == 7.0
    other_kind = bad(tmp_path, about_json=json.dumps({"database": "fleetloop.sql"}))
    with pytest.raises(BadBackupError, match="it needs --database to name the same kind"):
        load(there, other_kind, force=True)
    assert last(there) == 7.0


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside-of-fleetloop", "link"])
def test_nothing_is_written_outside(there: ServerSettings, tmp_path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    if name == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        tar.addfile(member)
    with pytest.raises(BadBackupError, match="which is no file or lies outside"):
        load(there, tmp_path / "evil.tar", force=True)
    assert not (tmp_path / "outside").exists()
    assert last(there) == 7.0


def test_half_a_backup_does_not_put_aside_what_is_there(there: ServerSettings, tmp_path: Path) -> None:
    """It says that it holds a database, and does not."""
    half = bad(tmp_path, about_json=json.dumps({"database": "fleetloop.db"}))
    with pytest.raises(BadBackupError):
        load(there, half, force=True)
    assert last(there) == 7.0


SPY = '#!/bin/sh\n{ printf "%s\\n" "$0" "$@"; echo "PGPASSWORD=$PGPASSWORD"; } >> "$SPY_LOG"\n[ "$4" = --file ] && : > "$5"\nexit 0\n'


@pytest.mark.parametrize("address", ["u:hid%40den@db:5432/x", "u@db:5432/x?password=hid%40den"])
def test_the_databases_password_is_on_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    for name in ("pg_dump", "psql"):
        (tmp_path / name).write_text(SPY)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("SPY_LOG", str(tmp_path / "log"))
    settings = ServerSettings(dir=str(tmp_path / "data"), database=f"postgresql+psycopg://{address}")
    load(settings, save(settings, tmp_path / "one.tar"))
    said = (tmp_path / "log").read_text().splitlines()
    assert [line for line in said if "@" in line] == [*["postgresql://u@db:5432/x", "PGPASSWORD=hid@den"] * 2]
    assert {Path(line).name for line in said} >= {"pg_dump", "psql"}
