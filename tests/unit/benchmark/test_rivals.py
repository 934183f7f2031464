from mmkd_ray.benchmark.rivals import rate_after_first


def test_a_rate_leaves_out_what_came_before_the_first_batch_ended():
    assert rate_after_first([100.0, 101.0, 102.0, 104.0], [99, 10, 10, 20]) == 10.0


def test_batches_are_taken_in_the_order_of_their_ends():
    assert rate_after_first([3.0, 1.0, 2.0], [6, 99, 4]) == 5.0
