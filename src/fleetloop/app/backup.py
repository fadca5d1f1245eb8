"""Backup and restore: the database and every artifact in one tar file, taken while the server runs."""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import URL, make_url

from fleetloop.app.lock import alone
from fleetloop.app.settings import ServerSettings
from fleetloop.core.errors import ConflictError, InfrastructureError, InputError

DATABASE, DUMP, ABOUT = "fleetloop.db", "fleetloop.sql", "about.json"


class BadBackupError(InputError):
    """This is not a backup of ours."""

    code = "bad-backup"


def save(settings: ServerSettings, into: Path) -> Path:
    """Write a backup; a folder gets a dated name. Artifacts are never changed, so they are read as they lie."""
    target = into / f"fleetloop-{time.strftime('%Y%m%d-%H%M%S')}.tar" if into.is_dir() else into
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        part = Path(folder)
        copied = copy_database(settings, part)
        (part / ABOUT).write_text(json.dumps({"fleetloop": 1, "database": copied.name, "made_at": time.time()}))
        with tarfile.open(part / "backup.tar", "w") as tar:
            tar.add(part / ABOUT, ABOUT)
            tar.add(copied, copied.name)
            artifacts = Path(settings.dir, "artifacts")
            if artifacts.is_dir():
                tar.add(artifacts, "artifacts", filter=_whole)
        (part / "backup.tar").replace(target)
    return target


def _whole(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "incoming" in Path(info.name).parts else info


def copy_database(settings: ServerSettings, folder: Path) -> Path:
    """A consistent copy of the database, while others write to it."""
    if not settings.database:
        source = sqlite3.connect(Path(settings.dir, DATABASE))
        target = sqlite3.connect(folder / DATABASE)
        with target:
            source.backup(target)
        source.close()
        target.close()
        return folder / DATABASE
    address, secret = libpq(settings.database)
    _run(["pg_dump", "--clean", "--if-exists", "--no-owner", "--file", str(folder / DUMP), address], secret)
    return folder / DUMP


def libpq(database: str) -> tuple[str, dict[str, str]]:
    """The address for PostgreSQL's own programs and, apart, the password: everybody here can read a command line."""
    url = make_url(database)
    asked = url.query.get("password", ())
    password = url.password or (asked if isinstance(asked, str) else "".join(asked[-1:]))
    query = url.difference_update_query(["password"]).query
    bare = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    return bare.render_as_string(hide_password=False), {"PGPASSWORD": password} if password else {}


def load(settings: ServerSettings, source: Path, *, force: bool = False) -> Path | None:
    """Put a backup in place of what is there, which is kept beside it: the path returned.

    Raises `ConflictError` while a server runs there. After a restore nothing is offered for one poll interval: the
    clock's gap sees to that.
    """
    here = Path(settings.dir).absolute()
    there = here.exists() and any(here.iterdir())
    if there and not force:
        raise ConflictError(f"{here} is not empty; stop the server and add --yes to put the backup in its place")
    with alone(here) if there else contextlib.nullcontext():
        try:
            with tempfile.TemporaryDirectory(dir=here.parent) as folder, tarfile.open(source) as tar:
                _unpack(tar, Path(folder))
                return _place(settings, Path(folder))
        except (tarfile.TarError, OSError, KeyError, ValueError) as e:
            raise BadBackupError(f"{source} is not a backup that `fleetloop backup` made: {_why(e)}") from e


def _why(error: Exception) -> str:
    """In one sentence: `tarfile` tells of each form of compression that it tried."""
    match error:
        case tarfile.TarError():
            return "it is no tar file, or it was cut short"
        case FileNotFoundError():
            return f"there is no {Path(str(error.filename)).name}"
        case OSError():
            return error.strerror or str(error)
        case _:
            return f"its {ABOUT} is not what it writes"


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """What `tarfile`'s own filter does, which Debian 12's Python has not: files and folders, nothing outside."""
    for member in tar:
        path = folder / member.name
        if not path.resolve().is_relative_to(folder.resolve()) or not (member.isdir() or member.isfile()):
            raise BadBackupError(f"the backup holds {member.name!r}, which is no file or lies outside of it")
        if content := tar.extractfile(member):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file)
            path.chmod(member.mode & 0o777)
        else:
            path.mkdir(parents=True, exist_ok=True)


def _place(settings: ServerSettings, part: Path) -> Path | None:
    """Returns where that is which was there."""
    about = json.loads((part / ABOUT).read_text())
    name = about["database"]
    if (name == DUMP) != bool(settings.database):
        raise BadBackupError(f"the backup holds {name}; it needs --database to name the same kind of database")
    if not (part / name).is_file():
        raise BadBackupError(f"the backup says that it holds {name}, and does not: it was cut short")
    here = Path(settings.dir).absolute()
    aside = here.with_name(f"{here.name}-before-restore-{int(time.time())}") if here.exists() else None
    if aside:
        here.replace(aside)
    here.mkdir(parents=True)
    if (part / "artifacts").is_dir():
        shutil.move(part / "artifacts", here / "artifacts")
    if name == DATABASE:
        shutil.move(part / DATABASE, here / DATABASE)
    else:
        address, secret = libpq(settings.database)
        _run(["psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", str(part / DUMP), address], secret)
    return aside


def _run(command: list[str], secret: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            [*command, "--no-password"], env={**os.environ, **secret}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as e:
        raise InfrastructureError(f"{command[0]} is missing; install it: apt-get install postgresql-client") from e
    if done.returncode:
        raise InfrastructureError(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
