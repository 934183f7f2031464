import io
import re

from mmkd_ray.console import Console


def clocked(monkeypatch):
    clock = {"now": 0.0}
    monkeypatch.setattr("mmkd_ray.console.progress.time.monotonic", lambda: clock["now"])
    return clock


def test_progress_shows_done_total_rate_and_eta(monkeypatch):
    clock, stream = clocked(monkeypatch), io.StringIO()
    progress = Console(stream).progress("extract", "images")
    for now, done in ((0, 0), (20, 10), (30, 60), (31, 65), (40, 110)):
        clock["now"] = now
        progress(done, 210)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "extract   0 / 210 images    0 %  starting, 0 s"
    # Rates count from the first result on: 100 images in 20 s.
    assert lines[-1] == "extract   110 / 210 images   52 %  5.0 images/s  ETA 0:20"
    assert len(lines) == 4  # the one a second after another is left out


def test_the_last_line_has_the_seconds_and_the_remark(monkeypatch):
    clock, stream = clocked(monkeypatch), io.StringIO()
    progress = Console(stream).progress("train", "epochs")
    progress(4, 4)
    clock["now"] = 12.34
    progress.close("2 students")
    assert stream.getvalue().splitlines()[-1] == "train     4 / 4 epochs  12.3 s  2 students"


def test_another_count_is_shown_as_a_rate_and_the_rest_as_counts(monkeypatch):
    clock = iter([0.0, 1.0, 11.0, 21.0])
    monkeypatch.setattr("mmkd_ray.console.progress.time.monotonic", lambda: next(clock))
    stream = io.StringIO()
    progress = Console(stream).progress("extract", "images", "answers")
    progress(100, 400, {})
    progress(110, 400, {"answers": 500, "quarantined": 0})
    progress(210, 400, {"answers": 5500, "quarantined": 3})
    assert stream.getvalue().splitlines()[-1] == (
        "extract   210 / 400 images   52 %  10.0 images/s  500 answers/s  ETA 0:19  3 quarantined"
    )


def test_a_stage_that_breaks_off_says_how_far_it_came():
    stream = io.StringIO()
    progress = Console(stream).progress("extract", "images")
    progress.break_off()
    assert stream.getvalue() == ""
    progress(100, 400, {})
    progress(164, 400, {})
    progress.break_off()
    assert re.fullmatch(r"extract   164 / 400 images  \d+\.\d s  not finished", stream.getvalue().splitlines()[-1])
