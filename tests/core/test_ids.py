from fleetloop.core.ids import new_id


def test_ids_are_sixteen_digits_and_nobodys_twice() -> None:
    made = {new_id() for _ in range(1000)}
    assert len(made) == 1000
    assert {len(one) for one in made} == {16}
    assert set("".join(made)) <= set("0123456789abcdef")
