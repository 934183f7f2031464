import pytest

from mmkd_ray import cli


@pytest.fixture
def mmkd(capfd, repository, monkeypatch, tmp_path):
    """Run a command in this process; gives (status, what it printed)."""
    monkeypatch.chdir(repository)

    def call(*arguments):
        status = cli.main(list(arguments))
        captured = capfd.readouterr()
        return status, (captured.out + captured.err).strip()

    return call
