import pytest

from mmkd_ray.errors import ConfigError
from mmkd_ray.serve.settings import settings


def test_a_service_takes_its_own_sections_of_a_whole_configuration(repository, tmp_path):
    (tmp_path / "service.yaml").write_text("serve: {replicas: [1, 3], port: 9000}\ncluster: {address: 'head:6379'}\n")
    config = settings([str(repository / "configs/quickstart.yaml"), str(tmp_path / "service.yaml"), "serve.port=9001"])
    assert (config.serve.least_replicas, config.serve.most_replicas, config.serve.port) == (1, 3, 9001)
    assert config.cluster.address == "head:6379"
    assert settings(serve={"replicas": 2}).serve.most_replicas == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("serve.replcas=2", "unknown key 'serve.replcas'; did you mean 'serve.replicas'?"),
        ("serve.port=70000", "serve.port: got 70000; "),
        ("serve.replicas=[3, 1]", "serve.replicas must be a number or [least, most] with least <= most, got [3, 1]"),
        ("serve.ongoing_requests=8", "serve.ongoing_requests (8) is less than serve.batch_size (32): batches"),
        ("serve.url_prefixes=['https://images.example.org']", "serve.url_prefixes"),
        ("serve.url_prefixes=['file:///etc/']", "serve.url_prefixes"),
    ],
)
def test_what_cannot_be_served_so_is_refused_in_one_line(override, message):
    with pytest.raises(ConfigError) as refused:
        settings([override])
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
