"""Attacks on images of 8 px."""

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Thousands of operations on a few numbers: two threads wait for each other, 200 times slower on busy cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
