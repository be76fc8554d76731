"""Parameters of DAGs and tasks: their schemas, held against a reference, and what a run may be given."""

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.author.build.param_schema import check_params
from penstock.author.build.schema import keywords
from penstock.author.build.schema.keywords import KEYWORDS, schema_problem
from penstock.author.build.schema.malformed import INSTEAD, UNKNOWN, malformed
from penstock.errors import NotFoundError, RequestError
from penstock.model.dag import DagSpec, ParamSpec, TaskSpec
from penstock.model.patterns.construct import Construct

NODE = {"type": "object", "properties": {"next": {"$ref": "#"}, "n": {"type": "integer"}}, "required": ["n"]}
# A schema, what fits it, what does not, and what is said of the first of these.
SCHEMAS = [
    ({"type": "integer"}, [1, 2.0, -3], [1.5, True, "1", None], "should be of type integer"),
    ({"type": ["null", "string"], "minLength": 2}, [None, "ab"], ["a", 1], "should be at least 2 characters long"),
    ({"maxLength": 2}, ["ab", 123], ["abc"], "should be at most 2 characters long"),
    ({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, [0, 0.5], [-1, 1, False], "should be at least 0"),
    ({"exclusiveMinimum": 0, "maximum": 1}, [1, 0.5, "no number"], [0, 2], "should be more than 0"),
    ({"multipleOf": 0.5}, [1.5, 1, -0.5, "x"], [0.25], "should be a multiple of 0.5"),
    ({"enum": ["a", 1, [True]]}, ["a", 1.0, [True]], ["b", True, [1]], "should be one of 'a', 1, [True]"),
    ({"const": {"a": 1}}, [{"a": 1.0}], [{"a": True}, {}], "should be {'a': 1}"),
    ({"type": "string", "pattern": "^[a-z]+$"}, ["ab"], ["a1"], "should match '^[a-z]+$'"),
    ({"type": "array", "minItems": 1}, [[1]], [[], {}], "should be a list of at least 1"),
    ({"maxItems": 2}, [[1, 2]], [[1, 2, 3]], "should be a list of at most 2"),
    ({"uniqueItems": True}, [[1, True], [{"a": 1}, {"a": 2}]], [[1, 1.0]], "should hold each element once"),
    ({"items": {"type": "number"}}, [[1, 2], "x"], [[1, "a"]], "at [1] should be of type number"),
    ({"prefixItems": [{"const": 1}], "items": False}, [[1], []], [[1, 2]], "at [1] may not be there"),
    ({"contains": {"const": 1}, "maxContains": 2}, [[1, 2]], [[2], [1, 1, 1]], "should hold 1 element that fits"),
    ({"contains": {"const": 1}, "minContains": 2}, [[1, 1]], [[1]], "should hold 2 elements that fits"),
    ({"type": "object", "required": ["a", "b"]}, [{"a": 1, "b": 2}], [{"a": 1}], "should have 'b'"),
    ({"properties": {"a": {"type": "null"}}}, [{"a": None}, {"b": 1}], [{"a": 1}], "at ['a'] should be of type null"),
    ({"patternProperties": {"^x": {"const": 1}}}, [{"x1": 1, "y": 2}], [{"x": 2}], "at ['x'] should be 1"),
    (
        {"properties": {"a": True}, "patternProperties": {"^x": True}, "additionalProperties": False},
        [{"a": 1, "xy": 2}],
        [{"b": 1}],
        "at ['b'] may not be there",
    ),
    ({"propertyNames": {"maxLength": 1}}, [{"a": 1}], [{"ab": 1}], "has a name that should be at most 1"),
    ({"minProperties": 1, "maxProperties": 1}, [{"a": 1}], [{}, {"a": 1, "b": 2}], "should have at least 1 names"),
    ({"dependentRequired": {"a": ["b"]}}, [{"b": 1}, {"a": 1, "b": 1}], [{"a": 1}], "should have 'b'"),
    ({"dependentSchemas": {"a": {"maxProperties": 1}}}, [{"a": 1}], [{"a": 1, "b": 1}], "should have at most 1"),
    ({"allOf": [{"minimum": 1}, {"maximum": 2}]}, [1, 2], [3], "should be at most 2"),
    ({"anyOf": [{"type": "null"}, {"minimum": 3}]}, [None, 3], [1], "should be of type null; or should be at least 3"),
    ({"oneOf": [{"minimum": 1}, {"maximum": 2}]}, [0, 3], [1], "should fit one of the 2 schemas of `oneOf`, and fits"),
    ({"not": {"type": "null"}}, [1], [None], "should not fit the schema of `not`"),
    (
        {"if": {"type": "string"}, "then": {"minLength": 1}, "else": {"minimum": 1}},
        ["a", 1],
        ["", 0],
        "should be at least 1 characters long",
    ),
    (NODE, [{"n": 1, "next": {"n": 2}}], [{"n": 1, "next": {"n": "x"}}], "at ['next']['n'] should be of type integer"),
    ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}}, [1], [2], "should be 1"),
]


@pytest.mark.parametrize(("schema", "fit", "unfit", "told"), SCHEMAS, ids=lambda each: str(each)[:40])
def test_a_value_is_checked_by_its_schema_as_the_reference_does(schema, fit, unfit, told):
    reference = jsonschema.Draft202012Validator(schema)
    assert malformed(schema) == ""
    assert {schema_problem(schema, value) for value in fit} == {""}
    assert all(map(reference.is_valid, fit))
    assert all(schema_problem(schema, value) for value in unfit)
    assert not any(map(reference.is_valid, unfit))
    assert schema_problem(schema, unfit[0]).startswith(told)


def test_a_multiple_is_one_as_it_is_written():
    assert schema_problem({"multipleOf": 0.1}, 0.3) == ""  # in binary it is none


def test_every_keyword_is_in_the_table_above():
    assert set().union(*(schema for schema, _, _, _ in SCHEMAS)) >= KEYWORDS.keys() - {"format"}


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from(["", "a", "ab"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
KINDS = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])


def _schemas(inner):
    parts, named = st.lists(inner, min_size=1, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    some = {
        "type": KINDS | st.lists(KINDS, min_size=1, max_size=2, unique=True),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        **dict.fromkeys(("minimum", "exclusiveMaximum"), st.integers(-2, 2)),
        **dict.fromkeys(("maxLength", "minItems", "minContains", "maxContains", "maxProperties"), st.integers(0, 2)),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "uniqueItems": st.booleans(),
        **dict.fromkeys(("items", "contains", "additionalProperties", "not", "if", "then", "else"), inner),
        **dict.fromkeys(("prefixItems", "allOf", "anyOf", "oneOf"), parts),
        **dict.fromkeys(("properties", "patternProperties", "dependentSchemas"), named),
        "propertyNames": inner,
        "required": st.lists(st.sampled_from("ab"), max_size=2, unique=True),
    }
    return st.fixed_dictionaries({}, optional=some).map(lambda each: dict(list(each.items())[:4]))


@given(st.recursive(st.booleans(), _schemas, max_leaves=8).filter(lambda each: isinstance(each, dict)), VALUES)
def test_any_schema_means_what_the_reference_says(schema, value):
    assert malformed(schema) == ""
    assert (schema_problem(schema, value) == "") == jsonschema.Draft202012Validator(schema).is_valid(value)


FORMATS = [
    ("date", ["2026-01-31"], ["20260131", "2026-02-30", "x"]),
    ("date-time", ["2026-01-31T06:00:00Z", "2026-01-31T06:00:00+01:00"], ["31.1.2026"]),
    ("duration", ["PT15M", "P1DT2H", "P2W"], ["15 minutes", "P", "PT"]),
    ("email", ["a@b"], ["a"]),
    ("ipv4", ["10.0.0.1"], ["10.0.0"]),
    ("ipv6", ["::1"], ["1"]),
    ("regex", ["[a-z]"], ["("]),
    ("time", ["06:00:00", "06:00:00+01:00"], ["6", "25:00:00"]),
    ("uuid", ["5e0d2a3c-8f7c-4a7e-9d3b-0d2f6f0f8f11"], ["x"]),
    ("multiline", ["for people"], []),
]


@pytest.mark.parametrize(("name", "fit", "unfit"), FORMATS)
def test_a_text_has_the_format_that_its_schema_names(name, fit, unfit):
    assert {schema_problem({"format": name}, each) for each in (*fit, 1, None)} == {""}
    assert all("should be a" in schema_problem({"format": name}, each) for each in unfit)


WRONG = [
    ({"type": "whole"}, "type is 'whole'; write one of array, boolean"),
    ({"type": []}, "type is []"),
    ({"pattern": "("}, "pattern is '(', which is no regular expression: missing ), unterminated"),
    ({"pattern": "^(?!test)"}, "pattern is '^(?!test)', which looks ahead, as (?!...) does; write allOf with the rest"),
    ({"patternProperties": {"(?:a{1,1000}){1,1000}": True}}, "is too large: with each repeat written out it has more"),
    ({"enum": "ab"}, "enum is 'ab'; write a list of values"),
    ({"minimum": "1"}, "minimum is '1'; write a number"),
    ({"minLength": -1}, "minLength is -1; write a whole number of 0 or more"),
    ({"multipleOf": 0}, "multipleOf is 0; write a number above 0"),
    ({"items": [{"type": "null"}]}, "what the first elements are stands in prefixItems"),
    ({"properties": {"a": {"type": 1}}}, "type is 1"),
    ({"properties": {"a": "text"}}, "a schema is 'text'"),
    ({"anyOf": []}, "anyOf is []; write a list of schemas"),
    ({"$ref": "https://a/b"}, "Nothing is fetched"),
    ({"$ref": "#/$defs/a"}, "there is no such schema in this one"),
    ({"$ref": "#"}, "which leads back to itself"),
    ({"dependentRequired": {"a": "b"}}, "a list of names for each name"),
    *(({name: {}}, f"{name} is not checked here; {UNKNOWN[name]}") for name in ("$dynamicRef", "unevaluatedItems")),
]


@pytest.mark.parametrize(("schema", "told"), WRONG, ids=lambda each: str(each)[:40])
def test_a_schema_that_is_wrong_is_refused_where_it_is_written(schema, told):
    assert told in malformed(schema)


def test_a_schema_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(keywords, "MOST_STEPS", 10_000)
    doubling = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}
    assert malformed(doubling) == ""
    assert "more than 10,000 steps" in schema_problem(doubling, 1)


HELD = [
    ({"pattern": "^(a+)+$"}, "a" * 5_000 + "!", "should match '^(a+)+$'"),
    ({"patternProperties": {"^(a+)+$": False}}, {"a" * 1_000 + "!": 1}, ""),
    ({"additionalProperties": False, "patternProperties": {"^(a+)+$": True}}, {"a" * 99 + "!": 1}, "may not be there"),
    ({"propertyNames": {"pattern": "^(a+)+$"}}, {"a" * 1_000 + "!": 1}, "has a name that should match"),
    ({"format": "regex"}, "(" * 9_000, "should be a regular expression"),
    ({"pattern": "[a-z]{99}1"}, "a" * 50_000, "takes more than 100,000 steps"),
    ({"items": {"enum": [*range(2_000)]}}, [-1.5 for _ in range(99)], "at [0] should be one of"),
    ({"items": {"enum": [*range(2_000)]}}, [1_999 for _ in range(99)], "takes more than 100,000 steps"),
    (
        {"items": {"properties": dict.fromkeys(map(str, range(2_000)), True)}},
        [{} for _ in range(99)],
        "more than 100,000",
    ),
    ({"anyOf": [{"uniqueItems": True}] * 99}, [1] * 2_000, "takes more than 100,000 steps"),
]


@pytest.mark.parametrize(
    ("schema", "value", "told"), HELD, ids=[f"{next(iter(each[0]))}-{n}" for n, each in enumerate(HELD)]
)
def test_no_value_holds_whoever_checks_it(schema, value, told, monkeypatch):
    monkeypatch.setattr(keywords, "MOST_STEPS", 100_000)
    assert malformed(schema) == ""
    found = schema_problem(schema, value)
    assert told in found
    assert bool(told) == bool(found)


def test_a_pattern_that_was_stored_and_is_refused_by_now_refuses_its_value():
    assert (
        schema_problem({"pattern": "^(?!test)"}, "x") == "is described by a pattern that looks ahead, as (?!...) does"
    )


def test_what_to_write_instead_is_said_of_every_construct():
    assert INSTEAD.keys() == {*Construct}


def test_a_parameter_and_its_schema_stand_in_the_dag(spec, complained):
    dag = spec("""
        params = {"n": Param(5, "How many.", type="integer", title="N"), "m": Param(type="string", description_md="*M*")}
        with DAG("d", params=params):
            EmptyOperator(task_id="t", params={"n": 7, "own": Param(None, type=["null", "string"])})
        """)
    assert dag.params == {
        "n": ParamSpec(5, "How many.", {"type": "integer", "title": "N"}),
        "m": ParamSpec(None, "*M*", {"type": "string"}, required=True),
    }
    assert dag.tasks[0].params == {"n": ParamSpec(7), "own": ParamSpec(None, "", {"type": ["null", "string"]})}
    complained(
        """
        DAG("a", params={"n": Param(0, minimum=1)})
        DAG("b", params={"n": Param(0, type="whole"), "p": Param("a", pattern="^.(?=c)")})
        with DAG("c", schedule="@daily", params={"n": Param(type="string"), "q": Param(1, enum=[*range(20_000)])}) as c:
            EmptyOperator(task_id="t", params={"n": object(), "m": Param(1, type="string")})
            u = EmptyOperator(task_id="u", params=[1])
            EmptyOperator(task_id="v", params={"n": u.output})
        """,
        {
            1: ["the parameter 'n' should be at least 1, and its default is 0."],
            2: [
                "the parameter 'n' has a schema that cannot be read: type is 'whole'",
                "the parameter 'p' has a schema that cannot be read: pattern is '^.(?=c)', which looks ahead",
            ],
            3: [
                "the parameter 'n' has no default, and runs of the schedule are given no values",
                "the parameter 'q' has a schema of 108,900 bytes, and 65,536 are the most",
            ],
            4: ["task 't': the parameter 'n' holds a builtins.object", "'m' should be of type string"],
            5: ["task 'u': params is [1]; write a dict"],
            6: ["the parameter 'n' holds a value of another task"],
        },
    )


def test_an_operator_s_own_argument_of_the_name_is_its_own_affair(spec, tried, dag_of):
    text = """
        class Query(Operator):
            def __init__(self, params, **kwargs):
                super().__init__(**kwargs)
                self.params = params
            def execute(self, context):
                return [self.params, context["params"]]
        with DAG("d", params={"x": 1}):
            Query(task_id="t", params=[1, 2])
        """
    assert spec(text).tasks[0].params == {}
    assert dag_of(text).get_task("t").params == [1, 2]


TWO = DagSpec(
    "d",
    "d.py",
    params={
        "n": ParamSpec(1, schema={"type": "integer"}),
        "m": ParamSpec(None, schema={"minLength": 2}, required=True),
    },
    tasks=(TaskSpec("t", params={"n": ParamSpec(5, schema={"maximum": 9}), "own": ParamSpec("x")}),),
)
REFUSED = [
    ({}, RequestError, "the param 'm' of DAG 'd' has no default, and no value was given"),
    ({"m": "a"}, RequestError, "the param 'm' of DAG 'd' should be at least 2 characters long, and 'a' was given"),
    ({"m": "ab", "n": 10}, RequestError, "the param 'n' of task 't' of DAG 'd' should be at most 9, and 10 was given"),
    ({"m": "ab", "onw": 1}, NotFoundError, "no param of DAG 'd' is named 'onw'. Did you mean 'own'"),
    ({"m": "a", "n": "x"}, RequestError, "should be of type integer, and 'x' was given.\nthe param 'm'"),
]


@pytest.mark.parametrize(("conf", "kind", "told"), REFUSED, ids=str)
def test_what_a_run_is_given_is_checked_before_there_is_one(conf, kind, told):
    check_params(TWO, {"m": "ab", "n": 3, "own": 1})
    with pytest.raises(kind) as caught:
        check_params(TWO, conf)
    assert told in str(caught.value)


def test_a_task_sees_its_own_parameters_before_the_dag_s_and_conf_before_both():
    from penstock import DAG, BashOperator, task  # noqa: PLC0415 - the names of this test alone
    from penstock.testing import run_dag  # noqa: PLC0415 - as above

    with DAG("d", params={"a": "dag", "b": "dag", "c": "dag"}, render_template_as_native_obj=True) as dag:

        @task
        def typed(given):
            return given

        typed("{{ [params.a] }}")

        @task(params={"b": "task", "c": "task", "d": "task"})
        def seen(params=None):
            return params

        seen()
        BashOperator(task_id="shell", bash_command="echo {{ params.b }} {{ params.c }}", params={"b": "task"})
    run = run_dag(dag, conf={"c": "conf"}).check()
    assert run.value("seen") == {"a": "dag", "b": "task", "c": "conf", "d": "task"}
    assert run.value("shell") == "task conf"
    assert run.value("typed") == ["dag"]
