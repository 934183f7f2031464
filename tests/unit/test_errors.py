from mmkd_ray.errors import TeacherError, mmkd_cause


def test_the_cause_is_found_through_wrappers():
    wanted = TeacherError("no tokens")
    try:
        try:
            raise wanted
        except TeacherError as error:
            raise RuntimeError("actor died") from error
    except RuntimeError as error:
        assert mmkd_cause(error) is wanted


def test_foreign_errors_have_none():
    assert mmkd_cause(ValueError("x")) is None
