from mmkd_ray.extract.speed import SpeedMeter, read_speed


def meter_with(monkeypatch, seen):
    times = iter(time for time, _ in seen)
    monkeypatch.setattr("mmkd_ray.extract.speed.time.monotonic", lambda: next(times))
    passed_on = []
    meter = SpeedMeter(lambda *counts: passed_on.append(counts))
    for number, (_, answers) in enumerate(seen):
        meter(number, 9, {"answers": answers})
    return meter, passed_on


ENGINES = [{"time": 10.0, "busy_s": 9.0, "requests": 50, "prompt_tokens": 1000, "computed_tokens": 300}] * 2


def test_the_rate_is_counted_from_the_first_answers_on(monkeypatch, run):
    meter, passed_on = meter_with(monkeypatch, [(100.0, 40), (110.0, 440), (120.0, 840)])
    meter.write(run.folder, ENGINES, actors=2)
    assert read_speed(run.folder) == {
        "answers_per_second": 20.0, "engines": 2, "requests_per_second": 10.0, "engine_busy": 0.9, "requests": 100,
        "prompt_tokens": 2000, "computed_tokens": 600,
    }  # fmt: skip
    assert passed_on[-1] == (2, 9, {"answers": 840})


def test_a_short_measurement_says_nothing_of_answers_a_second_and_replaces_no_other(monkeypatch, run):
    short, _ = meter_with(monkeypatch, [(100.0, 40), (100.5, 440)])
    short.write(run.folder, ENGINES, actors=2)
    assert "answers_per_second" not in read_speed(run.folder)
    assert read_speed(run.folder)["requests_per_second"] == 10.0
    long, _ = meter_with(monkeypatch, [(100.0, 40), (110.0, 440)])
    long.write(run.folder, ENGINES, actors=2)
    measured = read_speed(run.folder)
    short.write(run.folder, [], actors=1)
    assert read_speed(run.folder) == measured
    assert measured["answers_per_second"] == 20.0


def test_an_engine_may_count_nothing(monkeypatch, run):
    meter, _ = meter_with(monkeypatch, [(100.0, 40), (110.0, 440)])
    meter.write(run.folder, [{"time": 10.0}], actors=1)
    assert read_speed(run.folder)["engine_busy"] == 0


def test_each_engine_is_counted_over_its_own_time(monkeypatch, run):
    meter, _ = meter_with(monkeypatch, [(100.0, 40), (110.0, 440)])
    meter.write(run.folder, [{"time": 10.0, "requests": 50}, {"time": 4.0, "requests": 40}], actors=2)
    assert read_speed(run.folder)["requests_per_second"] == 15.0
