"""Searches on a real local cluster: Ray Tune, ASHA and Optuna; tiny images, and a teacher table without a teacher."""

import hashlib
import itertools
import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.config import load, to_yaml
from mmkd_ray.data.feed.pixels import load_pixels
from mmkd_ray.data.fit import Fit
from mmkd_ray.errors import DataError
from mmkd_ray.study.students import list_students
from mmkd_ray.tune.opening import open_search
from mmkd_ray.tune.stage import run_search
from tests.support.processes import marked, run_mmkd, started, wait_for
from tests.support.search_run import make

ALPHA_AND_Q = {"train.alpha": {"log_uniform": [0.1, 40]}, "aspects.count": {"choice": [2, 4, 8]}}

WORKER = "ResourceTrainable"  # Ray Tune wraps SearchWorker


def files(folder):
    """Hashes of all files below a folder, by path."""
    root = Path(folder.uri)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}


def search(root, **sections):
    """Run a search to its end; what came of it, and what it left on the cluster."""
    from ray._private.state import actors
    from ray.util import placement_group_table

    run = open_run(str(root), "test")
    config = make(root, run, **sections)
    run.answers("someone").write_json("part.json", {"answers": "of an earlier extraction"})
    stored = files(run.teacher) | files(run.answers("someone"))
    groups, before, shown = set(placement_group_table()), set(actors()), []
    record = run_search(open_search(config, run), lambda *counts: shown.append(counts))
    made = [actor for name, actor in actors().items() if name not in before]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and any(actor["State"] != "DEAD" for actor in made):
        time.sleep(0.2)
        made = [actor for name, actor in actors().items() if name not in before]
    return SimpleNamespace(
        config=config,
        run=run,
        record=record,
        rows=run.tune.read_table("trials.parquet").to_pylist(),
        shown=shown,
        stored_before=stored,
        actors=[(actor["ActorClassName"].rpartition(".")[2], actor["State"]) for actor in made],
        groups=[group["state"] for name, group in placement_group_table().items() if name not in groups],
    )


@pytest.fixture(scope="module")
def with_optuna(ray_cluster, tmp_path_factory):
    return search(
        tmp_path_factory.mktemp("optuna"),
        train={"epochs": 9, "batch_size": 12, "lr": 0.05},
        tune={"trials": 8, "space": ALPHA_AND_Q, "concurrency": 2},
    )


def test_asha_stops_some_of_the_trials(with_optuna):
    statuses = {row["status"] for row in with_optuna.rows}
    assert statuses == {"finished", "stopped"}
    assert with_optuna.record["epochs"] == sum(row["epochs"] for row in with_optuna.rows) < 8 * 9
    assert {row["epochs"] for row in with_optuna.rows} <= {1, 3, 9}  # the rungs


def test_optuna_proposes_other_values_for_each_trial(with_optuna):
    alphas = [row["train.alpha"] for row in with_optuna.rows]
    assert [row["trial"] for row in with_optuna.rows] == list(range(1, 9))
    assert len(set(alphas)) == 8
    assert all(0.1 <= alpha <= 40 for alpha in alphas)
    assert {row["aspects.count"] for row in with_optuna.rows} <= {2, 4, 8}


def test_progress_ends_with_all_trials_and_the_best(with_optuna):
    done, total, others = with_optuna.shown[-1]
    assert (done, total) == (8, 8)
    assert others["epochs"] == with_optuna.record["epochs"]
    assert others["% best so far"] == round(100 * max(row["val_top1"] for row in with_optuna.rows))


def test_the_best_configuration_is_one_that_train_accepts(with_optuna):
    best = load(Path(with_optuna.run.tune.uri) / "best.yaml")
    values = with_optuna.record["best"]["values"]
    assert (best.train.alpha, best.aspects.count) == (values["train.alpha"], values["aspects.count"])
    assert len(list_students(best, with_optuna.run)) == 6


def test_the_teacher_is_not_asked(with_optuna):
    run = with_optuna.run
    assert files(run.teacher) | files(run.answers("someone")) == with_optuna.stored_before
    assert {name for name, _ in with_optuna.actors} == {WORKER}


def test_nothing_is_left_on_the_cluster(with_optuna):
    # Two as a rule; more where a trial of one has ended before the other process is up.
    assert 2 <= len(with_optuna.actors) < 8
    assert {state for _, state in with_optuna.actors} == {"DEAD"}
    assert set(with_optuna.groups) == {"REMOVED"}


def test_test_images_are_never_read(with_optuna):
    with pytest.raises(DataError):
        load_pixels(with_optuna.run, ["test"], Fit("crop", 16, "bicubic"))


def test_charts_and_tensorboards_files_stay_and_states_do_not(with_optuna):
    names = [path.name for path in Path(with_optuna.run.tune.uri).rglob("*")]
    assert {"trials.parquet", "best.yaml", "heatmap.svg", "parallel.svg", "record.json"} <= set(names)
    assert sum(name.startswith("events.out.tfevents") for name in names) == 8
    assert not [name for name in names if name.startswith("checkpoint_")]


def test_a_finished_search_is_free(with_optuna):
    again = open_search(with_optuna.config, with_optuna.run)
    assert again.finished
    assert run_search(again, None) == with_optuna.record


def test_a_grid_tries_every_combination_to_its_end(ray_cluster, tmp_path):
    space = {
        "train.alpha": {"choice": [0, 4]},
        "aspects.count": {"choice": [2, 8]},
        "student.model": {"choice": ["resnet18", "no"]},
    }
    grid = search(tmp_path, tune={"search": "grid", "space": space, "asha": False, "seeds": [0, 1]})
    tried = [(row["train.alpha"], row["aspects.count"], json.loads(row["student.model"])) for row in grid.rows]
    assert sorted(tried) == sorted(itertools.product([0, 4], [2, 8], ["resnet18", "no"]))
    sound = [row for row in grid.rows if row["student.model"] == '"resnet18"']
    assert {(row["status"], row["epochs"]) for row in sound} == {("finished", 4)}
    assert all((row["val_top1"] * 48) % 1 == pytest.approx(0) for row in sound)  # a mean of two seeds of 24 images
    failed = [row for row in grid.rows if row not in sound]
    assert {row["status"] for row in failed} == {"failed"}
    assert all("timm has no model 'no'" in row["reason"] for row in failed)
    assert grid.record["trials"] == {"finished": 4, "stopped": 0, "failed": 4}


def ended(tune):
    """Ids of the trials that have ended, by Ray's latest note of the search's state."""
    states = sorted((tune / "trials").glob("experiment_state-*.json"))
    if not states:
        return set()
    try:
        trials = [json.loads(trial) for trial, _ in json.loads(states[-1].read_text())["trial_data"]]
    except json.JSONDecodeError:  # it is being written
        return set()
    return {trial["trial_id"] for trial in trials if trial["status"] == "TERMINATED"}


def events(tune):
    """TensorBoard's files of each trial, by its id: a trial that runs again gets another."""
    names = {}
    for path in (tune / "trials").rglob("events.out.tfevents*"):
        names.setdefault(path.parent.name.rpartition(",")[2], set()).add(path.name)
    return names


def test_killed_in_the_middle_and_resumed_it_does_not_train_again_what_had_ended(tmp_path, repository):
    run = open_run(str(tmp_path), "test")
    config = make(
        tmp_path,
        run,
        train={"epochs": 27, "batch_size": 6, "lr": 0.05},
        tune={"trials": 5, "space": ALPHA_AND_Q, "concurrency": 2, "grace_epochs": 9},
    )
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    tune = tmp_path / "test" / "tune"
    command = ("tune", str(tmp_path / "config.yaml"))
    with marked() as processes:
        with started(processes, *command, cwd=repository, output=tmp_path / "out.txt") as driver:
            wait_for(lambda: len(ended(tune)) >= 2, driver, tmp_path / "out.txt")
            driver.kill()
        assert processes.wait_until_gone() == []
    before, written = ended(tune), events(tune)
    assert 2 <= len(before) < 5
    with marked() as processes:
        resumed = run_mmkd(processes, *command, "--resume", cwd=repository)
        assert processes.wait_until_gone() == []
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "\nbest: trial " in resumed.stdout
    rows = run.tune.read_table("trials.parquet").to_pylist()
    assert len(rows) == 5
    assert before <= {row["id"] for row in rows}
    after = events(tune)
    assert {name: after.get(name) for name in before} == {name: written.get(name) for name in before}
    assert {row["status"] for row in rows} <= {"finished", "stopped"}
