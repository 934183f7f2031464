"""`mmkd export` as a user gives it."""

import pytest
import torch

from mmkd_ray.artifacts import open_run
from mmkd_ray.artifacts.configuration import write_config
from tests.support.bundles import write_students
from tests.support.search_run import make


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run with trained students."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("exported")
    run = open_run(str(root / "runs"), "test")
    config = make(root, run, readable=True, study={"arms": ["makd"], "seeds": [3]})
    write_students(config, run)
    write_config(config, run)
    return root / "runs" / "test"


def test_a_run_by_its_folder_and_by_its_configuration(mmkd, finished, tmp_path):
    for run, more in ((finished, []), (finished / "config.yaml", ["study.seeds=[3]"])):
        status, output = mmkd("export", str(run), *more, "--to", str(tmp_path / "out"))
        assert status == 0, output
        lines = output.splitlines()
        assert lines[1] == f"run       {finished}"
        assert lines[3] == "student   makd seed 3"
        assert lines[4] == f"export    {tmp_path}/out: timm, float32, 3 classes"
        assert lines[5].startswith("verified  On 12 test images its logits differ from the student's by at most ")
        assert [line.split("  ")[0] for line in lines[9:13]] == [
            "test top-1", "size", "time of a batch of 1", "time of a batch of 32",
        ]  # fmt: skip
        assert lines[-1] == f"model card: {tmp_path}/out/README.md"
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\nlicense: unknown\n")
    for words in (
        "# test: makd seed 3",
        "train 36, val 24, test 12",
        'timm.create_model("local-dir:out", pretrained=True)',
        "## Limits",
    ):
        assert words in card, words
    assert "/nowhere" not in card  # a place on this machine


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "7"], "has no finished student 'makd seed 7'; there are: makd seed 3"),
        (["--seed", "first"], "got 'first'; accepted are a number, or best"),
        (["--arm", "ce"], "--arm: got 'ce'; accepted are makd"),
        (["--precision", "int8"], "--precision: got int8; with --format timm accepted are float32, float16"),
        (["train.epochs=3"], "is a run's folder, whose configuration is as it is: got 'train.epochs=3'"),
        (["--to", "docs"], "docs is there and is not an export, so it is left as it is"),
    ],
)
def test_a_mistake_is_one_line(mmkd, finished, tmp_path, options, message):
    status, output = mmkd("export", str(finished), "--to", str(tmp_path / "out"), *options)
    assert status == 2
    assert message in output.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("held", "advice"),
    [
        (None, "nothing is there; give the folder of a finished run"),
        ("student.json", "it is a student; give the folder of its run"),
        ("answers.json", "run `mmkd report CONFIG` first"),
    ],
)
def test_a_folder_without_a_configuration_is_named(mmkd, tmp_path, held, advice):
    if held:
        (tmp_path / held).touch()
    status, output = mmkd("export", str(tmp_path), "--to", str(tmp_path / "out"))
    assert status == 2
    assert output.startswith(f"mmkd: error: {tmp_path} has no config.yaml: {advice}")
    assert mmkd("export", "configs/quickstart.yaml")[1].startswith("mmkd: error: missing option '--to'")
