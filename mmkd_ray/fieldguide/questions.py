"""The yes/no questions about a picture, their paraphrases and their true answers.

Questions about what cannot be seen, such as the legs of a bird that swims or flies, are answered No.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mmkd_ray.fieldguide.traits import BACKS, BELLIES, HEADS, Picture

Truth = Callable[[Picture], bool]

# Three families of sentence patterns. Each pattern takes one of the two phrases of a question; the first pattern with
# the first phrase is the canonical wording.
_OF_BIRD: Final = (
    "Does the bird have {}?",
    "Is this a bird with {}?",
    "Can you see {} on the bird?",
    "Does this bird show {}?",
    "Has the bird got {}?",
)
_OF_STATE: Final = (
    "Is the bird {}?",
    "Is this bird {}?",
    "Does the picture show a bird that is {}?",
    "Can you see a bird that is {}?",
    "Would you say the bird is {}?",
)
_OF_PICTURE: Final = (
    "Is there {} in the picture?",
    "Does the picture show {}?",
    "Can you see {} in the image?",
    "Does the image contain {}?",
    "Do you see {} here?",
)


@dataclass(frozen=True, slots=True)
class Question:
    """A yes/no question.

    Attributes:
        id: Short unique name.
        topic: "shape", "colour", "marking" or "scene".
        text: The canonical wording.
        paraphrases: Other wordings that the shipped teacher was trained on.
        held_out: A wording that it was not trained on. Its pattern and its phrase were trained on, but not together.
        orientation_sensitive: Whether a horizontal flip of the image can change the answer.
        mirror: The question that has the same answer on the flipped image, if this one is orientation-sensitive.
        truth: The answer for a picture.
    """

    id: str
    topic: str
    text: str
    paraphrases: tuple[str, ...]
    held_out: str
    orientation_sensitive: bool
    mirror: str | None
    truth: Truth


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    topic: str
    family: tuple[str, ...]
    phrases: tuple[str, str]
    truth: Truth
    orientation_sensitive: bool = False


def _mark(name: str) -> Truth:
    return lambda picture: getattr(picture.bird, name)


def _visible_leg_mark(name: str) -> Truth:
    return lambda picture: picture.shows_legs and getattr(picture.bird, name)


def _bird_is(field: str, value: str) -> Truth:
    return lambda picture: getattr(picture.bird, field) == value


def _scene_is(field: str, value: str | bool) -> Truth:
    return lambda picture: getattr(picture.scene, field) == value


def _article(colour: str) -> str:
    return "an" if colour[0] in "aeiou" else "a"


_SHAPE: Final = (
    _Entry("crest", "shape", _OF_BIRD, ("a crest", "head feathers standing up"), _mark("crest")),
    _Entry("long_beak", "shape", _OF_BIRD, ("a long beak", "a lengthy bill"), _mark("long_beak")),
    _Entry("hooked_beak", "shape", _OF_BIRD, ("a hooked beak", "a bill that curves down"), _mark("hooked_beak")),
    _Entry("long_tail", "shape", _OF_BIRD, ("a long tail", "lengthy tail feathers"), _mark("long_tail")),
    _Entry("forked_tail", "shape", _OF_BIRD, ("a forked tail", "a tail split in two"), _mark("forked_tail")),
    _Entry("long_neck", "shape", _OF_BIRD, ("a long neck", "a stretched neck"), _mark("long_neck")),
    _Entry("long_legs", "shape", _OF_BIRD, ("long legs", "tall legs"), _visible_leg_mark("long_legs")),
    _Entry("plump", "shape", _OF_BIRD, ("a plump body", "a round body"), _mark("plump")),
)

_COLOUR: Final = (
    *(
        _Entry(f"{c}_back", "colour", _OF_BIRD, (f"{_article(c)} {c} back", f"{c} upper parts"), _bird_is("back", c))
        for c in BACKS
    ),
    *(
        _Entry(f"{c}_belly", "colour", _OF_BIRD, (f"{_article(c)} {c} belly", f"{c} underparts"), _bird_is("belly", c))
        for c in BELLIES
    ),
    *(
        _Entry(
            f"{c}_head", "colour", _OF_BIRD, (f"{_article(c)} {c} head", f"{_article(c)} {c} face"), _bird_is("head", c)
        )
        for c in HEADS
    ),
    _Entry("orange_beak", "colour", _OF_BIRD, ("an orange beak", "an orange bill"), _mark("orange_beak")),
    _Entry("red_legs", "colour", _OF_BIRD, ("red legs", "red feet"), _visible_leg_mark("red_legs")),
    _Entry("pink_throat", "colour", _OF_BIRD, ("a pink throat", "a pink chin"), _mark("pink_throat")),
)

_MARKING: Final = (
    _Entry("eye_ring", "marking", _OF_BIRD, ("a white eye ring", "a pale ring around its eye"), _mark("eye_ring")),
    _Entry("eye_stripe", "marking", _OF_BIRD, ("a dark eye stripe", "a line through its eye"), _mark("eye_stripe")),
    _Entry("cap", "marking", _OF_BIRD, ("a black cap", "a dark crown"), _mark("cap")),
    _Entry("chest_band", "marking", _OF_BIRD, ("a black band on its chest", "a dark collar"), _mark("chest_band")),
    _Entry("wing_bars", "marking", _OF_BIRD, ("white bars on its wing", "pale wing stripes"), _mark("wing_bars")),
    _Entry(
        "dark_wing_tips", "marking", _OF_BIRD, ("black wing tips", "wings ending in black"), _mark("dark_wing_tips")
    ),
    _Entry(
        "white_tail_tip",
        "marking",
        _OF_BIRD,
        ("a white tip to its tail", "a tail ending in white"),
        _mark("white_tail_tip"),
    ),
    _Entry(
        "striped_belly",
        "marking",
        _OF_BIRD,
        ("a striped belly", "bars across the underparts"),
        _bird_is("pattern", "striped"),
    ),
    _Entry(
        "spotted_belly",
        "marking",
        _OF_BIRD,
        ("a spotted belly", "dots on the underparts"),
        _bird_is("pattern", "spotted"),
    ),
)

_SCENE: Final = (
    _Entry("on_branch", "scene", _OF_STATE, ("sitting on a branch", "perched on a twig"), _scene_is("pose", "branch")),
    _Entry("on_ground", "scene", _OF_STATE, ("standing on the ground", "on its feet"), _scene_is("pose", "ground")),
    _Entry("flying", "scene", _OF_STATE, ("flying", "up in the air"), _scene_is("pose", "flying")),
    _Entry("swimming", "scene", _OF_STATE, ("swimming", "afloat in water"), _scene_is("pose", "swimming")),
    _Entry(
        "facing_left", "scene", _OF_STATE, ("facing left", "looking to the left"), _scene_is("facing_left", True), True
    ),
    _Entry(
        "facing_right",
        "scene",
        _OF_STATE,
        ("facing right", "looking to the right"),
        _scene_is("facing_left", False),
        True,
    ),
    _Entry("forest", "scene", _OF_PICTURE, ("a forest", "a wood of fir trees"), _scene_is("habitat", "forest")),
    _Entry("sea", "scene", _OF_PICTURE, ("the sea", "an ocean with a boat"), _scene_is("habitat", "sea")),
    _Entry("snow", "scene", _OF_PICTURE, ("snow", "a snowy mountain"), _scene_is("habitat", "snow")),
    _Entry("desert", "scene", _OF_PICTURE, ("a desert", "sand with a cactus"), _scene_is("habitat", "desert")),
    _Entry("meadow", "scene", _OF_PICTURE, ("a meadow", "green grassland"), _scene_is("habitat", "meadow")),
    _Entry("trunk", "scene", _OF_PICTURE, ("a tree trunk", "the stem of a tree"), _scene_is("thing", "trunk")),
    _Entry("rock", "scene", _OF_PICTURE, ("a rock", "a big stone"), _scene_is("thing", "rock")),
    _Entry("flower", "scene", _OF_PICTURE, ("a flower", "a pink blossom"), _scene_is("thing", "flower")),
    _Entry(
        "sun_left",
        "scene",
        _OF_PICTURE,
        ("a sun or moon on the left", "a bright disc at the left"),
        _scene_is("sun_left", True),
        True,
    ),
    _Entry(
        "sun_right",
        "scene",
        _OF_PICTURE,
        ("a sun or moon on the right", "a bright disc at the right"),
        _scene_is("sun_left", False),
        True,
    ),
    _Entry("cloud", "scene", _OF_PICTURE, ("a cloud", "something fluffy up high"), _scene_is("cloud", True)),
    _Entry("night", "scene", _OF_PICTURE, ("a night sky", "darkness after sunset"), _scene_is("night", True)),
)


def _in_mirror(phrase: str) -> str:
    return phrase.replace("left", "right") if "left" in phrase else phrase.replace("right", "left")


def _make_question(number: int, entry: _Entry) -> Question:
    first, second = entry.phrases
    held_out_pattern = 1 + number % (len(entry.family) - 1)
    others = [entry.family[i].format(first) for i in range(1, len(entry.family))]
    others += [entry.family[i].format(second) for i in range(len(entry.family)) if i != held_out_pattern]
    return Question(
        id=entry.id,
        topic=entry.topic,
        text=entry.family[0].format(first),
        paraphrases=tuple(others),
        held_out=entry.family[held_out_pattern].format(second),
        orientation_sensitive=entry.orientation_sensitive,
        mirror=entry.family[0].format(_in_mirror(first)) if entry.orientation_sensitive else None,
        truth=entry.truth,
    )


QUESTIONS: Final[tuple[Question, ...]] = tuple(
    _make_question(number, entry) for number, entry in enumerate((*_SHAPE, *_COLOUR, *_MARKING, *_SCENE))
)
"""Every question, of four topics; their order is stable."""


def answers(picture: Picture) -> dict[str, bool]:
    """The true answer of every question, by its id."""
    return {question.id: bool(question.truth(picture)) for question in QUESTIONS}
