"""A notebook's session: stages by the Python API, results as a table, and a student that predicts."""

import io

import numpy as np
import pytest
from PIL import Image

import mmkd_ray as mm
from mmkd_ray.artifacts import open_run
from tests.support.search_run import make

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture(scope="module")
def session(ray_cluster, tmp_path_factory):
    """A study of two students, trained, measured and reported; its configuration and its run."""
    root = tmp_path_factory.mktemp("api")
    config = make(
        root, open_run(str(root / "runs"), "test"), readable=True,
        study={"arms": ["ce", "makd"], "seeds": [0]}, cluster={"lanes": 1}, train={"epochs": 2, "batch_size": 12},
    )  # fmt: skip
    return config, mm.run(config, ["train", "evaluate", "report"], quiet=True)


def test_results_are_a_table_and_a_summary(session):
    config, run = session
    table = mm.results(run)
    assert set(table["arm"].to_pylist()) == {"ce", "makd"}
    assert set(mm.summary(config)["arms"]) == {"ce", "makd"}
    assert mm.results(run.folder.uri).equals(table)


def test_what_is_finished_asks_for_no_cluster(session, capsys):
    """None listens at the address, and none is needed."""
    config, _ = session
    mm.run(mm.load(config, ["cluster.address=127.0.0.1:1"]), ["train", "evaluate", "report"])
    shown = capsys.readouterr().out
    assert "train     0.0 s  already done: reused; 2 students" in shown.replace("0.1 s", "0.0 s")
    assert "cluster" not in shown


def test_a_student_predicts(session):
    _, run = session
    (folder,) = [name for name in run.study.names() if name.startswith("makd-seed0-")]
    student = mm.load_student(f"{run.study.uri}/{folder}")
    picture = Image.fromarray(np.full((20, 30, 3), 200, np.uint8))
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    prediction = student.predict([encoded.getvalue(), picture])
    assert prediction.class_names == ("blue", "green", "red")
    np.testing.assert_allclose(prediction.class_probabilities_NC.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(prediction.class_logits_NC[0], prediction.class_logits_NC[1])
