"""Probes: ways to look at a trained student; predictions are made and measured for each of a probe's severities."""

from mmkd_ray.evaluate.probes.clean import CLEAN
from mmkd_ray.evaluate.probes.probe import Probe

__all__ = ["CLEAN", "PROBES", "Probe"]

PROBES: dict[str, Probe] = {probe.name: probe for probe in (CLEAN,)}
"""Every probe, by its name."""
