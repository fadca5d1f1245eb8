"""The verbs of access: log in and out, people, their tokens, gateways. What changes something is audited with it."""

import asyncio
import secrets
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fleetloop.access import log, store
from fleetloop.access.limits import Limits
from fleetloop.access.model import SYSTEM, Account, ApiToken, Chain, Gateway, Line, Person, Role
from fleetloop.access.tokens import Tokens, digest_of, new_token
from fleetloop.core.clock import DAY, HOUR, real_now
from fleetloop.core.db import Database, Tx
from fleetloop.core.errors import DeniedError, InputError, LoginError, NotFoundError

SESSION_S = 12 * HOUR
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000
LONGEST_NAME = 64
WRONG = "wrong name or password"
HASHES_AT_ONCE = 2
"""argon2 takes 64 MB each time; more at once would let a crowd of guesses fill memory."""

_hasher = PasswordHasher(parallelism=1)
_NOBODY = _hasher.hash(secrets.token_urlsafe())
"""Checked in place of a name that nobody has, so that both answers take the same time."""


class Access:
    """One server's people and tokens. ``tokens``: those of devices and gateways; ``now``: real time."""

    def __init__(self, db: Database, now: Callable[[], float] = real_now) -> None:
        self.tokens = Tokens()
        self._db = db
        self._now = now
        self._limits = Limits()
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)

    async def load(self) -> None:
        """Fill memory at start."""
        await self.tokens.load(self._db)

    async def login(self, name: str, password: str, address: str) -> tuple[str, Person]:
        """A session. Raises `LoginError`, the same for a wrong name; `LimitError` after too many failures."""
        self._limits.begin(name, address, self._now())
        known = name.isprintable()  # a database may refuse a NUL in a text
        found = await self._db.read(lambda reader: store.find_password(reader, name)) if known else None
        person, kept = found or (None, _NOBODY)
        if not await self._fits(kept, password) or person is None:
            raise LoginError(WRONG)
        self._limits.passed(name, address)
        token, now = new_token(), self._now()
        digest = digest_of(token).hex()
        await self._db.write(lambda tx: store.open_session(tx, digest, name, now + SESSION_S, now))
        return token, person

    async def logout(self, token: str) -> None:
        """End this session; an API token stays."""
        await self._db.write(lambda tx: store.end_session(tx, digest_of(token).hex()))

    async def who(self, token: str) -> Person:
        """Whose session or API token this is. Raises `LoginError`."""
        digest, now = digest_of(token).hex(), self._now()
        person = await self._db.read(
            lambda reader: store.find_by_session(reader, digest, now) or store.find_by_token(reader, digest, now)
        )
        if person is None:
            raise LoginError("this session or token is over or revoked; use `fleetloop login`")
        return person

    async def people(self) -> list[Account]:
        """Everyone, by name."""
        return await self._db.read(store.list_people)

    async def add_person(self, by: Person, name: str, role: Role, password: str) -> Account:
        """Raises `InputError` for a name or password that will not do, `ConflictError` for a name that is taken."""
        account = Account(_checked_name(name), role, self._now())
        kept = await self._hash(password)

        def job(tx: Tx) -> None:
            store.create_person(tx, account, kept)
            log.audit(tx, by, "person add", name, role.value)

        await self._db.write(job)
        return account

    async def remove_person(self, by: Person, name: str) -> None:
        """With sessions and tokens. Raises `NotFoundError`, `ConflictError` for the last administrator."""

        def job(tx: Tx) -> None:
            store.delete_person(tx, name)
            log.audit(tx, by, "person remove", name)

        await self._db.write(job)

    async def change_password(self, by: Person, old: str, new: str, address: str) -> None:
        """One's own; all sessions end. Raises `LoginError` for a wrong old one, `LimitError` after too many."""
        self._limits.begin(by.name, address, self._now())
        found = await self._db.read(lambda reader: store.find_password(reader, by.name))
        if not found or not await self._fits(found[1], old):
            raise LoginError("the old password is wrong")
        self._limits.passed(by.name, address)
        kept = await self._hash(new)

        def job(tx: Tx) -> None:
            store.set_password(tx, by.name, kept)
            log.audit(tx, by, "person password", by.name)

        await self._db.write(job)

    async def tokens_of(self, by: Person) -> list[ApiToken]:
        """One's own; an administrator sees all."""
        whose = None if by.role is Role.ADMIN else by.name
        return await self._db.read(lambda reader: store.list_tokens(reader, whose))

    async def add_token(self, by: Person, name: str, role: Role | None, days: float | None) -> tuple[ApiToken, str]:
        """(as listed, its secret, told once). ``role``: at most one's own, which is the default.

        ``days``: None for never. Raises `DeniedError` for a higher role.
        """
        wanted = role or by.role
        if not by.role.covers(wanted):
            raise DeniedError(f"{by.name} is {by.role.value} and cannot make a token for {wanted.value}")
        if days is not None and days <= 0:
            raise InputError(f"a token for {days} days would be over before it is used")
        now, secret = self._now(), new_token()
        over = None if days is None else now + days * DAY
        token = ApiToken(secrets.token_hex(4), by.name, _checked_name(name), wanted, now, over)

        def job(tx: Tx) -> None:
            store.create_token(tx, token, digest_of(secret).hex())
            log.audit(tx, by, "token add", token.id, f"{name}, {wanted.value}")

        await self._db.write(job)
        return token, secret

    async def revoke_token(self, by: Person, key: str) -> None:
        """One's own, or any as an administrator. Raises `NotFoundError`, also for one that is not one's own."""

        def job(tx: Tx) -> None:
            token = store.get_token(tx, key)
            if token.person != by.name and by.role is not Role.ADMIN:
                raise NotFoundError(f"there is no token {key!r}; `fleetloop token list` shows yours")
            store.delete_token(tx, key)
            log.audit(tx, by, "token revoke", key, f"{token.name} of {token.person}")

        await self._db.write(job)

    def gateways(self) -> list[Gateway]:
        """All, by name."""
        return sorted(self.tokens.gateways.values(), key=lambda gateway: gateway.name)

    async def add_gateway(self, by: Person, gateway: Gateway) -> str:
        """Its token, told once. Raises `ConflictError` for a name that is taken."""
        _checked_name(gateway.name)

        def job(tx: Tx) -> str:
            log.audit(tx, by, "gateway add", gateway.name, gateway.product)
            return self.tokens.add_gateway(tx, gateway)

        return await self._db.write(job)

    async def remove_gateway(self, by: Person, name: str) -> None:
        """Raises `NotFoundError`."""

        def job(tx: Tx) -> None:
            self.tokens.remove_gateway(tx, name)
            log.audit(tx, by, "gateway remove", name)

        await self._db.write(job)

    async def lines(self, before: int | None, most: int) -> list[Line]:
        """The audit log, newest first."""
        return await self._db.read(lambda reader: log.find_lines(reader, before, most))

    async def chain(self, noted: str = "") -> Chain:
        """Whether the audit log is as it was written, the earlier head ``noted`` included; the rest is sealed first."""
        while await self._db.write(log.seal) == log.BATCH:
            pass
        return await self._db.read(lambda reader: log.verify(reader, noted))

    def flush(self, tx: Tx) -> None:
        """Seal the lines of the audit log; every few seconds and before the end."""
        log.seal(tx)

    async def _fits(self, kept: str, password: str) -> bool:
        async with self._hashing:
            return await asyncio.to_thread(_verify, kept, password)

    async def _hash(self, password: str) -> str:
        _checked_password(password)
        async with self._hashing:
            return await asyncio.to_thread(_hasher.hash, password)


def first_admin(tx: Tx, name: str) -> str | None:
    """The password of a first administrator ``name``; None if there is anybody already. Told once."""
    if store.list_people(tx):
        return None
    password = secrets.token_urlsafe(12)
    store.create_person(tx, Account(name, Role.ADMIN, real_now()), _hasher.hash(password))
    log.audit(tx, SYSTEM, "person add", name, "first administrator")
    return password


def _verify(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password[: LONGEST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return False


def _checked_name(name: str) -> str:
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise InputError(f"{name[:80]!r} is no name; expected 1 to {LONGEST_NAME} printable characters")
    return name


def _checked_password(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        expected = f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD}"
        raise InputError(f"a password has {expected} characters; this one has {len(password)}")
