import shutil

import mmkd_ray as mm
from mmkd_ray.prediction.showing import Shown
from mmkd_ray.students.bundle import load_bundle
from tests.support.toy_bundle import save_pictures, untrained_bundle


def test_a_name_is_one_line_and_tells_a_terminal_nothing(tmp_path):
    place = untrained_bundle(tmp_path / "student")
    (path,) = save_pictures(tmp_path / "pictures", 1)
    shutil.copy(path, tmp_path / "pictures" / "n\new\x1b[31m.png")
    (tmp_path / "pictures" / "bad\nü.png").touch()
    shown = Shown(load_bundle(place).card)
    shown.add(mm.predict(place, tmp_path / "pictures", explain=True))
    table, *others = map(str, shown.lines(""))
    assert "/n\\new\\x1b[31m.png  " in table
    assert len(table.splitlines()) == 4
    assert any("/n\\new\\x1b[31m.png: " in line for line in others)
    assert "/bad\\nü.png: not a readable image" in others[-1]
