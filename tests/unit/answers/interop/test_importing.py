import json
import math

import numpy as np
import pytest

from mmkd_ray.answers.identity import require_teacher
from mmkd_ray.answers.interop.importing import EPSILON, UNMATCHED, import_teacher
from mmkd_ray.answers.table import read_teacher_table
from mmkd_ray.data.building import build_image_table
from mmkd_ray.errors import ArtifactError, AspectError, ConfigError, DataError, LedgerError
from mmkd_ray.extract.stage import ask_teacher
from mmkd_ray.study.students import list_students
from mmkd_ray.train.study_data import StudyData
from tests.support.imported_answers import FLOWERS, QUESTIONS, config_for, needs_flowers, write_file, write_images
from tests.support.pictures import picture

TRAIN, VAL, TEST = ["train/a/1.jpg", "train/b/2.jpg"], ["val/a/3.jpg"], ["test/b/4.jpg"]
GOOD = {"train/a/1.jpg": [0.25, 0.5], "train/b/2.jpg": [0.125, 1], "val/a/3.jpg": [0.75, 0]}


@pytest.fixture
def config(tmp_path, run):
    config = config_for(tmp_path)
    write_images(config, run, train=TRAIN, val=VAL, test=TEST)
    return config


@pytest.fixture
def imports(tmp_path, config, run):
    """Import a file of this content; gives the record."""

    def call(content, **options):
        return import_teacher(config, run, write_file(tmp_path, content), **options)

    return call


def p_yes_of(run, image_ids, questions=QUESTIONS):
    return read_teacher_table(run, questions).p_yes_of(image_ids)


def test_the_table_is_complete_and_read_by_image_and_question(imports, config, run):
    record = imports({**GOOD, "test/b/4.jpg": [0.5, 0.5], "train/a/9.jpg": [0.5, 0.5]})
    assert record["ledger"]["present"] == record["ledger"]["expected"] == 6
    assert require_teacher(config, run) == ask_teacher(config, run, lambda *_: None) == run.teacher.record()
    assert len(list_students(config, run)) == 6
    np.testing.assert_allclose(
        p_yes_of(run, ["val/a/3.jpg", "train/a/1.jpg"], QUESTIONS[::-1]), [[0, 0.75], [0.5, 0.25]], atol=EPSILON * 1.01
    )
    assert run.teacher.read_json(UNMATCHED) == ["train/a/9.jpg"]
    assert record["remarks"] == [
        "1 name of test or shift images, not needed",
        f"1 name without an image (e.g. train/a/9.jpg); all are in {run.teacher.uri}/unmatched.json",
        "P(yes) clipped to [1e-06, 1 - 1e-06]: 2 of 6 values changed",
    ]


def test_log_probabilities_are_finite_and_their_mass_is_one(imports, run):
    imports(GOOD, epsilon=1e-3)
    table = read_teacher_table(run)
    np.testing.assert_allclose(table.mass_NQ, 1, atol=1e-6)
    assert table.p_yes_NQ.min() == pytest.approx(1e-3, rel=1e-5)
    assert table.p_yes_NQ.max() == pytest.approx(1 - 1e-3, rel=1e-5)


@pytest.mark.parametrize("epsilon", [1e-300, 1e-12, 0.499])
def test_any_epsilon_leaves_finite_logarithms(imports, epsilon):
    assert imports(GOOD, epsilon=epsilon)["ledger"]["missing"] == 0


@pytest.mark.parametrize("epsilon", [0, -1e-6, 0.5, math.nan])
def test_an_invalid_epsilon_is_refused(imports, epsilon):
    with pytest.raises(ConfigError, match=r"epsilon: got .*; a number between 0 and 0.5 is accepted"):
        imports(GOOD, epsilon=epsilon)


@pytest.mark.parametrize("form", [dict, list], ids=["json", "jsonl"])
def test_both_forms_of_a_file_give_the_same_table(imports, run, form):
    content = GOOD if form is dict else list(GOOD.items())
    imports(content)
    np.testing.assert_allclose(p_yes_of(run, TRAIN), [[0.25, 0.5], [0.125, 1]], atol=EPSILON * 1.01)


REPEATED = [*GOOD.items(), ("train/a/1.jpg", [0.25, 0.5])]
CONTRADICTED = [*REPEATED, ("val/a/3.jpg", [0.25, 0]), ("train/a/1.jpg", [0.75, 1.0]), ("train/a/1.jpg", [0.25, 0.5])]


def as_one_object(entries):
    return "{" + ", ".join(f"{json.dumps(name)}: {json.dumps(values)}" for name, values in entries) + "}"


@pytest.mark.parametrize("form", [list, as_one_object], ids=["jsonl", "json"])
@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (REPEATED, r"p_yes.json: 1 exact repeat of an earlier entry \(e.g. train/a/1.jpg\); correct the file, or pass"),
        (
            CONTRADICTED,
            r"2 exact repeats .*; 2 images with answers that contradict .*\(e.g. train/a/1.jpg, val/a/3.jpg\); correct",
        ),
    ],
)
def test_repeats_are_refused(imports, run, form, entries, message):
    with pytest.raises(DataError, match=message):
        imports(form(entries))
    assert run.teacher.record() is None


@pytest.mark.parametrize("form", [list, as_one_object], ids=["jsonl", "json"])
def test_merging_drops_duplicates_and_takes_the_mean_of_differing_answers(imports, run, form):
    record = imports(form(CONTRADICTED), merge_duplicates=True)
    expected = [[0.5, 0.75], [0.125, 1], [0.5, 0]]  # the mean of different answers, however often each was given
    np.testing.assert_allclose(p_yes_of(run, [*TRAIN, *VAL]), expected, atol=EPSILON * 1.01)
    assert record["remarks"][0] == (
        "2 exact repeats of an earlier entry (e.g. train/a/1.jpg); 2 images with answers that contradict each other "
        "(e.g. train/a/1.jpg, val/a/3.jpg): the mean P(yes) of different answers taken"
    )


def test_two_names_of_one_image_are_duplicates(imports):
    with pytest.raises(DataError, match=r"1 image with answers that contradict each other \(e.g. train/a/1.jpg\)"):
        imports({**GOOD, "1.jpg": [0.5, 0.5]})


@pytest.mark.parametrize("prefix", ["", "./", "/data/flowers/", "C:\\flowers\\"])
@pytest.mark.parametrize("extension", [".jpg", ".png", ""])
def test_names_may_be_paths_to_the_images(imports, run, prefix, extension):
    imports({prefix + name.replace(".jpg", extension): values for name, values in GOOD.items()})
    assert p_yes_of(run, ["train/b/2.jpg"])[0, 0] == pytest.approx(0.125)


@pytest.mark.parametrize("name", ["{}.jpg", "{}", "{}.JPG", "jpg/{}.jpg"])
def test_names_may_lack_the_folder_or_have_another_one(imports, run, name):
    record = imports({name.format(image_id[-5]): values for image_id, values in GOOD.items()})
    assert p_yes_of(run, ["train/b/2.jpg"])[0, 0] == pytest.approx(0.125)
    assert any(
        "matched by their last parts, e.g. jpg/1.jpg to train/a/1.jpg" in line for line in record["remarks"]
    ) == ("/" in name)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("", DataError, "p_yes.json: the file is empty; .*one object per line"),
        (" \n\t\n", DataError, "the file is empty"),
        ("{}", DataError, "holds no answers"),
        ("[1, 2]", DataError, r"got \[1, 2\] where an object should be"),
        ("p_yes\n0.5\n", DataError, r"line 1: not valid JSON \(Expecting value\)"),
        ('{"a": [0.1, 0.2]}\n{"b": [0.1, 0.2]\n{"c": [0.1, 0.2]}', DataError, "line 2: not valid JSON"),
        ('{\n  "a": [0.1,\n 0.2]', DataError, "line 3: not valid JSON"),
        ('{"a": ' + "[" * 100_000, DataError, "cannot be read"),
        ('{"a": [' + "9" * 5_000 + "]}", DataError, "cannot be read"),
        ('{"a": 0.5}', DataError, "'a' has 0.5 where a list should be"),
        ('{"a": {"b": [0.5, 0.5]}}', DataError, "'a' has an object where a list should be"),
        ('{"a": [0.5, "0.5"]}', DataError, "value 2 of 'a' is \"0.5\"; probabilities from 0 to 1 are accepted"),
        ('{"a": [0.5, true]}', DataError, "value 2 of 'a' is true"),
        ('{"a": [null, 0.5]}', DataError, "value 1 of 'a' is null"),
        ('{"a": [NaN, 0.5]}', DataError, "value 1 of 'a' is NaN"),
        ('{"a": [0.5, Infinity]}', DataError, "value 2 of 'a' is Infinity"),
        ('{"a": [0.5, 1.5]}', DataError, "value 2 of 'a' is 1.5"),
        ('{"a": [-0.1, 0.5]}', DataError, "value 1 of 'a' is -0.1"),
        (
            '{"a": [0.5, 0.5], "b": [0.5, 0.5], "c": [0.5]}',
            DataError,
            r"the lists differ in length: 2 values in 2 of 3, 1 in 1 \(e.g. 'c'\)",
        ),
        (
            '{"a": [0.5, 0.5, 0.5]}',
            AspectError,
            "p_yes.json has 3 values per image, but aspects has 2 questions: give in aspects the 3 questions",
        ),
    ],
)
def test_bad_input_is_one_sentence(imports, run, content, error, message):
    with pytest.raises(error, match=message) as raised:
        imports(content)
    assert "\n" not in str(raised.value)
    assert run.teacher.record() is None


def test_a_binary_or_missing_file(tmp_path, config, run):
    (tmp_path / "x.json").write_bytes(b"\x89PNG\xff")
    with pytest.raises(DataError, match=r"x.json: not text in UTF-8"):
        import_teacher(config, run, str(tmp_path / "x.json"))
    with pytest.raises(DataError, match=r"y.json: no such file"):
        import_teacher(config, run, str(tmp_path / "y.json"))
    with pytest.raises(DataError, match="cannot be read"):
        import_teacher(config, run, str(tmp_path))


def test_a_relative_path_and_a_byte_order_mark(tmp_path, config, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert import_teacher(config, run, "x.json")["ledger"]["missing"] == 0


def test_images_without_answers_are_refused_and_names_without_image_are_shown(imports, run):
    with pytest.raises(
        LedgerError,
        match=r"no answers about 2 of 3 training and validation images, e.g. train/b/2.jpg, val/a/3.jpg; 1 name in it "
        r"match no image, e.g. train/b/two.jpg; students cannot be trained on these",
    ):
        imports({"train/a/1.jpg": [0.5, 0.5], "train/b/two.jpg": [0.5, 0.5]})
    assert run.teacher.record() is None


def test_another_kind_of_teacher_is_refused(tmp_path, run):
    config = config_for(tmp_path, teacher={"kind": "vllm"})
    with pytest.raises(ConfigError, match=r"teacher.kind: got 'vllm'; .* teacher=\{kind: imported, name: internvl2-8b"):
        import_teacher(config, run, write_file(tmp_path, GOOD))


def test_the_image_table_comes_first(tmp_path, run):
    with pytest.raises(ArtifactError, match="run `mmkd images CONFIG` first"):
        import_teacher(config_for(tmp_path), run, write_file(tmp_path, GOOD))


def test_the_same_file_gives_the_same_identity_and_any_change_another(tmp_path, imports, config, run):
    first = imports(GOOD)
    written = run.teacher.child("table").filesystem.get_file_info(run.teacher.child("table").path).mtime_ns
    assert imports(GOOD) == first
    assert run.teacher.child("table").filesystem.get_file_info(run.teacher.child("table").path).mtime_ns == written

    changed = imports({**GOOD, "train/a/1.jpg": [0.5, 0.5]})
    np.testing.assert_allclose(p_yes_of(run, TRAIN[:1]), [[0.5, 0.5]], rtol=1e-6)
    clipped = imports(GOOD, epsilon=1e-3)
    swapped_config = config_for(tmp_path, QUESTIONS[::-1])
    swapped = import_teacher(swapped_config, run, write_file(tmp_path, GOOD))
    np.testing.assert_allclose(p_yes_of(run, TRAIN[:1]), [[0.5, 0.25]], rtol=1e-6)
    assert len({record["fingerprint"] for record in (first, changed, clipped, swapped)}) == 4


def test_imported_answers_are_no_stored_answers_that_others_share(imports, run):
    """Which image a name is of is a matter of the run: what one import matched is not mixed into another."""
    imports(GOOD)
    assert run.shared.child("answers").names() == []
    assert run.answer_keys() == []


def test_students_are_trained_again_when_the_column_of_a_question_changed(tmp_path, imports, run):
    red_alone = config_for(tmp_path, QUESTIONS[:1])
    imports(GOOD)
    before = {str(spec): spec.identity for spec in list_students(red_alone, run)}
    import_teacher(config_for(tmp_path, QUESTIONS[::-1]), run, write_file(tmp_path, GOOD))
    after = {str(spec): spec.identity for spec in list_students(red_alone, run)}
    assert before["ce seed 0"] == after["ce seed 0"]
    assert before["makd seed 0"] != after["makd seed 0"]


def test_a_table_of_a_teacher_with_another_name_is_not_used(tmp_path, imports, run):
    imports(GOOD)
    other = config_for(tmp_path, teacher={"kind": "imported", "name": "qwen3-vl"})
    with pytest.raises(
        ArtifactError, match=r"teacher.name was 'internvl2-8b' and is 'qwen3-vl'; run `mmkd import-teac"
    ):
        require_teacher(other, run)


def test_a_study_may_use_some_of_the_questions(tmp_path, imports, run):
    imports(GOOD)
    fewer = config_for(tmp_path, QUESTIONS[1:])
    assert require_teacher(fewer, run)["ledger"]["questions"] == 2
    assert p_yes_of(run, TRAIN, QUESTIONS[1:]).shape == (2, 1)


def test_a_table_in_several_files_keeps_its_rows(imports, run, monkeypatch):
    monkeypatch.setattr("mmkd_ray.answers.interop.importing.ROWS_A_PART", 2)
    imports(GOOD)
    np.testing.assert_allclose(p_yes_of(run, [*TRAIN, *VAL])[:, 0], [0.25, 0.125, 0.75], rtol=1e-6)


def test_students_are_trained_from_a_folder_of_images_and_an_imported_file(tmp_path, run):
    for name in "ab":
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(10):
            (tmp_path / "images" / name / f"{name}_{number}.png").write_bytes(picture(number))
    config = config_for(tmp_path, images=tmp_path / "images", student={"image_size": 8})
    build_image_table(config, run, lambda *_: None)
    answers = {f"jpg/{name}_{number}.jpg": [number / 10, 0.5] for name in "ab" for number in range(10)}
    import_teacher(config, run, write_file(tmp_path, answers))
    study_data = StudyData(run)
    training_sets = [study_data.training_set(spec) for spec in list_students(config, run) if spec.arm == "makd"]
    taught = training_sets[0].aspect_targets_NQ[:, 0].tolist()
    assert taught == pytest.approx([int(image_id[-5]) / 10 for image_id in training_sets[0].train.image_ids], abs=1e-5)


@pytest.fixture
def flowers(tmp_path, run):
    """A run whose images have the names of the real file, in another folder as on the data set's own disk."""
    names = list(json.loads((FLOWERS / "p_yes.json").read_text()))
    config = config_for(tmp_path, [f"Does the flower have feature {number}?" for number in range(50)])
    write_images(config, run, train=[f"train/flower/{name}" for name in names])
    return config


@needs_flowers
def test_the_real_files_agree(flowers, run):
    record = import_teacher(flowers, run, str(FLOWERS / "p_yes.json"))
    assert record["ledger"]["scored"] == 2_091
    assert record["ledger"]["present"] == 2_091 * 50
    assert record["remarks"] == ["P(yes) clipped to [1e-06, 1 - 1e-06]: 0 of 104,550 values changed"]
    assert run.teacher.read_json(UNMATCHED) == []
    from_json = read_teacher_table(run)
    published = json.loads((FLOWERS / "p_yes.json").read_text())
    np.testing.assert_allclose(from_json.p_yes_NQ, list(published.values()), atol=1e-6)

    with pytest.raises(DataError, match=r"p_yes.jsonl: 210 exact repeats of an earlier entry \(e.g. train/flower/imag"):
        import_teacher(flowers, run, str(FLOWERS / "p_yes.jsonl"))
    record = import_teacher(flowers, run, str(FLOWERS / "p_yes.jsonl"), merge_duplicates=True)
    from_lines = read_teacher_table(run)
    assert record["remarks"][0].startswith("210 exact repeats of an earlier entry (e.g. ")
    assert record["remarks"][0].endswith("): dropped")
    assert from_lines.image_ids == from_json.image_ids
    np.testing.assert_array_equal(from_lines.p_yes_NQ, from_json.p_yes_NQ)


@needs_flowers
def test_the_real_file_needs_its_fifty_questions(tmp_path, run, flowers):
    config = config_for(tmp_path)
    with pytest.raises(AspectError, match="has 50 values per image, but aspects has 2 questions"):
        import_teacher(config, run, str(FLOWERS / "p_yes.json"))


@pytest.mark.parametrize("select", ["mrmr", "information", "random"])
def test_values_are_read_in_the_order_of_the_question_file_whatever_the_ranking(config, run, tmp_path, select):
    aspects = config.aspects.model_copy(update={"select": select, "count": 1, "select_seed": 1})
    import_teacher(config.model_copy(update={"aspects": aspects}), run, write_file(tmp_path, GOOD))
    np.testing.assert_allclose(p_yes_of(run, ["val/a/3.jpg", "train/a/1.jpg"]), [[0.75, 0], [0.25, 0.5]], atol=1e-5)
