import multiprocessing
from multiprocessing import util

from mmkd_ray.data.feed.loader import keep_sockets_short


def test_a_temporary_folder_that_is_too_long_for_sockets_is_not_used_for_them(tmp_path, monkeypatch):
    config = multiprocessing.current_process()._config
    for folder, kept in ((tmp_path / ("long" * 25), False), (tmp_path.parents[3], True)):
        folder.mkdir(exist_ok=True)
        monkeypatch.setitem(config, "tempdir", str(folder))
        keep_sockets_short()
        assert (util.get_temp_dir() == str(folder)) is kept
