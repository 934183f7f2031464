from functools import cache

import pytest
import torch

from mmkd_ray.artifacts import open_run
from mmkd_ray.artifacts.configuration import write_config
from mmkd_ray.exports.exporting import Wanted, export_student
from mmkd_ray.students.bundle import load_bundle
from mmkd_ray.study.students import list_students
from tests.support.bundles import write_students
from tests.support.search_run import make


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A study of two arms and two seeds, trained for a few epochs, without an evaluation; its configuration and run."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("export")
    run = open_run(str(root / "runs"), "test")
    train = {"epochs": 3, "batch_size": 12, "lr": 0.05}
    config = make(root, run, readable=True, study={"arms": ["ce", "makd"], "seeds": [0, 1]}, train=train)
    write_students(config, run, epochs=3)
    write_config(config, run)
    return config, run


@pytest.fixture(scope="session")
def student(trained):
    """The first student of the arm makd."""
    config, run = trained
    return load_bundle(next(spec for spec in list_students(config, run) if spec.arm == "makd").folder(run))


@pytest.fixture(scope="session")
def exported(trained, tmp_path_factory):
    """Exports of the student by format, precision and whether with aspects, each made once: tracing takes seconds."""

    @cache
    def made(wanted):
        return export_student(*trained, str(tmp_path_factory.mktemp(wanted.format) / "out"), wanted)

    return lambda form, precision="float32", aspects=False: made(Wanted(form, precision, aspects, seed=0))
