import os

import pytest

from mmkd_ray.benchmark.bench import InOwnProcess, alternate


def test_contenders_take_turns_and_each_is_first_once():
    calls = []
    results = alternate(
        3, {name: lambda number, name=name: calls.append(f"{name}{number}") or number for name in ("a", "b", "c")}
    )
    assert calls == ["a0", "b0", "c0", "b1", "c1", "a1", "c2", "a2", "b2"]
    assert results == {"a": [0, 1, 2], "b": [0, 1, 2], "c": [0, 1, 2]}


class Counter:
    def __init__(self, start):
        self.count = start

    def __call__(self, more):
        self.count += more
        return self.count, os.getpid()


@pytest.mark.timeout(60)
def test_what_lives_in_a_process_of_its_own_keeps_its_state_between_turns():
    with InOwnProcess(Counter, 10) as counter:
        (first, pid), (second, same) = counter(1), counter(2)
    assert (first, second) == (11, 13)
    assert pid == same != os.getpid()
