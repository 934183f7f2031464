"""The pipeline with small stages of its own, and a cluster that nobody can reach."""

import io
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from mmkd_ray.config import FolderData, validate
from mmkd_ray.console import Console
from mmkd_ray.data.sources import opening
from mmkd_ray.data.sources.folder import FolderSource
from mmkd_ray.errors import ArtifactError, BusyError, ClusterError, DataError
from mmkd_ray.lease import writing
from mmkd_ray.pipeline import plan, run_stages
from mmkd_ray.stages import STAGES, Stage
from mmkd_ray.stages.images import Images
from mmkd_ray.stages.seconds import read_seconds
from tests.support.pictures import fill_tree


@dataclass(frozen=True)
class Writing(Stage):
    """Writes an artifact, once."""

    needs: bool = False
    done: list = field(default_factory=list)
    name = command = "writing"
    unit = "words"

    def needs_cluster(self, config, run):
        return self.needs

    def artifact(self, run):
        return run.aspects

    def run(self, config, run, progress):
        self.done.append(self.name)
        if not run.aspects.record():
            progress(2, 2)
            run.aspects.finish("written", words=2)
        return run.aspects.record()

    def remark(self, config, run, record):
        return f"{record['words']} words"

    def closing(self, config, run, record):
        return [f"the {record['words']} words"]


@dataclass(frozen=True)
class Reading(Writing):
    """Needs the artifact to know whether it needs a cluster."""

    name = "reading"

    def needs_cluster(self, config, run):
        run.require(run.aspects, "writing")
        return self.needs

    def artifact(self, run):
        return None


@pytest.fixture
def call(run):
    sections = {"name": "test", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}}

    def called(*stages, address="127.0.0.1:1"):
        config = validate({**sections, "cluster": {"address": address}})
        stream = io.StringIO()
        try:
            run_stages(stages, config, run, Console(stream))
        finally:
            called.output = stream.getvalue()
        return called.output

    return called


def test_stages_follow_one_another_and_the_last_one_closes(call):
    lines = call(Writing(), Reading(), address=None).splitlines()
    assert [line.split()[0] for line in lines] == ["writing", "writing", "reading", "the"]
    assert [line.split("  ")[-1] for line in lines[1:]] == ["2 words", "2 words", "the 2 words"]


def test_what_is_finished_is_reused_and_its_time_stays(call, run):
    call(Writing())
    seconds = read_seconds(run)
    assert set(seconds) == {"writing"}
    run.folder.write_json("seconds.json", {"writing": 1234.5})
    assert "already done: reused; 2 words" in call(Writing())
    assert read_seconds(run) == {"writing": 1234.5}


def test_no_cluster_is_asked_for_where_no_stage_needs_one(call, run):
    run.aspects.finish("written", words=2)
    assert "cluster" not in call(Writing(), Reading())


@pytest.mark.usefixtures("no_cluster")
@pytest.mark.parametrize("stages", [[Writing(needs=True)], [Writing(), Reading(needs=True)]])
def test_a_cluster_that_is_out_of_reach_is_found_before_anything_is_done(call, stages):
    """The second needs one, or may: that is not known before the first has written."""
    with pytest.raises(ClusterError, match=r"no Ray cluster answers at '127\.0\.0\.1:1'"):
        call(*stages)
    assert not any(stage.done for stage in stages)
    assert call.output == ""


def test_a_missing_input_is_found_before_a_cluster_is_started(call):
    with pytest.raises(ArtifactError, match="run `mmkd writing CONFIG` first"):
        call(Reading(needs=True), address=None)
    assert call.output == ""


def test_while_somebody_writes_into_a_run_nothing_is_done_and_its_plan_can_be_read(call, run):
    few = {f"{split}_per_class": 1 for split in ("train", "val", "test", "shift")}
    config = validate({"name": "t", "data": {"source": "fieldguide", **few}, "aspects": {"source": "fieldguide"}})
    plan(config, run, Console(io.StringIO()))
    stage, stream = Writing(), io.StringIO()
    with writing(run, "train"):
        with pytest.raises(BusyError, match=r"process \d+: train"):
            call(stage)
        plan(config, run, Console(stream))
    assert not stage.done
    assert "by the images that are there" in stream.getvalue()
    assert "questions 52" in stream.getvalue()


def test_a_source_is_listed_once_by_a_command_and_anew_by_the_next(run, tmp_path, monkeypatch):
    fill_tree(tmp_path / "images", ["owl", "wren"], count=8)
    listed = []

    def counted(data, storage):
        listed.append(data.path)
        return FolderSource(data, storage)

    monkeypatch.setitem(opening._SOURCES, FolderData, counted)
    data = {"source": "folder", "path": str(tmp_path / "images")}
    config = validate({"name": "test", "data": data, "aspects": {"source": "fieldguide"}})
    for times, count in enumerate((16, 15), start=1):
        run_stages([Images()], config, run, Console(io.StringIO()))
        assert sum(run.images.record()["images"].values()) == count
        assert len(listed) == times
        (tmp_path / "images" / "owl" / "1.png").unlink(missing_ok=True)
    shutil.rmtree(tmp_path / "images" / "owl")
    with pytest.raises(DataError, match="has one class only"):
        run_stages([Images()], config, run, Console(io.StringIO()))
    assert len(listed) == 3, "nor is tried again what cannot be listed"


def test_every_stage_says_what_a_command_line_needs():
    for command, stage in STAGES.items():
        assert command == stage.command
        assert command.split()[-1] == stage.name
        assert stage.help


def test_a_stage_that_needs_no_student_does_not_wait_for_one_to_be_imported():
    """timm and torch take four seconds."""
    code = "import sys, mmkd_ray.pipeline; print({'torch', 'timm', 'scipy', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
