"""An evaluation that is killed at any moment ends as an unbroken one; EVALUATION_KILLS=10 kills it more often."""

import os
import random
import time
from contextlib import ExitStack, suppress

import psutil
import pytest
import torch

from mmkd_ray.artifacts import open_run
from mmkd_ray.config import to_yaml
from mmkd_ray.evaluate.pieces import in_shares, study_pieces
from mmkd_ray.evaluate.stage import RESULTS, evaluate_study
from mmkd_ray.evaluate.worker import predict_pieces
from tests.support.bundles import write_students
from tests.support.processes import marked, started, wait_for
from tests.support.search_run import make

pytestmark = pytest.mark.cluster

KILLS = int(os.environ.get("EVALUATION_KILLS", "2"))
EVALUATE = {"probes": ["corruptions", "pgd"], "attack": {"linf": [1], "l2": [0.25], "steps": 5}}


def trained(root):
    """A study of two students and 12 test images, under all corruptions and PGD; nothing is predicted yet."""
    run = open_run(str(root), "test")
    config = make(root, run, readable=True, study={"arms": ["ce", "makd"], "seeds": [0]}, evaluate=EVALUATE)
    write_students(config, run)
    return config, run


def predicting(driver):
    """The workers that make predictions for a running command."""
    found = []
    with suppress(psutil.Error):
        for process in psutil.Process(driver.pid).children(recursive=True):
            with suppress(psutil.Error):  # it has just ended
                if "_predict" in " ".join(process.cmdline()):
                    found.append(process)
    return found


def test_killed_at_random_moments_it_ends_with_the_same_table(repository, tmp_path):
    """Its driver or its workers, by chance; no piece that was finished before is predicted again."""
    torch.set_num_threads(1)
    config, unbroken = trained(tmp_path / "unbroken")
    pieces = study_pieces(config, unbroken)
    for share in in_shares(pieces):
        predict_pieces(share, unbroken, torch.device("cpu"))
    evaluate_study(config, unbroken)
    config, run = trained(tmp_path / "killed")
    file, output = tmp_path / "killed.yaml", tmp_path / "output.txt"
    file.write_text(to_yaml(config))
    chance, seen = random.Random(KILLS), []

    def written():
        records = (tmp_path / "killed").glob("test/study/*/predictions/*/record.json")
        return {path: path.stat().st_mtime_ns for path in records}

    with marked() as processes, ExitStack() as commands:
        evaluate = ("evaluate", str(file), "cluster.max_failures=10")
        driver = commands.enter_context(started(processes, *evaluate, cwd=repository, output=output))
        for moment in sorted(chance.sample(range(len(pieces) - 10), KILLS)):
            wait_for(lambda: len(written()) >= moment and predicting(driver), driver, output)  # noqa: B023
            time.sleep(chance.uniform(0, 0.2))
            seen.append(written())
            if chance.random() < 0.5:
                driver.kill()
                driver.wait()
                driver = commands.enter_context(started(processes, *evaluate, cwd=repository, output=output))
            else:
                for worker in predicting(driver):
                    worker.kill()
        assert driver.wait(120) == 0, output.read_text()
    assert len(seen) == KILLS
    assert len(written()) == len(pieces)
    for before in seen:
        assert before.items() <= written().items(), "a piece that was finished before a kill was predicted again"
    assert run.folder.read_table(RESULTS).equals(unbroken.folder.read_table(RESULTS))
