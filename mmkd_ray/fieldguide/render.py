"""Draw a picture from its description."""

import io
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from mmkd_ray.fieldguide.bird import body_height, draw_bird, foot_y
from mmkd_ray.fieldguide.canvas import CANVAS_SIZE, OVERSAMPLING, Canvas, Frame
from mmkd_ray.fieldguide.scene import draw_background, draw_foreground
from mmkd_ray.fieldguide.traits import Jitter, Picture

NIGHT_GAIN_RGB: Final = (0.48, 0.52, 0.72)
TEXTURE_NUMBERS: Final = 24


def render(picture: Picture) -> NDArray[np.uint8]:
    """Draw a picture: `image_HWC`, 64 x 64 RGB.

    The same picture gives the same pixels in every process; between versions of Pillow or NumPy a few may differ.
    """
    texture_rng = np.random.default_rng(picture.jitter.texture_seed)
    canvas = _compose(picture, texture_rng, with_parts=False)
    return photograph(canvas.image, picture, texture_rng)


def render_with_parts(picture: Picture) -> tuple[NDArray[np.uint8], NDArray[np.int32], list[tuple[str, ...]]]:
    """Draw a picture, and find the parts that answer each question.

    Returns:
        `image_HWC` as from `render`; `regions_HW`, the painted region of each pixel; and for each region the ids of the
        questions whose answer is Yes because of it.
    """
    texture_rng = np.random.default_rng(picture.jitter.texture_seed)
    canvas = _compose(picture, texture_rng, with_parts=True)
    return photograph(canvas.image, picture, texture_rng), canvas.region_map(), canvas.labels


def encode_png(image_HWC: NDArray[np.uint8]) -> bytes:
    """PNG bytes without metadata."""
    buffer = io.BytesIO()
    # The fastest strategy of zlib: noisy images have few repetitions to find, and here the files were smaller too.
    Image.fromarray(image_HWC).save(buffer, format="PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return buffer.getvalue()


def bird_frame(picture: Picture) -> Frame:
    """The position of the picture's bird."""
    jitter, scene = picture.jitter, picture.scene
    # A swimmer sits level; a long neck needs room above, so such a bird is placed lower.
    rotation = jitter.rotation * (0.4 if scene.pose == "swimming" else 1.0)
    y = {"branch": 100.0, "ground": 104.0, "flying": 108.0, "swimming": 118.0}[scene.pose]
    if picture.bird.long_neck:
        y += 4
    mirrored = scene.facing_left
    x = CANVAS_SIZE / 2 + jitter.dx
    return Frame(x, y + jitter.dy, jitter.scale, -rotation if mirrored else rotation, mirrored)


def _compose(picture: Picture, texture_rng: np.random.Generator, *, with_parts: bool) -> Canvas:
    canvas = Canvas(with_parts=with_parts)
    texture = texture_rng.random(TEXTURE_NUMBERS)
    frame = bird_frame(picture)
    (foot_position,) = frame.to_canvas([(2.0, foot_y(picture.bird))]).tolist()
    draw_background(canvas, picture.scene, texture, foot_x=foot_position[0], foot_y=foot_position[1])
    flying = picture.scene.pose == "flying"
    draw_bird(canvas, picture.bird, frame, flying=flying, legs=picture.shows_legs)
    draw_foreground(canvas, picture.scene, texture, water_y=frame.y + 0.75 * body_height(picture.bird) * frame.scale)
    return canvas


def photograph(painting: Image.Image, picture: Picture, texture_rng: np.random.Generator) -> NDArray[np.uint8]:
    """The finished picture, `image_HWC`, of what is painted on a canvas: in the picture's light, with noise."""
    jitter = picture.jitter
    small = painting.reduce(OVERSAMPLING)
    if jitter.blur:
        small = small.filter(ImageFilter.GaussianBlur(jitter.blur))
    gain_C = np.asarray(jitter.gain_RGB, dtype=np.float32) * np.float32(jitter.contrast)
    if picture.scene.night:
        gain_C = gain_C * np.asarray(NIGHT_GAIN_RGB, dtype=np.float32)
    image_HWC = np.asarray(small, dtype=np.float32) * gain_C + np.float32(jitter.brightness)
    image_HWC += _noise(jitter, texture_rng, image_HWC.shape)
    return np.clip(np.rint(image_HWC), 0, 255).astype(np.uint8)


def _noise(jitter: Jitter, texture_rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return texture_rng.standard_normal(shape, dtype=np.float32) * np.float32(jitter.noise)
