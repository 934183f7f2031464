from mmkd_ray.errors import TeacherError, mmkd_cause


def test_the_cause_is_found_through_wrappers():
    wanted = TeacherError("no tokens")
    died, failed = RuntimeError("actor died"), RuntimeError("task failed")
    died.__cause__, failed.cause = wanted, died
    assert mmkd_cause(failed) is wanted


def test_other_errors_have_no_cause():
    assert mmkd_cause(ValueError("x")) is None
