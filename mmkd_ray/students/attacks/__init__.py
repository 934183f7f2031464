"""Adversarial attacks: images changed within a norm's ball so that a student's class is wrong.

Published numbers (RobustBench) take AutoAttack at L-inf 8/255 (CIFAR) or 4/255 (ImageNet), or L2 0.5 (CIFAR).
"""

from mmkd_ray.students.attacks.autoattack import autoattack
from mmkd_ray.students.attacks.ball import Norm
from mmkd_ray.students.attacks.pgd import pgd

__all__ = ["Norm", "autoattack", "pgd"]
