"""Who may read the cache, and how old it is."""

import pytest

from penstock.errors import ErrorKind, ProviderError
from penstock_redshift.operators import RedshiftCacheCheckOperator


@pytest.fixture
def roles(cache, hook, redshift):
    """A role and a user of the warehouse ``ann`` who may read the sales there, and ``bob`` who may not; both exist in both."""
    for name in ("ann", "bob"):
        redshift.server.create_user(name, "Passw0rd-of-a-reader")
    hook.run("GRANT SELECT ON sales TO ann")
    cache.run("DROP ROLE IF EXISTS analysts; CREATE ROLE analysts")
    yield
    cache.run("DROP OWNED BY ann, bob, analysts; DROP ROLE analysts")


def check(**kwargs):
    return RedshiftCacheCheckOperator(task_id="k", **kwargs).execute({})


@pytest.mark.usefixtures("roles")
def test_a_reader_has_no_more_rights_here_than_in_the_warehouse(cache, create):
    with pytest.raises(ProviderError, match=r"the user bob may not read public.sales") as raised:
        create(readers={"bob": "bob"})
    assert raised.value.kind is ErrorKind.PERMISSION
    assert cache.get_first("SELECT to_regclass('sales')") == (None,)
    create(readers={"ann": "ann"})
    assert cache.get_first("SELECT has_table_privilege('ann', 'sales', 'SELECT')") == (True,)
    assert check()["public.sales"] >= 0


@pytest.mark.usefixtures("roles")
def test_whoever_reads_too_much_is_found_by_whatever_way_he_got_it(cache, create):
    create()
    cache.run("GRANT SELECT ON sales TO analysts; GRANT analysts TO bob")
    with pytest.raises(ProviderError, match="the role bob reads here, and the user bob may not read") as raised:
        check()
    assert raised.value.kind is ErrorKind.PERMISSION
    assert check(users={"bob": "ann"})
    assert check(check_rights=False)
    with pytest.raises(ProviderError, match="the warehouse has no user robert"):
        check(users={"bob": "robert"})


@pytest.mark.usefixtures("roles")
def test_rights_on_a_query_are_judged_by_the_tables_that_are_named(cache, create):
    query = {"table": "", "sql": "SELECT id FROM sales"}
    with pytest.raises(ProviderError, match="name them in reads"):
        create(**query, readers={"ann": "ann"})
    create(**query, reads=["public.sales"], readers={"ann": "ann"})
    assert check(names=["sales"])


def test_what_is_too_old_or_was_never_filled_fails_the_check(cache, create, refresh):
    create(fill=False)
    assert check() == {"public.sales": None}
    with pytest.raises(ProviderError, match=r"public.sales is never filled"):
        check(max_staleness_s=3600)
    refresh()
    assert 0 <= check(max_staleness_s=3600)["public.sales"] < 3600
    cache.run("UPDATE penstock_cache.relations SET as_of = as_of - interval '2 hours'")
    with pytest.raises(ProviderError, match=r"public.sales is 7\d\d\d s old"):
        check(max_staleness_s=3600)
    with pytest.raises(ProviderError, match=r"not in the cache: public.nowhere") as raised:
        check(names=["nowhere"])
    assert raised.value.kind is ErrorKind.NOT_FOUND
