"""How fast do pictures come to a student, and what do they take of memory? Against ImageFolder and a DataLoader."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmkd_ray.benchmark import our_feed, plain_feed
from mmkd_ray.benchmark.bench import Bench, alternate, in_own_process, own_folder
from mmkd_ray.benchmark.data import write_pictures
from mmkd_ray.benchmark.fieldguide_run import SMALL_STUDENT
from mmkd_ray.benchmark.ratio import Ratio, over
from mmkd_ray.benchmark.results import write_results
from mmkd_ray.benchmark.train import samples_per_s, wait_share
from mmkd_ray.config import Config, validate


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    jpegs: int = 2_100
    """Of 500 x 375 pixels, a third of them to train on: about 75 kB each."""
    batch: int = 16
    feed_epochs: int = 4
    longer: int = 5
    """Times as many of the mapped feed, which is over in a moment."""
    steps: int = 12
    """Of an epoch of ResNet-18 at 224 px."""
    train_epochs: int = 2
    """The first is the warm-up."""
    shared: int = 12_000
    """Pictures of 341 x 256 pixels that two students share: 3 GiB."""
    few: int = 2_000
    growth: int = 5
    """Times `few`, of which the memory is compared."""
    huge: int = 1_281_167
    """As ImageNet-1k; 8 x 8 pixels each."""
    small: int = 10_000


def benchmark_feeds(
    output: str, *, quick: bool, say: Callable[[str], None], size: Size | None = None
) -> dict[str, Any]:
    """Measure, write `feeds.json` and `feeds.md`, and return what the JSON holds.

    Args:
        output: folder of the two files.
        quick: three rounds in place of five.
        say: called with each result as it comes.
        size: how much is measured.
    """
    size = size or Size()
    with own_folder(say, quick=quick) as bench:
        ratios = [*_speeds(bench, size), *_memory(bench, size), *_huge_table(bench, size)]
    return write_results(output, "feeds", ratios=ratios, measurements=bench.measurements, notes=_notes(size))


def _speeds(bench: Bench, size: Size) -> list[Ratio]:
    folder = bench.folder / "jpeg"
    write_pictures(folder, size.jpegs, side=(500, 375), suffix="jpg")
    configs = {how: _config(bench, "jpeg", folder, size, how) for how in ("mapped", "encoded")}
    in_own_process(our_feed.make_table, configs["mapped"])
    cores, train = len(os.sched_getaffinity(0)), str(folder / "train")

    def plain(loaders: int, *, from_disk: bool = False) -> float:
        return in_own_process(plain_feed.feed_rate, train, loaders, size.batch, size.feed_epochs, from_disk)

    trials = {loaders: plain(loaders) for loaders in sorted({0, 1, cores})}
    best = max(trials, key=trials.__getitem__)
    name = f"ImageFolder, DataLoader of {best}"

    def ours(how: str, times: int, *, from_disk: bool = False) -> Callable[[int], float]:
        return lambda _: in_own_process(our_feed.feed_rate, configs[how], cores, size.feed_epochs * times, from_disk)

    resident, mapped = "mapped, in memory", "mapped, from the disk"
    contenders = {
        resident: ours("mapped", size.longer),
        mapped: ours("mapped", 1, from_disk=True),
        "encoded": ours("encoded", 1),
    }
    rivals = {name: lambda _: plain(best), f"{name}, from the disk": lambda _: plain(best, from_disk=True)}
    rates = alternate(bench.rounds, {**rivals, **contenders})
    for contender, values in rates.items():
        bench.add(f"feed alone, 224 px from 500 x 375: {contender}", values, "images/s")
    return [
        Ratio("resident_over_dataloader", {"JPEG": over(rates[resident], rates[name])}, 4),
        Ratio("mapped_over_dataloader", {"JPEG": over(rates[mapped], rates[f"{name}, from the disk"])}, 4),
        Ratio("encoded_over_dataloader", {"JPEG": over(rates["encoded"], rates[name])}, 1.1),
        *_training(bench, size, configs["mapped"], train, best),
    ]


def _training(bench: Bench, size: Size, config: Config, folder: str, loaders: int) -> list[Ratio]:
    """ResNet-18 end to end: all cores for either."""
    cores = len(os.sched_getaffinity(0))
    epochs = alternate(
        bench.rounds,
        {
            "ours": lambda _: in_own_process(our_feed.train, config, size.steps, size.train_epochs, cores),
            "plain": lambda _: in_own_process(
                plain_feed.train, folder, loaders, size.batch, size.steps, size.train_epochs, cores
            ),
        },
    )
    rates = {
        "ours": [samples_per_s(one["ends"], size.batch) for one in epochs["ours"]],
        "plain": [samples_per_s(ends, size.batch) for ends in epochs["plain"]],
    }
    for contender, values in rates.items():
        bench.add(f"ResNet-18 at 224 px, batch {size.batch}: {contender}", values, "samples/s")
    waits = [wait_share(one["begins"], one["ends"]) for one in epochs["ours"]]
    return [
        Ratio("train_over_plain", {"ResNet-18": over(rates["ours"], rates["plain"])}, 1.0),
        Ratio("data_wait_share", {"ResNet-18": waits}, 0.03, lower_is_better=True, zero=1),
    ]


def _memory(bench: Bench, size: Size) -> list[Ratio]:
    # All pictures are seen; what the student makes of them is of no matter here.
    config = _config(bench, "memory", bench.folder, size, "mapped", student={**SMALL_STUDENT, "image_size": 32})
    rounds = range(bench.rounds - 1)

    def alone(pictures: int) -> dict[str, float]:
        return in_own_process(our_feed.memory_of_training, config, pictures)

    alone(size.shared)  # makes the file
    one = [alone(size.shared)["Pss"] for _ in rounds]
    two = [_side_by_side(config, size.shared) for _ in rounds]
    bench.add(f"{size.shared:,} pictures: memory of one student", one, "MiB")
    bench.add(f"{size.shared:,} pictures: memory of two side by side", two, "MiB")
    few, many = ([alone(count)["RssAnon"] for _ in rounds] for count in (size.few, size.few * size.growth))
    bench.add(f"{size.few:,} pictures: memory that is the student's own", few, "MiB")
    bench.add(f"{size.few * size.growth:,} pictures: the same", many, "MiB")
    return [
        Ratio("memory_two_students_over_one", {"mapped": over(two, one)}, 1.2, lower_is_better=True),
        Ratio("train_rss_growth", {"mapped": over(many, few)}, 1.1, lower_is_better=True),
    ]


def _side_by_side(config: Config, pictures: int) -> float:
    """MiB of two students together."""
    with multiprocessing.get_context("spawn").Manager() as manager:
        together = manager.Barrier(2, timeout=600)
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            held = [pool.submit(our_feed.memory_of_training, config, pictures, together) for _ in range(2)]
            return sum(process.result()["Pss"] for process in held)


def _huge_table(bench: Bench, size: Size) -> list[Ratio]:
    found = {}
    for count in (size.small, size.huge):
        config = _config(bench, f"table-{count}", bench.folder, size, "mapped", student=SMALL_STUDENT)
        in_own_process(our_feed.make_huge_table, config, count)
        found[count] = [in_own_process(our_feed.start_of_training, config, 20) for _ in range(bench.rounds)]
        bench.add(
            f"table of {count:,} images: to the end of the first step", [one["first"] for one in found[count]], "s"
        )
        bench.add(f"table of {count:,} images: a step", [one["step"] for one in found[count]], "s")
    few, many = found[size.small], found[size.huge]
    beyond = [one["first"] - other["first"] for one, other in zip(many, few, strict=True)]
    steps = over([one["step"] for one in many], [one["step"] for one in few])
    return [
        Ratio("first_batch_of_imagenet_beyond_s", {f"{size.huge:,} images": beyond}, 30, lower_is_better=True, zero=-1),
        Ratio("step_of_imagenet_over_small", {f"{size.huge:,} images": steps}, 1.1, lower_is_better=True),
    ]


def _config(
    bench: Bench, name: str, folder: Path, size: Size, how: str, *, student: dict[str, Any] | None = None
) -> Config:
    """A student that sees pictures of a folder as torchvision and the paper show them."""
    # Decoded for each step, a picture is cropped as it is: so does the rival.
    train = {"batch_size": size.batch, "views": "torchvision", "crop_scale": [0.08, 1.0], "brightness": 0}
    return validate(
        {
            "name": name,
            "data": {"source": "folder", "path": str(folder)},
            "aspects": {"source": "fieldguide"},
            "student": student or {"model": "resnet18", "image_size": 224},
            "train": train | {"decode_size": "full" if how == "encoded" else 256, "epochs": 100},
            "cluster": {"feed": how},
            "storage": {"path": str(bench.folder / "runs")},
        }
    )


def _notes(size: Size) -> list[str]:
    rival = (
        "ImageFolder, RandomResizedCrop, flip, ToTensor, Normalize and a DataLoader with its best number of processes"
    )
    feeds = (
        "`resident_over_dataloader`: pictures with a shorter side of 256 px in a mapped file, made before, which the "
        "kernel holds in memory; `mapped_over_dataloader`: forgotten by the kernel before each epoch, as what is "
        "larger than memory, and so are the rival's files; `encoded_over_dataloader`: decoded for each step, cropped "
        "at full resolution. All with antialiasing."
    )
    training = (
        "`train_over_plain`: ResNet-18, forward, backward, SGD, the mapped feed against the rival's, samples a second; "
        "`data_wait_share`: of our step, before its forward pass begins."
    )
    memory = (
        f"`memory_two_students_over_one`: proportional set sizes after an epoch over {size.shared:,} pictures, each in "
        "a process of its own. `train_rss_growth`: memory that the kernel cannot take back (RssAnon), with "
        f"{size.growth} times the pictures."
    )
    huge = (
        f"`first_batch_of_imagenet_beyond_s`: to the end of the first step with {size.huge:,} images, less that with "
        f"{size.small:,}; the file of decoded images is there, a teacher's answers are not read."
    )
    return [f"The rival: {rival}. All have all cores.", feeds, training, memory, huge]
