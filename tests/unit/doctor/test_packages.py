import sys

import pytest

from mmkd_ray.doctor import packages
from mmkd_ray.doctor.packages import check_packages, check_python, check_vllm


def test_this_environment_is_well():
    assert check_python().status == "ok"
    found = check_packages()
    assert found.status == "ok", found
    assert "ray 2.60.0" in found.text
    assert "(extra cpu)" in check_vllm().text or "(extra gpu)" in check_vllm().text


@pytest.mark.parametrize(("version", "status"), [((3, 10, 2), "fail"), ((3, 12, 1), "ok"), ((3, 13, 0), "fail")])
def test_pythons(monkeypatch, version, status):
    monkeypatch.setattr(sys, "version_info", version)
    assert check_python().status == status


def test_a_package_that_is_missing_and_one_of_another_version(monkeypatch):
    """What is required is changed, because the environment cannot be."""
    monkeypatch.setattr(packages, "requires", lambda _: ["ray[data]==2.59.0", "torch==2.13.0", "x; extra == 'gpu'"])
    found = check_packages()
    assert (found.status, found.text) == ("warn", "ray is 2.60.0, tested with 2.59.0")
    monkeypatch.setattr(packages, "requires", lambda _: ["not-a-package-at-all>=3"])
    found = check_packages()
    assert (found.status, found.text) == ("fail", "not-a-package-at-all is not installed")
    assert "make install" in found.advice
