from mmkd_ray import cli
from mmkd_ray.config import to_yaml
from tests.support.search_run import make


def test_what_is_missing_is_one_line_and_status_2(tmp_path, run, capfd):
    config = make(tmp_path, run, asked=3)
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert cli.main(["tune", str(tmp_path / "config.yaml")]) == 2
    assert "mmkd: error: " in (output := capfd.readouterr().out)
    assert "has no answers to 1 of the questions" in output
    assert not run.tune.names()


def test_resume_follows_overrides(tmp_path, run, capfd):
    (tmp_path / "config.yaml").write_text(to_yaml(make(tmp_path, run)))
    assert cli.main(["tune", str(tmp_path / "config.yaml"), "tune.trials=3", "--resume"]) == 2
    assert "holds no search to resume: run `mmkd tune CONFIG` without --resume" in capfd.readouterr().out
