"""The files that put a student, or a cluster, onto machines: what reads them accepts them."""

import re
import tomllib

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from mmkd_ray.serve.deployment import application
from tests.support.kuberay import KINDS, problems


@pytest.fixture
def deploy(repository):
    return repository / "configs" / "deploy"


def versions(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    (ray,) = (name for name in project["dependencies"] if name.startswith("ray["))
    return project, ray.partition("==")[2]


@pytest.mark.parametrize("name", ["raycluster", "rayservice"])
def test_a_manifest_has_the_fields_of_its_kind_and_no_others(deploy, repository, name):
    manifest = yaml.safe_load((deploy / f"{name}.yaml").read_text())
    assert manifest["apiVersion"] == "ray.io/v1"
    assert problems(manifest, KINDS[manifest["kind"]]) == []
    cluster = manifest["spec"].get("rayClusterConfig", manifest["spec"])
    assert cluster["rayVersion"] == versions(repository)[1]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == volumes
            assert container["image"] in ("mmkd-ray:cpu", "mmkd-ray:gpu")


def test_what_a_manifest_must_not_have_is_found(deploy):
    manifest = yaml.safe_load((deploy / "rayservice.yaml").read_text())
    cluster = manifest["spec"]["rayClusterConfig"]
    cluster["headGroupSpecs"] = cluster.pop("headGroupSpec")
    cluster["workerGroupSpecs"][0]["rayStartParams"]["num-cpus"] = 2
    assert sorted(problems(manifest, KINDS["RayService"])) == [
        ".spec.rayClusterConfig.headGroupSpec: missing",
        ".spec.rayClusterConfig.headGroupSpecs: unknown",
        ".spec.rayClusterConfig.workerGroupSpecs[0].rayStartParams.num-cpus: not str",
    ]


def test_serve_deploy_takes_its_file_and_kuberay_has_the_same(deploy):
    plain = yaml.safe_load((deploy / "serve.yaml").read_text())
    there = yaml.safe_load(yaml.safe_load((deploy / "rayservice.yaml").read_text())["spec"]["serveConfigV2"])
    assert plain == there
    checked = ServeDeploySchema.model_validate(plain)
    (wanted,) = checked.applications
    built = application(wanted.args)
    assert wanted.import_path == f"{application.__module__}:{application.__name__}"
    assert built._bound_deployment.init_args[0] == wanted.args["bundle"]
    scaling = built._bound_deployment._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas) == (1, 4)


def test_the_image_is_made_of_what_is_there(repository):
    lines = re.sub(r"\\\n\s*", "", (repository / "Dockerfile").read_text()).splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    assert {step for step, _ in steps} <= {
        "FROM",
        "ARG",
        "RUN",
        "ENV",
        "WORKDIR",
        "COPY",
        "USER",
        "EXPOSE",
        "ENTRYPOINT",
        "CMD",
    }
    copied = [words.split()[:-1] for step, words in steps if step == "COPY" and not words.startswith("--from")]
    sources = [source for line in copied for source in line]
    ignored = (repository / ".dockerignore").read_text().splitlines()
    assert all((repository / source).exists() and f"!{source}" in ignored for source in sources)
    project, _ = versions(repository)
    files = {project["readme"], *project["license-files"], "pyproject.toml", "uv.lock", "mmkd_ray"}
    assert files <= set(sources)
    (extra,) = (words.partition("=")[2] for step, words in steps if step == "ARG")
    assert extra in project["optional-dependencies"]
    assert ["USER", "mmkd"] in steps  # not root
