from mmkd_ray.metrics.multiple import holm


def test_holms_own_steps():
    # Sorted: 0.005 <= 0.05 / 4, 0.01 <= 0.05 / 3, 0.03 > 0.05 / 2: the rest is kept, 0.04 too.
    assert holm([0.01, 0.04, 0.03, 0.005], level=0.05) == [True, False, False, True]
    assert holm([0.02], level=0.05) == [True]
    assert holm([], level=0.05) == []
