import pytest

from mmkd_ray.config import load
from mmkd_ray.stages.opening import storage_of


@pytest.mark.parametrize(
    ("path", "in_a_job"), [("runs", "~/runs"), ("/shared/runs", "/shared/runs"), ("s3://b/runs", "s3://b/runs")]
)
def test_a_jobs_own_folder_is_temporary_and_never_written_to(repository, monkeypatch, path, in_a_job):
    config = load(repository / "configs" / "quickstart.yaml", [f"storage.path={path}"])
    assert storage_of(config) == path
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert storage_of(config) == in_a_job
