"""Where Ray puts engines on nodes with GPUs: Ray is told of GPUs that are not there, all else is real."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress

import pytest

from mmkd_ray.config import ExtractConfig, OpenAiTeacher, VllmTeacher
from mmkd_ray.errors import ClusterError

A100, H100 = ({"num_cpus": 4, "num_gpus": 2, "resources": {f"accelerator_type:{kind}": 1}} for kind in ("A100", "H100"))

_clusters = []


def start_cluster():
    """Two nodes of two GPUs each, of different kinds."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**A100, "include_dashboard": False})
    cluster.add_node(**H100)
    _clusters.append(cluster)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")


def stop_cluster():
    import ray

    ray.shutdown()
    _clusters.pop().shutdown()


@pytest.fixture(scope="module")
def on_gpus():
    """Calls a function of this module in a process that is connected to the cluster of two nodes."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        try:
            process.submit(start_cluster).result(timeout=100)
            yield lambda function, *arguments: process.submit(function, *arguments).result(timeout=60)
        finally:
            process.submit(stop_cluster).result(timeout=30)


def engines_of(extract, *, teacher=None, children=0, fails=False):
    """Run a pool of engines that say where they are; what they say, and the states of their groups at the end.

    Args:
        extract: keys of that section.
        teacher: whose pool; that of vLLM if unset.
        children: actors with a GPU each that every engine starts, as vLLM does.
        fails: whether the block of the pool ends with an exception.
    """
    import ray
    from ray.util.placement_group import placement_group_table

    from mmkd_ray.extract.pool import pool

    before = set(placement_group_table())
    said = []
    with (
        suppress(ZeroDivisionError),
        pool(teacher or VllmTeacher(), ExtractConfig(**extract), 100) as options,
    ):
        said += ask_where(options, children)
        _ = 1 / (not fails)
    groups = set(placement_group_table()) - before
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        states = [placement_group_table()[group]["state"] for group in groups]
        if set(states) <= {"REMOVED"}:
            break
        time.sleep(0.1)
    kinds = {
        node["NodeID"]: kind
        for node in ray.nodes()
        for kind in ("A100", "H100")
        if f"accelerator_type:{kind}" in node["Resources"]
    }
    return [{**where, "kind": kinds[where["node"]]} for where in said], states


def ask_where(options, children):
    """A row of each engine of a real pool of Ray Data."""
    import ray
    import ray.data

    @ray.remote(num_cpus=0)
    class Meeting:
        def __init__(self):
            self.names = set()

        def join(self, name):
            self.names.add(name)
            return len(self.names)

    @ray.remote(num_cpus=0, num_gpus=1)
    class Child:
        def where(self):
            context = ray.get_runtime_context()
            return context.get_node_id(), context.get_accelerator_ids()["GPU"], context.get_placement_group_id()

    class Engine:
        def __init__(self, meeting, expected, children):
            from ray.util import get_current_placement_group

            context = ray.get_runtime_context()
            group = get_current_placement_group()
            self.children = [Child.remote() for _ in range(children)]
            self.where = {
                "name": context.get_actor_id(),
                "node": context.get_node_id(),
                "gpus": context.get_accelerator_ids()["GPU"],
                "resources": context.get_assigned_resources(),
                "group": context.get_placement_group_id(),
                "bundles": group.bundle_specs if group else [],
                "children": ray.get([child.where.remote() for child in self.children]),
            }
            self.meeting, self.expected = meeting, expected

        def __call__(self, batch):
            """Give every engine of the pool the time to come: a fast one would do all the work alone."""
            deadline = time.monotonic() + 30
            while ray.get(self.meeting.join.remote(self.where["name"])) < self.expected:
                assert time.monotonic() < deadline, "an engine of the pool never came"
                time.sleep(0.05)
            return {"where": [self.where] * len(batch["item"])}

    ray.data.DataContext.get_current().enable_progress_bars = False
    expected = options["compute"].max_size
    rows = (
        ray.data.from_items(list(range(8 * expected)), override_num_blocks=8 * expected)
        .map_batches(Engine, fn_constructor_args=(Meeting.remote(), expected, children), batch_size=1, **options)
        .take_all()
    )
    said = {row["where"]["name"]: row["where"] for row in rows}
    return list(said.values())


def test_engines_share_gpus_of_every_kind_of_node(on_gpus):
    engines, groups = on_gpus(engines_of, {"gpus_per_actor": 0.5})
    assert len(engines) == 8
    assert groups == []
    on_each = {}
    for engine in engines:
        (gpu,) = engine["gpus"]
        on_each.setdefault((engine["kind"], gpu), []).append(engine["name"])
    assert set(on_each) == {(kind, gpu) for kind in ("A100", "H100") for gpu in "01"}
    assert [len(names) for names in on_each.values()] == [2, 2, 2, 2]


def test_engines_run_on_the_kind_of_gpu_asked_for(on_gpus):
    engines, _ = on_gpus(engines_of, {"gpus_per_actor": 1, "accelerator_type": "H100"})
    assert sorted((engine["kind"], *engine["gpus"]) for engine in engines) == [("H100", "0"), ("H100", "1")]


def test_engines_without_a_gpu_take_cores_alone(on_gpus):
    engines, _ = on_gpus(engines_of, {"cpus_per_actor": 2})
    assert [engine["resources"]["CPU"] for engine in engines] == [2.0] * 4
    assert [engine["gpus"] for engine in engines] == [[]] * 4


def test_an_endpoint_has_one_client(on_gpus):
    engines, _ = on_gpus(engines_of_endpoint)
    assert len(engines) == 1


def engines_of_endpoint():
    return engines_of({}, teacher=OpenAiTeacher(kind="openai", model="m"))


@pytest.mark.parametrize("placement", ["STRICT_PACK", "PACK"])
def test_each_copy_of_a_teacher_on_two_gpus_has_a_group_of_its_own(on_gpus, placement):
    extract = {"gpus_per_actor": 2, "tensor_parallel_size": 2, "placement": placement}
    engines, states = on_gpus(run_with_children, extract, 2)
    assert len({engine["group"] for engine in engines}) == len(engines) == 2
    for engine in engines:
        assert engine["bundles"] == [{"GPU": 1.0, "CPU": 1.0}, {"GPU": 1.0}]
        nodes, gpus, groups = zip(*engine["children"], strict=True)
        assert set(groups) == {engine["group"]}
        if placement == "STRICT_PACK":
            assert set(nodes) == {engine["node"]}
            assert sorted(gpus) == [["0"], ["1"]]
    everywhere = [(node, *gpus) for engine in engines for node, gpus, _ in engine["children"]]
    assert len(set(everywhere)) == 4
    assert states == ["REMOVED"] * 2


def run_with_children(extract, children):
    return engines_of(extract, children=children)


def test_a_copy_may_lie_on_two_nodes_if_it_is_packed_loosely(on_gpus):
    engines, _ = on_gpus(run_with_children, {"gpus_per_actor": 4, "tensor_parallel_size": 4, "placement": "PACK"}, 4)
    (engine,) = engines
    assert len({node for node, _, _ in engine["children"]}) == 2


def test_a_group_keeps_to_the_kind_of_gpu_asked_for(on_gpus):
    extract = {"gpus_per_actor": 2, "tensor_parallel_size": 2, "accelerator_type": "A100"}
    engines, _ = on_gpus(run_with_children, extract, 2)
    assert [engine["kind"] for engine in engines] == ["A100"]


def test_groups_are_removed_when_the_run_breaks(on_gpus):
    engines, states = on_gpus(run_that_fails)
    assert len(engines) == 2
    assert states == ["REMOVED"] * 2


def run_that_fails():
    return engines_of({"gpus_per_actor": 2, "tensor_parallel_size": 2}, fails=True)


@pytest.mark.parametrize(
    ("extract", "message"),
    [
        ({"actors": 5, "gpus_per_actor": 1}, r"needs 5 x \(1 CPU, 1 GPU\), but the cluster has 8 CPU and 4 GPU"),
        ({"actors": 9}, r"needs 9 x \(1 CPU, 0 GPU\), but the cluster has 8 CPU and 4 GPU"),
        ({"cpus_per_actor": 5}, r"needs 1 x \(5 CPU, 0 GPU\), each on one node, but .* have room for 0"),
        (
            {"actors": 5, "gpus_per_actor": 0.6},
            r"needs 5 x \(1 CPU, 0.6 GPU\), each on one node, but .* have room for 4",
        ),
        (
            {"actors": 3, "gpus_per_actor": 1, "accelerator_type": "A100"},
            r"needs 3 x \(1 CPU, 1 GPU\), each on one node of kind A100, but .* have room for 2",
        ),
        (
            {"gpus_per_actor": 1, "accelerator_type": "L4"},
            r"accelerator_type is 'L4', but the cluster has .*'A100', 'H100'.*; name one of those",
        ),
        (
            {"gpus_per_actor": 4, "tensor_parallel_size": 4},
            r"needs 1 x \(1 CPU, 4 GPU\), each on one node, but .* have room for 0",
        ),
        (
            {"actors": 2, "gpus_per_actor": 3, "tensor_parallel_size": 3, "placement": "PACK"},
            r"needs 2 x \(1 CPU, 3 GPU\), but the cluster has 8 CPU and 4 GPU",
        ),
    ],
)
def test_what_does_not_fit_is_refused_at_once(on_gpus, extract, message):
    start = time.monotonic()
    with pytest.raises(ClusterError, match=message):
        on_gpus(engines_of, extract)
    assert time.monotonic() - start < 5
