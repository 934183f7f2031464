from pathlib import Path

import pytest

from mmkd_ray.artifacts import Folder
from mmkd_ray.tracking.tensorboard import TensorBoard
from mmkd_ray.tracking.tracker import Subject
from tests.support.events import scalars

SUBJECT = Subject("run", "makd seed 0", "abc", {"arm": "makd", "train.alpha": 2.0, "train.crop_scale": (0.5, 1.0)})


def test_each_epoch_is_there_as_soon_as_it_is_logged(tmp_path):
    board = TensorBoard(SUBJECT, Folder(str(tmp_path)))
    board.log(0, {"loss": 2.0, "lr": 0.5})
    board.log(1, {"loss": 1.5, "lr": 0.25})
    assert scalars(tmp_path) == {"loss": [(0, 2.0), (1, 1.5)], "lr": [(0, 0.5), (1, 0.25)]}
    board.close()


def test_after_an_interruption_no_epoch_is_there_twice(tmp_path):
    interrupted = TensorBoard(SUBJECT, Folder(str(tmp_path)))
    interrupted.log(0, {"loss": 2.0})
    interrupted.log(1, {"loss": 1.5})
    again = TensorBoard(SUBJECT, Folder(str(tmp_path)))
    for step, loss in enumerate((2.0, 1.5, 1.25)):
        again.log(step, {"loss": loss})
    again.close()
    assert scalars(tmp_path) == {"loss": [(0, 2.0), (1, 1.5), (2, 1.25)]}


@pytest.mark.parametrize("folder", ["mock:///runs/tensorboard/student"])
def test_on_an_object_store_the_file_is_written_whole_after_each_epoch(folder, tmp_path):
    folder = Folder(folder)
    folder.write_bytes("events.out.tfevents.1.before", b"of an interrupted training")
    board = TensorBoard(SUBJECT, folder)
    for step in range(3):
        board.log(step, {"loss": 1.0})
        (name,) = folder.names()
        Path(tmp_path, name).write_bytes(folder.read_bytes(name))
        assert scalars(tmp_path) == {"loss": [(number, 1.0) for number in range(step + 1)]}
    board.close()
