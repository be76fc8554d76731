"""Large values of tasks: put into the object store by the try that leaves them, read by the tries that need them."""

import msgspec
import pytest

from penstock.execute.offload import PART_BYTES
from penstock.model.attempt import Gathered, MappedElement, TryInputs
from penstock.model.dag import SensorPolicy
from penstock.model.state import Outcome
from penstock.model.values.value import TAG, decode, elements
from penstock.spec.executor import Offload, SensorWait
from penstock_testkit.disk import small_disk

TASKS = """
import dataclasses
@dataclasses.dataclass
class Sheet:
    name: str
    cells: object
@task
def sheet():
    import numpy
    return Sheet("s", numpy.arange(SIZE))
@task
def last(sheet): return [type(sheet).__name__, sheet.name, int(sheet.cells[-1]), isinstance(sheet, Sheet)]
last(sheet())
@task
def steps(): return [len(step("big", lambda: "x" * SIZE)), step("process", os.getpid)]
steps()
@task
def text(n): return "x" * n
@task
def rows(n, size): return [{"n": i, "t": "x" * size} for i in range(n)]
@task
def named(n, size): return {f"k{i}": "x" * size for i in range(n)}
@task
def pair(size): return ("x" * size, 1)
@task
def count(value): return [type(value).__name__, len(value)]
@task
def total(values): return sum(len(each) for each in values)
@task
def one(row): return [type(row).__name__, row["n"] if isinstance(row, dict) else row[0]]
@task
def pulls(): return len(get_current_context()["ti"].xcom_pull("text"))
t, r, n, p = text(SIZE), rows(COUNT, SIZE), named(COUNT, SIZE), pair(SIZE)
count.override(task_id="count_text")(t)
count.override(task_id="count_rows")(r)
count.override(task_id="count_named")(n)
count.override(task_id="count_pair")(p)
one.expand(row=r)
one.override(task_id="one_named").expand(row=n)
many = text.override(task_id="many").expand(n=[1, 2])
total(many)
pulls()
class Found(Sensor):
    def poke(self, context): return PokeResult(True, "y" * SIZE)
Found(task_id="found")
"""


@pytest.fixture
def written(bench, tmp_path):
    """Write the DAG file; returns what tries are given to offload by."""

    def write(size, count=2, threshold=65536):
        bench.write(TASKS.replace("SIZE", str(size)).replace("COUNT", str(count)))
        return {"offload": Offload(f"{(tmp_path / 'xcom').as_uri()}/1-now/", "", threshold)}

    return write


def values(**left):
    return TryInputs({task_id: {"return_value": json} for task_id, json in left.items()})


def element(json, length):
    return TryInputs(elements={"row": MappedElement(json, length=length)})


def left(finished):
    assert finished.outcome is Outcome.SUCCESS, finished.error
    return finished.xcoms["return_value"]


def objects(tmp_path):
    return sorted(path for path in (tmp_path / "xcom").rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("size", "offloads"), [(1, False), (65534, False), (65535, True), (1 << 20, True), (20 << 20, True)], ids=str
)
def test_a_value_travels_or_lies_in_the_store_by_its_length(bench, written, tmp_path, size, offloads):
    more = written(size)
    value = left(bench.run("text", **more))
    assert (len(value.json) < 1000) == (offloads or size == 1)
    assert bool(objects(tmp_path)) == offloads
    assert left(bench.run("count_text", inputs=values(text=value.json), **more)).json == (b'["str",%d]' % size)


def test_the_result_of_work_that_is_done_waits_for_room_on_a_disk_that_is_full(bench, written, tmp_path):
    more = written(300_000)
    (tmp_path / "xcom").mkdir()
    with small_disk(tmp_path / "xcom", 1 << 20) as disk:
        disk.leave(100_000)
        [request] = bench.submit("text", **more)
        bench.until(lambda: "its result is stored once there is room" in bench.log(request))
        disk.empty()
        value = left(bench.wait(request)[0])
        assert left(bench.run("count_text", inputs=values(text=value.json), **more)).json == b'["str",300000]'


@pytest.mark.parametrize(
    ("task_id", "form", "length"), [("rows", "list", 5), ("named", "dict", 5), ("pair", "tuple", 2)]
)
def test_a_value_with_elements_comes_back_as_what_it_was_and_keeps_its_length(bench, written, task_id, form, length):
    more = written(700_000, 5)
    value = left(bench.run(task_id, **more))
    assert value.length == length
    reference = msgspec.json.decode(value.json)
    assert (reference[TAG], reference["value"]["form"]) == ("ref", form)
    found = left(bench.run(f"count_{task_id}", inputs=values(**{task_id: value.json}), **more))
    assert decode(found.json) == [form, length]


def test_a_task_mapped_over_a_large_value_reads_the_part_with_its_element_and_no_other(bench, written, tmp_path):
    more = written(300_000, 20)
    value = left(bench.run("rows", **more))
    cut = elements(value.json)
    parts = objects(tmp_path)
    assert len(cut) == 20
    assert len(parts) > 4
    assert max(part.stat().st_size for part in parts) < PART_BYTES + 1000
    keep = msgspec.json.decode(cut[13])["value"]["url"]
    for part in parts:
        if part.as_uri() != keep:
            part.unlink()
    found = left(bench.run("one", map_index=13, inputs=element(cut[13], 20), **more))
    assert decode(found.json) == ["dict", 13]


def test_an_element_of_a_large_dict_is_a_pair(bench, written):
    more = written(700_000, 3)
    cut = elements(left(bench.run("named", **more)).json)
    found = left(bench.run("one_named", map_index=1, inputs=element(cut[1], 2), **more))
    assert decode(found.json) == ["tuple", "k1"]


def test_large_values_of_a_mapped_task_are_read_one_by_one_as_they_are_used(bench, written):
    more = written(100_000)
    parts = [left(bench.run("text", **more)).json, b'"small"', left(bench.run("text", **more)).json]
    bench.left["many"] = (b"[" + b",".join(parts) + b"]").decode()
    found = left(bench.run("total", inputs=TryInputs(gathered={"many": {"return_value": Gathered(3)}}), **more))
    assert found.json == b"200005"


def test_xcom_pull_follows_a_reference(bench, written):
    more = written(100_000)
    bench.left["text"] = left(bench.run("text", **more)).json.decode()
    assert left(bench.run("pulls", **more)).json == b"100000"


def test_a_sensor_leaves_a_large_value_in_the_same_way(bench, written, tmp_path):
    more = written(100_000)
    value = left(bench.run("found", wait=SensorWait(SensorPolicy(poke_interval_s=0.05, timeout_s=30.0)), **more))
    assert len(value.json) < 1000
    assert [path.stat().st_size for path in objects(tmp_path)] == [100_002]


def test_a_large_instance_of_a_class_of_the_dag_file_is_read_by_another_process(bench, written, tmp_path):
    more = written(50_000)
    value = left(bench.run("sheet", **more))
    assert len(objects(tmp_path)) == 1
    found = left(bench.run("last", inputs=values(sheet=value.json), **more))
    assert decode(found.json) == ["Sheet", "s", 49_999, True]


def test_a_large_value_of_a_step_lies_in_the_store_and_a_later_try_reads_it(bench, written, tmp_path):
    more = written(100_000)
    first, second = (decode(left(bench.run("steps", **more)).json) for _ in range(2))
    assert first == second == [100_000, first[1]]
    [path] = objects(tmp_path)
    assert len(bench.kept["penstock.step.big"]) < 1000
    path.unlink()
    gone = bench.run("steps", **more)
    assert (gone.outcome, gone.retryable) == (Outcome.FAILED, False)
    assert "what step 'big' has kept: it was put at file://" in gone.error


def test_a_value_that_is_gone_is_a_final_failure_that_says_which_and_what_to_do(bench, written, tmp_path):
    more = written(100_000)
    value = left(bench.run("text", **more)).json
    [path] = objects(tmp_path)
    path.unlink()
    finished = bench.run("count_text", inputs=values(text=value), **more)
    assert (finished.outcome, finished.retryable) == (Outcome.FAILED, False)
    assert "the value 'return_value' of task 'text'" in finished.error
    assert path.as_uri() in finished.error
    assert "Clear the task that left it" in finished.error


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nowhere://b/", "The URL scheme 'nowhere'"),
        ("file:///proc/nothing/", "file:///proc/nothing/"),
        (
            "",
            "XCom 'return_value' has 100,002 bytes as JSON, and no object store is named that the workers of queue 'default' reach.",
        ),
    ],
    ids=["unknown scheme", "no place to write", "no store"],
)
def test_a_store_that_cannot_be_written_fails_the_try_and_says_why(bench, written, url, said):
    written(100_000)
    finished = bench.run("text", offload=Offload(url))
    assert finished.outcome is Outcome.FAILED
    assert said in finished.error


def test_two_tries_of_one_task_write_objects_of_their_own(bench, written, tmp_path):
    more = written(100_000)
    assert len({left(bench.run("text", **more)).json for _ in range(2)}) == 2
    assert len(objects(tmp_path)) == 2
