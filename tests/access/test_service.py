import pytest

from fleetloop.access import Access, Gateway, Person, Role, first_admin, service
from fleetloop.core.clock import DAY
from fleetloop.core.db import Database
from fleetloop.core.errors import ConflictError, DeniedError, InputError, LimitError, LoginError, NotFoundError

ADMIN = Person("admin", Role.ADMIN)


class Watch:
    """Real time that a test can move."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def access(db: Database, watch: Watch) -> Access:
    return Access(db, watch)


async def test_first_admin_only_once(db: Database, access: Access) -> None:
    password = await db.write(lambda tx: first_admin(tx, "admin"))
    assert password
    assert await db.write(lambda tx: first_admin(tx, "other")) is None
    token, person = await access.login("admin", password, "a")
    assert person == ADMIN
    assert await access.who(token) == ADMIN
    await access.logout(token)
    with pytest.raises(LoginError):
        await access.who(token)


async def test_a_session_ends_after_twelve_hours(access: Access, watch: Watch) -> None:
    await access.add_person(ADMIN, "ann", Role.OPERATOR, "correct horse")
    token, _ = await access.login("ann", "correct horse", "a")
    watch.at += 12 * 3600 - 1
    assert (await access.who(token)).role is Role.OPERATOR
    watch.at += 2
    with pytest.raises(LoginError):
        await access.who(token)


async def test_wrong_name_and_wrong_password_look_alike(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words, and the same work: a password is hashed for a name that nobody has, too."""
    await access.add_person(ADMIN, "ann", Role.OPERATOR, "correct horse")
    hashed: list[str] = []
    real = service._verify
    monkeypatch.setattr(service, "_verify", lambda kept, password: hashed.append(kept[:30]) or real(kept, password))
    texts: list[str] = []
    for name in ("ann", "nobody"):
        with pytest.raises(LoginError) as error:
            await access.login(name, "wrong", "address")
        texts.append(str(error.value))
    assert len(set(texts)) == 1
    assert len(hashed) == 2
    assert hashed[0] == hashed[1], "argon2's own settings, which cost the time"


async def test_guessing_is_bounded_even_for_the_right_password(access: Access, watch: Watch) -> None:
    await access.add_person(ADMIN, "ann", Role.OPERATOR, "correct horse")
    for n in range(10):
        with pytest.raises(LoginError):
            await access.login("ann", "wrong", str(n))
    with pytest.raises(LimitError, match="try again in"):
        await access.login("ann", "correct horse", "x")
    watch.at += 901
    await access.login("ann", "correct horse", "x")


@pytest.mark.parametrize("name", ["", " ann", "a\x00b", "x" * 65, "a\nb"])
async def test_names_that_will_not_do(access: Access, name: str) -> None:
    with pytest.raises(InputError, match="is no name"):
        await access.add_person(ADMIN, name, Role.VIEWER, "long enough")
    with pytest.raises(LoginError):
        await access.login(name, "whatever it is", "a")


async def test_short_password_and_taken_name(access: Access) -> None:
    with pytest.raises(InputError, match="10 to 1000 characters; this one has 5"):
        await access.add_person(ADMIN, "ann", Role.VIEWER, "short")
    await access.add_person(ADMIN, "ann", Role.VIEWER, "long enough")
    with pytest.raises(ConflictError):
        await access.add_person(ADMIN, "ann", Role.ADMIN, "long enough")


async def test_the_last_administrator_stays(access: Access) -> None:
    await access.add_person(ADMIN, "root", Role.ADMIN, "long enough")
    await access.add_person(ADMIN, "ann", Role.VIEWER, "long enough")
    with pytest.raises(ConflictError, match="last administrator"):
        await access.remove_person(ADMIN, "root")
    token, _ = await access.login("ann", "long enough", "a")
    await access.remove_person(ADMIN, "ann")
    with pytest.raises(LoginError):
        await access.who(token)
    with pytest.raises(NotFoundError):
        await access.remove_person(ADMIN, "ann")
    assert [account.name for account in await access.people()] == ["root"]


async def test_changing_the_password_ends_sessions(access: Access) -> None:
    ann = Person("ann", Role.VIEWER)
    await access.add_person(ADMIN, "ann", Role.VIEWER, "long enough")
    token, _ = await access.login("ann", "long enough", "a")
    with pytest.raises(LoginError, match="old password"):
        await access.change_password(ann, "wrong", "even longer than that", "a")
    await access.change_password(ann, "long enough", "even longer than that", "a")
    with pytest.raises(LoginError):
        await access.who(token)
    await access.login("ann", "even longer than that", "a")


async def test_api_tokens(access: Access, watch: Watch) -> None:
    await access.add_person(ADMIN, "ann", Role.APPROVER, "long enough")
    ann = Person("ann", Role.APPROVER)
    token, secret = await access.add_token(ann, "ci", Role.OPERATOR, 1)
    assert await access.who(secret) == Person("ann", Role.OPERATOR)
    assert secret not in repr(await access.tokens_of(ann))
    with pytest.raises(DeniedError):
        await access.add_token(ann, "more", Role.ADMIN, None)
    with pytest.raises(ConflictError):
        await access.add_token(ann, "ci", None, None)
    with pytest.raises(NotFoundError):
        await access.revoke_token(Person("bob", Role.VIEWER), token.id)
    watch.at += DAY
    with pytest.raises(LoginError):
        await access.who(secret)
    _, lasting = await access.add_token(ann, "lasting", None, None)
    watch.at += 1000 * DAY
    assert (await access.who(lasting)).role is Role.APPROVER
    await access.revoke_token(ADMIN, (await access.tokens_of(ann))[1].id)
    with pytest.raises(LoginError):
        await access.who(lasting)


async def test_every_act_is_one_line_and_no_secret_is_in_it(access: Access) -> None:
    await access.add_person(ADMIN, "ann", Role.ADMIN, "correct horse")
    token, secret = await access.add_token(ADMIN, "ci", None, None)
    await access.revoke_token(ADMIN, token.id)
    key = await access.add_gateway(ADMIN, Gateway("dock"))
    await access.remove_gateway(ADMIN, "dock")
    found = await access.lines(None, 100)
    assert [line.act for line in reversed(found)] == [
        "person add",
        "token add",
        "token revoke",
        "gateway add",
        "gateway remove",
    ]
    assert not any(word in repr(found) for word in ("correct horse", secret, key))
    chain = await access.chain()
    assert (chain.intact, chain.lines, chain.unsealed) == (True, 5, 0)
