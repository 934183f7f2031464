import pyarrow as pa
import pytest

from mmkd_ray.evidence.tables import PILOT, caution


@pytest.mark.parametrize(
    ("labels", "cautions"), [([0, 1] * 10, False), ([0, 1] * 9, True), ([0] * 30 + [1] * 2, False)]
)
def test_few_images_per_class_give_a_warning(run, labels, cautions):
    run.evidence.write_table(PILOT, pa.table({"label": labels}))
    remark = caution(run)
    assert (remark is not None) == cautions
    assert not cautions or "9.0 images per class" in remark
