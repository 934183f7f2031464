from mmkd_ray.evaluate.probes import CLEAN, PROBES
from tests.support.toy_student import pixels


def test_it_leaves_the_images_as_they_are():
    images = pixels(4, 0)
    assert CLEAN.severities == (0,)
    assert CLEAN.apply(images, 0) is images


def test_probes_are_found_by_name():
    assert {name: probe.name for name, probe in PROBES.items()} == {"clean": "clean"}
