from mmkd_ray.report.summary import result_table

CE = {
    "seeds": [0, 1], "top1_mean": 0.633, "top1_std": 0.006, "shift_top1_mean": 0.42, "seconds_mean": 61.2,
    "difference": None,
}  # fmt: skip


def arm(mean, low, high, excludes):
    difference = {"mean": mean, "low": low, "high": high, "excludes_zero": excludes}
    return {**CE, "top1_mean": 0.633 + mean, "difference": difference}


def table(**arms):
    return result_table({"confidence": 0.95, "variants": {}, "arms": {"ce": CE, **arms}})


def test_the_table_has_a_row_an_arm():
    lines = table(makd=arm(0.039, 0.01, 0.068, True)).splitlines()
    assert lines[0].split() == "arm,seeds,test,top-1,difference,to,ce,[95,%],unseen,s,/,seed".split(",")  # noqa: SIM905 (reads like the line)
    assert lines[2].split() == ["ce", "2", "63.3", "+-", "0.6", "%", "-", "42.0", "%", "61"]
    assert "makd  2      67.2 +- 0.6 %  +3.9 [+1.0, +6.8]" in lines[3]


def test_it_says_plainly_what_was_measured():
    assert "makd: +3.9 points against ce; the 95 % interval over seeds excludes 0" in table(
        makd=arm(0.039, 0.01, 0.068, True)
    )
    assert "makd: +1.0 points against ce, within noise" in table(makd=arm(0.01, -0.01, 0.03, False))
    assert "with one seed, which says nothing about chance" in table(makd=arm(0.01, None, None, False))


def test_without_spread_or_shift_set():
    single = {**CE, "top1_std": None, "shift_top1_mean": None}
    line = result_table({"confidence": 0.95, "variants": {}, "arms": {"ce": single}}).splitlines()[2]
    assert line.split() == ["ce", "2", "63.3", "%", "-", "-", "61"]
