"""The Arrow schema of every table that a run writes, in one place.

C classes, Q aspects. Lists of one row are fixed-size, so that a table's shape can be read off its schema.
"""

import numpy as np
import pyarrow as pa
from jaxtyping import Float

IMAGES = pa.schema(
    {
        "image_id": pa.string(),  # stable and unique
        "image": pa.binary(),  # encoded, as found: PNG, JPEG, ...
        "sha256": pa.string(),  # of `image`, in hex
        "label": pa.int32(),  # 0 .. C-1, in the order of the sorted class names
        "class_name": pa.string(),
        "split": pa.string(),  # train, val, test, or the name of a shift set
    }
)

PLACE = pa.struct({"folder": pa.string(), "path": pa.string(), "size": pa.int64()})
"""The column `image` where a table holds no bytes (`data.store: path`): a local folder or URI, the file's path within
it (or its own absolute path or URI), and how many bytes it has."""

GROUP = pa.field("group", pa.string())
"""The last column of the image table of sources with groups (`data.group`, a column): the object that an image shows,
or its subgroup; null if unknown."""

BOXES = pa.field(
    "boxes",
    pa.list_(
        pa.struct(
            {
                "x": pa.float32(),  # upper left corner, in pixels of the image
                "y": pa.float32(),
                "width": pa.float32(),  # above 0; the box lies within the image
                "height": pa.float32(),
                "label": pa.int32(),  # 0 .. C-1, in the order of `class_names`
                "area": pa.float32(),  # in square pixels, as annotated
                "is_crowd": pa.bool_(),  # many objects at once, or a difficult one: no detector is asked to find it
            }
        )
    ),
)
"""The last column of the image table of sources with boxes, empty for an image that shows no object; `label` and
`class_name` are null there."""

BAD_BOXES = pa.schema({"image_id": pa.string(), "box": pa.string(), "reason": pa.string()})
"""Boxes that were left out, while their images stay."""


def images(*, has_groups: bool = False, has_boxes: bool = False, as_places: bool = False) -> pa.Schema:
    """The schema of an image table."""
    columns = IMAGES.set(IMAGES.get_field_index("image"), pa.field("image", PLACE)) if as_places else IMAGES
    columns = columns.append(GROUP) if has_groups else columns
    return columns.append(BOXES) if has_boxes else columns


READ = pa.schema(
    {
        "place": pa.int64(),  # in the order of the source
        "image_id": pa.string(),
        "sha256": pa.string(),  # null if it could not be read
        "label": pa.int32(),
        "class_name": pa.string(),
        "split": pa.string(),
        "reason": pa.string(),  # why it could not be read, else null
        "stamp": pa.string(),  # see `Item.stamp`
    }
)
"""What was read of a source, one row an image: beside the image table, in files of the same names."""

QUARANTINE = pa.schema({"path": pa.string(), "reason": pa.string()})

RESULTS = pa.schema(
    {
        "variant": pa.string(),  # empty in a study without variants
        "arm": pa.string(),
        "seed": pa.int64(),
        "student": pa.string(),  # fingerprint: the same in several variants if one student stands for all
        "probe": pa.string(),  # how the student was looked at: clean, ...
        "severity": pa.float64(),  # of the probe; 0 for clean
        "split": pa.string(),  # val, test, or the name of a shift set
        "metric": pa.string(),  # name of a task's metric, or aspect_fidelity_auc
        "value": pa.float64(),  # shares in [0, 1]; null where it is not defined
    }
)

STUDENTS = pa.schema(
    {
        "variant": pa.string(),  # the first four as in RESULTS
        "arm": pa.string(),
        "seed": pa.int64(),
        "student": pa.string(),
        "best_epoch": pa.int64(),  # whose weights were kept, from 0
        "epochs": pa.int64(),
        "seconds": pa.float64(),  # of training and validation
        "workers": pa.int64(),  # that trained it together
    }
)

TRIALS = {
    "trial": pa.int64(),  # from 1, in the order in which they began
    "status": pa.string(),  # finished, stopped (early) or failed
    "epochs": pa.int64(),  # of each seed's student
    "seconds": pa.float64(),  # of training and validation, all seeds together
    "reason": pa.string(),  # of a failure
    "id": pa.string(),  # Ray's, part of the name of the trial's folder
}
"""Of a search; columns are added for each searched key (numbers, or JSON where the values are not all numbers), and one
for the trial's value: the mean over seeds of the best validation value of the task's primary metric (`val_top1`)."""


IDENTITY = b"mmkd.identity"
"""Key in the metadata of a file of answers: the fingerprint of how they were asked."""
ASKED = b"mmkd.asked"
"""Key: how they were asked, in JSON (`answers.identity.teacher_identity`)."""
QUERIES = b"mmkd.queries"
"""Key: the queries in the order of the columns, in JSON (`Query.as_json`)."""
REPLACES = b"mmkd.replaces"
"""Key, of a file that holds what smaller files held: their names, in JSON."""


def teacher(aspects: int) -> pa.Schema:
    """The teacher table, one row an image: natural logs over the whole vocabulary, one value a question."""
    answers = pa.list_(pa.float32(), aspects)
    return pa.schema(
        {"image_id": pa.string(), "sha256": pa.string(), "log_p_yes": answers, "log_p_no": answers},
    )


def predictions(classes: int, aspects: int) -> pa.Schema:
    """A trained student's outputs, one row an image of every split but train."""
    return pa.schema(
        {
            "image_id": pa.string(),
            "split": pa.string(),
            "label": pa.int32(),
            "class_logits": pa.list_(pa.float32(), classes),
            "aspect_logits": pa.list_(pa.float32(), aspects),
        }
    )


def fixed_size_rows(values_NK: Float[np.ndarray, "N K"]) -> pa.FixedSizeListArray:
    """A matrix as a column: one list of K float32 values for each of N rows."""
    flat = pa.array(np.ascontiguousarray(values_NK).ravel(), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, values_NK.shape[1])


def matrix(column: pa.ChunkedArray) -> Float[np.ndarray, "N K"]:
    """A column of fixed-size lists as a matrix; a missing list is a row of nan."""
    values = column.combine_chunks()
    width = values.type.list_size
    # `flatten` would drop missing lists and shift all that follow.
    flat = values.values.to_numpy(zero_copy_only=False)[values.offset * width :][: len(values) * width]
    rows = flat.astype(np.float32).reshape(len(values), width)
    rows[~values.is_valid().to_numpy(zero_copy_only=False)] = np.nan
    return rows
