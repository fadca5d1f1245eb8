import pytest

from fleetloop.access import Gateway, Person, Role, Tokens
from fleetloop.core.db import Database
from fleetloop.core.errors import DeniedError
from fleetloop.fleet import Fleet, NewDevice, TokenGuard
from fleetloop.wire import Admission, Guard

ANN = Person("ann", Role.OPERATOR)


async def test_a_token_speaks_for_its_own_device_only(fleet: Fleet, tokens: Tokens) -> None:
    guard: Guard = TokenGuard(fleet, tokens)
    one, _ = await fleet.add(ANN, [NewDevice(d, "coldcell", "b") for d in ("d1", "d2")])
    assert guard.admit("d1", "TargetToken", one) is Admission.KNOWN
    for device, scheme, token in [
        ("d2", "TargetToken", one),
        ("d1", "targettoken", one),
        ("d1", "GatewayToken", one),
        ("d1", "Bearer", one),
        ("d1", "TargetToken", one[:-1]),
        ("d1", "TargetToken", ""),
        ("d1", "TargetToken", "\udcff"),
        ("nobody", "TargetToken", one),
    ]:
        assert guard.admit(device, scheme, token) is Admission.REFUSED
    await fleet.retire(ANN, "d1")
    assert guard.admit("d1", "TargetToken", one) is Admission.REFUSED


async def test_a_gateway_speaks_for_all_and_brings_new_ones(fleet: Fleet, tokens: Tokens, db: Database) -> None:
    guard = TokenGuard(fleet, tokens)
    await fleet.add(ANN, [NewDevice("d1", "coldcell", "b")])
    secret = await db.write(lambda tx: tokens.add_gateway(tx, Gateway("dock", "coldcell", "b")))
    assert guard.admit("d1", "GatewayToken", secret) is Admission.KNOWN
    assert guard.admit("new", "GatewayToken", secret) is Admission.NEW
    assert guard.admit("d1", "TargetToken", secret) is Admission.REFUSED
    await guard.register("new", secret)
    assert guard.admit("new", "GatewayToken", secret) is Admission.KNOWN
    assert (await fleet.get("new")).product == "coldcell"
    await db.write(lambda tx: tokens.remove_gateway(tx, "dock"))
    assert guard.admit("d1", "GatewayToken", secret) is Admission.REFUSED
    with pytest.raises(DeniedError):
        await guard.register("other", secret)
