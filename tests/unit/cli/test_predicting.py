import json

import pytest

from tests.support.toy_bundle import save_pictures, untrained_bundle

pytestmark = pytest.mark.usefixtures("no_cluster")


@pytest.fixture
def place(tmp_path):
    return untrained_bundle(tmp_path / "student")


def test_a_table_all_rows_in_a_file_and_what_cannot_be_read(mmkd, place, tmp_path):
    save_pictures(tmp_path / "pictures", 3)
    (tmp_path / "pictures" / "1.jpg").write_bytes(b"")
    output = tmp_path / "rows.jsonl"
    status, said = mmkd("predict", place, str(tmp_path / "pictures"), "--output", str(output))
    assert status == 0, said
    lines = said.splitlines()
    assert any(line.startswith("predict   4 / 4 images") and line.endswith("images/s") for line in lines)
    header = next(line for line in lines if line.startswith("image"))
    assert header.split() == ["image", "class", "confidence", "then", "yes"]
    first = next(line for line in lines if line.startswith(f"{tmp_path}/pictures/0000.png"))
    row = json.loads(output.read_text().splitlines()[0])
    assert first.split()[1:3] == [row["class"], f"{row['confidence']:.2f}"]
    assert f"cannot be read: {tmp_path}/pictures/1.jpg: not a readable image: the file is empty" in lines
    assert len(output.read_text().splitlines()) == 4


def test_why_is_said_below(mmkd, place, tmp_path):
    (path,) = save_pictures(tmp_path / "pictures", 1)
    status, said = mmkd("predict", place, path, "--explain")
    assert status == 0, said
    (about,) = [line for line in said.splitlines() if line.startswith(f"{path}: ")]
    assert ", confidence 0." in about
    assert "; against " in about
    assert sum(" in training 0." in line for line in said.splitlines()) == 2


def test_status_1_if_nothing_could_be_read(mmkd, place):
    status, said = mmkd("predict", place, "nowhere.png")
    assert status == 1
    assert "cannot be read: nowhere.png: " in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "a.png"], "nowhere' is not a student's bundle: it has no student.json"),
        (["PLACE", "a.png", "--output", "x.csv"], "--output: got 'x.csv'; accepted"),
        (["PLACE", "nothing*.png"], "nothing matches 'nothing*.png'"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(mmkd, place, arguments, message):
    status, said = mmkd("predict", *(place if word == "PLACE" else word for word in arguments))
    assert status == 2
    assert said.startswith("mmkd: error: ")
    assert message in said
    assert "\n" not in said


def test_old_students_cannot_explain(mmkd, tmp_path):
    place = untrained_bundle(tmp_path / "old", class_answers=None)
    status, said = mmkd("predict", place, "a.png", "--explain")
    assert status == 2
    assert "student.json has no answers of the teacher by class" in said
