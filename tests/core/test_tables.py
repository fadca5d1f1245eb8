import sqlalchemy as sa

from fleetloop.app.schema import METADATA
from fleetloop.core.tables import TENANT, metadata, scoped, table, values

one = sa.Table(
    "scoped_one", sa.MetaData(), sa.Column("tenant", sa.Text), sa.Column("id", sa.Integer), sa.Column("x", sa.Text)
)
two = sa.Table("scoped_two", one.metadata, sa.Column("tenant", sa.Text), sa.Column("one", sa.Integer))
bare = sa.Table("scoped_bare", one.metadata, sa.Column("id", sa.Integer))


def text(statement: sa.Executable) -> str:
    made = scoped(statement, "T").compile(compile_kwargs={"literal_binds": True})
    return " ".join(str(made).split())


def test_every_table_of_every_room_has_a_tenant() -> None:
    assert METADATA is metadata
    assert [t.name for t in METADATA.tables.values() if "tenant" not in t.c] == []
    assert {t.info["room"] for t in METADATA.tables.values()} >= {"core", "access", "fleet", "releases", "rollouts"}


def test_an_insert_gets_its_tenant_from_the_default() -> None:
    made = table("core", "scoped_inserted", sa.Column("id", sa.Integer))
    metadata.remove(made)
    assert made.c.tenant.default is not None
    assert made.c.tenant.default.arg == TENANT


def test_select_update_delete_are_narrowed() -> None:
    assert text(sa.select(one.c.id).where(one.c.x == "a")) == (
        "SELECT scoped_one.id FROM scoped_one WHERE scoped_one.x = 'a' AND scoped_one.tenant = 'T'"
    )
    assert text(sa.update(one).values(x="b")).endswith("WHERE scoped_one.tenant = 'T'")
    assert text(sa.delete(one).where(one.c.id == 1)).endswith("WHERE scoped_one.id = 1 AND scoped_one.tenant = 'T'")


def test_both_sides_of_a_join_and_each_alias() -> None:
    joined = sa.select(one.c.id).select_from(one.join(two, two.c.one == one.c.id))
    assert text(joined).endswith("WHERE scoped_one.tenant = 'T' AND scoped_two.tenant = 'T'")
    asked = sa.select(one.c.id).join(two, two.c.one == one.c.id)
    assert text(asked).endswith("WHERE scoped_one.tenant = 'T' AND scoped_two.tenant = 'T'")
    a, b = one.alias("a"), one.alias("b")
    assert text(sa.select(a.c.id, b.c.id)).endswith("WHERE a.tenant = 'T' AND b.tenant = 'T'")


def test_queries_inside_queries() -> None:
    inside = sa.select(two.c.one).where(two.c.one == one.c.id)
    assert text(sa.select(one.c.id).where(inside.exists())).count("tenant = 'T'") == 2
    assert text(sa.select(one.c.id, inside.scalar_subquery())).count("tenant = 'T'") == 2
    assert text(sa.select(one.c.id).where(one.c.id.not_in(sa.select(two.c.one)))).count("tenant = 'T'") == 2
    assert text(sa.delete(one).where(one.c.id.in_(sa.select(two.c.one)))).count("tenant = 'T'") == 2
    assert text(sa.select(sa.select(one).subquery().c.id)).count("tenant = 'T'") == 1
    assert text(sa.insert(two).from_select(["one"], sa.select(one.c.id))).count("tenant = 'T'") == 1


def test_a_correlated_query_narrows_only_its_own_table() -> None:
    """The outer table is named inside, too; its condition belongs outside, where it is."""
    inside = sa.select(two.c.one).where(two.c.one == one.c.id).correlate(one)
    made = text(sa.select(one.c.id).where(inside.exists()))
    assert made == (
        "SELECT scoped_one.id FROM scoped_one WHERE (EXISTS (SELECT scoped_two.one FROM scoped_two "
        "WHERE scoped_two.one = scoped_one.id AND scoped_two.tenant = 'T')) AND scoped_one.tenant = 'T'"
    )


def test_the_statement_itself_stays_as_it_was() -> None:
    wanted = sa.select(one.c.id)
    before = str(wanted)
    text(wanted)
    assert str(wanted) == before
    assert text(sa.select(sa.literal(1))) == "SELECT 1 AS anon_1"
    assert "tenant" not in text(sa.select(bare.c.id))


def test_a_row_without_its_tenant() -> None:
    assert values({"tenant": "T", "id": 1}) == {"id": 1}
