"""People, sessions and tokens in the control database. Secrets are kept as their SHA-256, passwords by argon2."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from fleetloop.access.model import Account, ApiToken, Gateway, Person, Role
from fleetloop.core.db import Reader, Tx
from fleetloop.core.errors import ConflictError, NotFoundError
from fleetloop.core.tables import table

people = table(
    "access", "people",
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "name"),
)  # fmt: skip
sessions = table(
    "access", "sessions",
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
)  # fmt: skip
api_tokens = table(
    "access", "api_tokens",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double),
)  # fmt: skip
device_tokens = table(
    "access", "device_tokens",
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.PrimaryKeyConstraint("tenant", "device"),
)  # fmt: skip
gateways = table(
    "access", "gateways",
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("product", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("tenant", "name"),
)  # fmt: skip


def create_person(tx: Tx, account: Account, password: str) -> None:
    """``password``: its argon2 hash. Raises `ConflictError` for a name that is taken."""
    if tx.first(sa.select(people.c.name).where(people.c.name == account.name)):
        raise ConflictError(f"there is a person {account.name!r} already")
    row = {"name": account.name, "role": account.role.value, "created_at": account.created_at, "password": password}
    tx.execute(sa.insert(people).values(row))


def find_password(reader: Reader, name: str) -> tuple[Person, str] | None:
    """The person and the hash of their password."""
    row = reader.first(sa.select(people).where(people.c.name == name))
    return (Person(row["name"], Role(row["role"])), row["password"]) if row else None


def set_password(tx: Tx, name: str, password: str) -> None:
    """Replace the hash; every session ends."""
    tx.execute(sa.update(people).where(people.c.name == name).values(password=password))
    tx.execute(sa.delete(sessions).where(sessions.c.person == name))


def list_people(reader: Reader) -> list[Account]:
    """Everyone, by name."""
    rows = reader.all(sa.select(people).order_by(people.c.name))
    return [Account(row["name"], Role(row["role"]), row["created_at"]) for row in rows]


def delete_person(tx: Tx, name: str) -> None:
    """With sessions and tokens. Raises `NotFoundError`, `ConflictError` for the last administrator."""
    left = {p.name: p.role for p in list_people(tx)}
    if left.pop(name, None) is None:
        raise NotFoundError(f"there is no person {name!r}")
    if Role.ADMIN not in left.values():
        raise ConflictError(f"{name!r} is the last administrator; add another one first")
    tx.execute(sa.delete(people).where(people.c.name == name))
    tx.execute(sa.delete(sessions).where(sessions.c.person == name))
    tx.execute(sa.delete(api_tokens).where(api_tokens.c.person == name))


def open_session(tx: Tx, digest: str, person: str, expires_at: float, now: float) -> None:
    """Those that are over are dropped on the way."""
    tx.execute(sa.delete(sessions).where(sessions.c.expires_at <= now))
    tx.execute(sa.insert(sessions).values(digest=digest, person=person, expires_at=expires_at))


def end_session(tx: Tx, digest: str) -> None:
    """Nothing happens if there is none."""
    tx.execute(sa.delete(sessions).where(sessions.c.digest == digest))


def find_by_session(reader: Reader, digest: str, now: float) -> Person | None:
    """Whose session this is, unless it is over."""
    joined = sa.join(sessions, people, sessions.c.person == people.c.name)
    wanted = sa.select(people.c.name, people.c.role).select_from(joined)
    row = reader.first(wanted.where(sessions.c.digest == digest, sessions.c.expires_at > now))
    return Person(row["name"], Role(row["role"])) if row else None


def find_by_token(reader: Reader, digest: str, now: float) -> Person | None:
    """Whose API token this is; its role is the lower one of the token's and the person's."""
    joined = sa.join(api_tokens, people, api_tokens.c.person == people.c.name)
    wanted = sa.select(people.c.name, people.c.role, api_tokens.c.role.label("own")).select_from(joined)
    valid = sa.or_(api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > now)
    row = reader.first(wanted.where(api_tokens.c.digest == digest, valid))
    if not row:
        return None
    role, own = Role(row["role"]), Role(row["own"])
    return Person(row["name"], own if role.covers(own) else role)


def create_token(tx: Tx, token: ApiToken, digest: str) -> None:
    """Raises `ConflictError` if the person has one of that name."""
    same = sa.and_(api_tokens.c.person == token.person, api_tokens.c.name == token.name)
    if tx.first(sa.select(api_tokens.c.id).where(same)):
        raise ConflictError(f"{token.person!r} has a token {token.name!r} already; revoke it or take another name")
    tx.execute(sa.insert(api_tokens).values(vars(token) | {"role": token.role.value, "digest": digest}))


def list_tokens(reader: Reader, person: str | None = None) -> list[ApiToken]:
    """Of one person or of all, oldest first."""
    wanted = sa.select(api_tokens).order_by(api_tokens.c.created_at, api_tokens.c.id)
    if person is not None:
        wanted = wanted.where(api_tokens.c.person == person)
    return [_token(row) for row in reader.all(wanted)]


def _token(row: Mapping[str, Any]) -> ApiToken:
    own = {k: row[k] for k in ("id", "person", "name", "created_at", "expires_at")}
    return ApiToken(role=Role(row["role"]), **own)


def get_token(reader: Reader, key: str) -> ApiToken:
    """Raises `NotFoundError`."""
    row = reader.first(sa.select(api_tokens).where(api_tokens.c.id == key))
    if not row:
        raise NotFoundError(f"there is no token {key!r}; `fleetloop token list` shows yours")
    return _token(row)


def delete_token(tx: Tx, key: str) -> None:
    """Nothing happens if there is none."""
    tx.execute(sa.delete(api_tokens).where(api_tokens.c.id == key))


def replace_device_tokens(tx: Tx, digests: Mapping[str, str]) -> None:
    """``digests``: by device; an earlier token of the same device is void."""
    delete_device_tokens(tx, list(digests))
    rows = [{"device": device, "digest": digest} for device, digest in digests.items()]
    tx.execute(sa.insert(device_tokens), rows)


def delete_device_tokens(tx: Tx, devices: Sequence[str]) -> None:
    """Nothing happens for a device without one."""
    tx.execute(sa.delete(device_tokens).where(device_tokens.c.device.in_(devices)))


def all_device_tokens(reader: Reader) -> Iterable[tuple[str, str]]:
    """(digest, device)."""
    rows = reader.all(sa.select(device_tokens.c.digest, device_tokens.c.device))
    return [(row["digest"], row["device"]) for row in rows]


def create_gateway(tx: Tx, gateway: Gateway, digest: str) -> None:
    """Raises `ConflictError` for a name that is taken."""
    if tx.first(sa.select(gateways.c.name).where(gateways.c.name == gateway.name)):
        raise ConflictError(f"there is a gateway {gateway.name!r} already; remove it to get a new token")
    tx.execute(sa.insert(gateways).values(vars(gateway) | {"digest": digest}))


def delete_gateway(tx: Tx, name: str) -> None:
    """Raises `NotFoundError`."""
    if not tx.execute(sa.delete(gateways).where(gateways.c.name == name)).rowcount:
        raise NotFoundError(f"there is no gateway {name!r}")


def all_gateways(reader: Reader) -> list[tuple[str, Gateway]]:
    """(digest, gateway), by name."""
    rows = reader.all(sa.select(gateways).order_by(gateways.c.name))
    return [(row["digest"], Gateway(row["name"], row["product"], row["revision"])) for row in rows]
