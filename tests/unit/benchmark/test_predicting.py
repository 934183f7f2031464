"""The benchmark of predicting, in a tiny size: it measures nothing here, but both sides run."""

from mmkd_ray.benchmark import plain_predicting
from mmkd_ray.benchmark.data import write_pictures
from mmkd_ray.benchmark.predicting import Size, our_rate, rate_here, write_student

TINY = Size(
    images=6, side=(50, 38), model_args={"layers": [1] * 4, "channels": [8] * 4}, image_size=32, classes=3, questions=2
)


def test_both_sides_predict_all_images(tmp_path, no_cluster):
    write_pictures(tmp_path / "pictures", TINY.images, side=TINY.side, suffix="jpg")
    crop_pct = write_student(tmp_path / "student", TINY)
    folder = str(tmp_path / "pictures")
    assert our_rate(str(tmp_path / "student"), folder) > 0
    assert rate_here(str(tmp_path / "student"), folder) > 0
    rate = plain_predicting.predict_rate(folder, TINY.model, TINY.model_args, TINY.image_size, crop_pct, 5, 4, 0)
    assert rate > 0
