import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmkd_ray.answers.interop.places import locate
from mmkd_ray.artifacts import RECORD, Folder, open_run
from mmkd_ray.errors import ArtifactError, ConfigError, DamagedError
from mmkd_ray.gc import unused
from tests.support.damage import KINDS, damage, flipped_bits


def test_a_folder_is_finished_only_under_its_own_identity(run):
    run.teacher.write_json("x.json", [1])
    assert run.teacher.finished("one") is None
    run.teacher.finish("one", images=3)
    assert run.teacher.finished("one") == {"fingerprint": "one", "images": 3, "files": {"x.json": "fa81ea5262198578"}}
    assert run.teacher.finished("two") is None


def test_files_are_whole_or_absent(run, tmp_path):
    run.folder.write_bytes("a.txt", b"old")
    run.folder.write_bytes("a.txt", b"new")
    assert run.folder.read_bytes("a.txt") == b"new"
    assert run.folder.names() == ["a.txt"]


def write_often(uri, value, times):
    """Write one name again and again, and read what is there after each time: the lengths that were seen."""
    folder, seen = Folder(uri), set()
    for _ in range(times):
        folder.write_bytes("same", value * 4_000)
        content = folder.read_bytes("same")
        seen.add((len(content), len(set(content))))
    return seen


def test_two_processes_may_write_one_name_and_every_reader_sees_it_whole(tmp_path):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        both = [pool.submit(write_often, str(tmp_path), value, 200) for value in (b"a", b"b")]
        assert [future.result() for future in both] == [{(4_000, 1)}] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["same"]


def test_what_a_killed_writer_has_left_is_seen_by_no_reader(run):
    run.teacher.write_table("a.parquet", pa.table({"a": [1]}))
    Path(run.teacher.path, ".b.parquet.0123.part").write_bytes(b"half")
    assert run.teacher.names() == ["a.parquet"]
    assert run.teacher.read_table().num_rows == pq.read_table(run.teacher.path).num_rows == 1


def test_a_write_that_fails_leaves_nothing(run):
    Path(run.folder.path, "a", "b").mkdir(parents=True)
    with pytest.raises(OSError, match="a"):
        run.folder.write_bytes("a", b"a file cannot take the name of a folder that is not empty")
    assert [path.name for path in Path(run.folder.path).iterdir()] == ["a"]


def test_tables_come_back_as_they_were(run):
    table = pa.table({"a": [1, 2], "b": [[0.5], [1.5]]})
    run.teacher.write_table("t.parquet", table)
    assert run.teacher.read_table("t.parquet").equals(table)
    assert run.teacher.read_table().equals(table)


def test_a_missing_stage_names_its_command(run):
    with pytest.raises(
        ArtifactError, match=r"run `mmkd images CONFIG` first \(.*a relative storage.path starts from the"
    ):
        run.require(run.images, "images")


def test_delete_and_names_accept_a_folder_that_is_not_there(run):
    run.teacher.delete()
    assert run.teacher.names() == []


def test_an_unknown_scheme_is_explained():
    with pytest.raises(ArtifactError, match="give a local folder, s3://"):
        Folder("nothing://x").exists("y")


def test_relative_storage_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_run("runs", "a").folder.uri == str(tmp_path / "runs" / "a")
    assert open_run("s3://bucket/runs", "a").folder.uri == "s3://bucket/runs/a"


def test_the_query_of_a_uri_goes_to_the_file_system_and_names_go_to_the_path(tmp_path):
    run = open_run("s3://bucket/runs?endpoint_override=127.0.0.1:9&scheme=http&region=x", "a")
    assert run.folder.path == "bucket/runs/a"
    assert run.name == "a"
    assert run.teacher.path == "bucket/runs/a/teacher"
    assert run.shared.path == "bucket/runs/shared"
    assert run.teacher.filesystem.equals(run.shared.filesystem)
    assert run.teacher.uri == "s3://bucket/runs/a/teacher"  # as people see it
    assert pickle.loads(pickle.dumps(run.teacher)) == run.teacher
    folder, name = locate("s3://bucket/p_yes.json?endpoint_override=127.0.0.1:9&region=x")
    assert (folder.path, name) == ("bucket", "p_yes.json")
    assert locate("/p.json") == (Folder("/"), "p.json")


def test_a_uri_that_pyarrow_would_cut_off_or_that_holds_a_key_is_refused():
    with pytest.raises(ArtifactError, match="'#' ends the path of a URI; write %23"):
        Folder.at("s3://bucket/a#b")
    with pytest.raises(ConfigError, match="may hold no key or password") as caught:
        Folder.at("s3://A:s3cret@bucket/a")
    assert "s3cret" not in str(caught.value)


def test_runs_of_a_storage_path_share_images_and_answers(tmp_path):
    one, two = open_run(str(tmp_path), "one"), open_run(str(tmp_path), "two")
    one.refer_to_images("k").finish("table")
    assert two.images.record() is None
    two.refer_to_images("k")
    assert two.images == one.images == Folder(f"{tmp_path}/shared/images/k")
    assert one.answers("t") == two.answers("t") == Folder(f"{tmp_path}/shared/answers/t")
    assert pickle.loads(pickle.dumps(one)).images == one.images
    assert open_run(f"{tmp_path}/one/", "").images == one.images
    assert open_run("s3://bucket/runs", "a").shared.uri == "s3://bucket/runs/shared"


def test_a_run_knows_all_answers_that_it_has_ever_needed(run):
    assert run.answer_keys() == []
    for key in "aba":
        run.refer_to_answers(key)
    assert run.answer_keys() == ["a", "b"]


@pytest.mark.parametrize("old", ["images/record.json", "answers/0123/part-4567.parquet"])
def test_a_run_of_version_0_1_0_is_refused_in_one_line(run, old):
    path = Path(run.folder.path, old)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{}")
    message = f"test was made by version 0.1.0, .*: choose another name or storage.path, or delete {run.folder.uri}"
    with pytest.raises(ArtifactError, match=message):
        run.require(run.images, "images")


def test_no_flipped_bit_of_a_json_file_passes(tmp_path):
    """Some only change the white space."""
    folder, value = Folder(str(tmp_path)), {"top1": [0.5, 0.61234567], "images": {"train": 12}, "name": "Eichelhäher"}
    folder.write_json("evaluation.json", value)
    with flipped_bits(tmp_path / "evaluation.json", 300) as bits:
        for bit in bits:
            try:
                found = folder.read_json("evaluation.json")
            except DamagedError:
                continue
            assert found == value, f"bit {bit} passes for data"


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_record_is_an_unfinished_stage_and_is_named(run, capsys, kind):
    run.teacher.finish("one", images=3)
    damage(Path(run.teacher.path, RECORD), kind)
    assert run.teacher.record() is None
    assert run.teacher.finished("one") is None
    with pytest.raises(ArtifactError, match="is not finished: run `mmkd extract CONFIG` first"):
        run.require(run.teacher, "extract")
    told = capsys.readouterr().err
    assert told.count(run.teacher.place(RECORD)) == (kind != "gone"), "one line, however often it is read"


@pytest.mark.parametrize("name", ["images.json", "answers.json"])
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_references_count_as_none_but_nothing_is_deleted_for_it(run, kind, name):
    run.refer_to_images("k")
    run.refer_to_answers("a")
    damage(Path(run.folder.path, name), kind)
    assert (run.image_key(), run.answer_keys()) == ((None, ["a"]) if name == "images.json" else ("k", []))
    if kind != "gone":
        with pytest.raises(DamagedError, match=rf"{name} is damaged .* which writes it again"):
            unused(Folder(run.folder.uri.rpartition("/")[0]))
    run.refer_to_images("k")
    run.refer_to_answers("a")
    assert (run.image_key(), run.answer_keys()) == ("k", ["a"])


def test_a_record_knows_the_files_beside_it(run):
    run.teacher.write_json("questions.json", [{"question": "Is it red?"}])
    record = run.teacher.finish("one")
    assert run.teacher.read_json("questions.json", record) == [{"question": "Is it red?"}]
    run.teacher.write_json("questions.json", [{"question": "Is it rad?"}])
    with pytest.raises(DamagedError, match=r"questions.json is damaged \(it is not what its folder's record says\)"):
        run.teacher.read_json("questions.json", record)


def test_damage_travels_between_processes(tmp_path):
    with pytest.raises(DamagedError) as raised:
        Folder(str(tmp_path)).read_json("gone.json")
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.reason) == (str(raised.value), "it is gone")
