"""`mmkd doctor`: what a run would find on this machine. Nothing is started, and nothing takes more than seconds."""

from mmkd_ray.doctor.examination import examine
from mmkd_ray.doctor.finding import Finding

__all__ = ["Finding", "examine"]
