"""Probes: ways to look at a trained student; predictions are made and measured for each of a probe's severities."""

from mmkd_ray.config import EvaluateConfig
from mmkd_ray.evaluate.probes.attack import ATTACKS
from mmkd_ray.evaluate.probes.clean import CLEAN
from mmkd_ray.evaluate.probes.corruption import ALL_CORRUPTIONS
from mmkd_ray.evaluate.probes.probe import Probe, Seen

__all__ = ["CLEAN", "PROBES", "Probe", "Seen", "chosen_probes"]

PROBES: dict[str, Probe] = {probe.name: probe for probe in (CLEAN, *ALL_CORRUPTIONS, *ATTACKS)}
"""Every probe, by its name."""


def chosen_probes(config: EvaluateConfig) -> list[Probe]:
    """Those that a configuration asks for, `clean` first."""
    return [probe for probe in PROBES.values() if probe.kind in config.probes]
