from fleetloop.access import Gateway, Tokens
from fleetloop.access.tokens import digest_of
from fleetloop.core.db import Database


async def test_tokens_are_told_once_and_kept_as_digests(db: Database) -> None:
    tokens = Tokens()
    one, two = await db.write(lambda tx: tokens.issue(tx, ["d1", "d2"]))
    assert len(one) == 32
    assert tokens.devices[digest_of(one)] == "d1"
    again = Tokens()
    await again.load(db)
    assert again.devices == tokens.devices
    assert {len(digest) for digest in again.devices} == {32}
    assert one not in repr(vars(again))
    assert again.devices[digest_of(two)] == "d2"


async def test_a_new_token_voids_the_old_one(db: Database) -> None:
    tokens = Tokens()
    (old,) = await db.write(lambda tx: tokens.issue(tx, ["d1"]))
    (new,) = await db.write(lambda tx: tokens.issue(tx, ["d1"]))
    assert digest_of(old) not in tokens.devices
    assert tokens.devices[digest_of(new)] == "d1"
    await db.write(lambda tx: tokens.revoke(tx, "d1"))
    assert tokens.devices == {}


async def test_gateways(db: Database) -> None:
    tokens = Tokens()
    secret = await db.write(lambda tx: tokens.add_gateway(tx, Gateway("dock", "coldcell", "b")))
    again = Tokens()
    await again.load(db)
    assert again.gateways == {digest_of(secret): Gateway("dock", "coldcell", "b")} == tokens.gateways
    await db.write(lambda tx: tokens.remove_gateway(tx, "dock"))
    assert tokens.gateways == {}
