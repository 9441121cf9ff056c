"""A generator as a SavedModel, which may come from a stranger: checked, loaded, drawn from."""

import importlib
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from kerasaug.errors import InputError
from kerasaug.images import decode_to_uint8

DAMAGE_ERRORS = (
    *(OSError, ValueError, AttributeError, TypeError, IndexError, KeyError, AssertionError),
    *(RuntimeError, DecodeError, tf.errors.OpError),
)
"""What TensorFlow raises for a SavedModel that is damaged, or of another program."""
COMPUTING_MODULES = [
    importlib.import_module(f"tensorflow.python.ops.gen_{name}")
    for name in (
        *("array_ops", "image_ops", "linalg_ops", "math_ops", "nn_ops"),
        *("random_ops", "stateless_random_ops", "stateless_random_ops_v2"),
    )
]
"""TensorFlow's modules whose operations make tensors of tensors, but for `FILE_OPERATIONS`."""
FILE_OPERATIONS = {"ImmutableConst"}
"""Operations of `COMPUTING_MODULES` that read files."""
CONTROL_OPERATIONS = {
    *("PartitionedCall", "StatefulPartitionedCall", "If", "StatelessIf", "Case", "StatelessCase"),
    *("While", "StatelessWhile", "NoOp", "Assert", "ReadVariableOp", "DisableCopyOnRead"),
}
"""Operations that call others, and read the model's own variables."""
CHECKPOINT_FUNCTION = re.compile("__inference__traced_(save|restore)_")
"""Functions in every SavedModel that write and read its variables; nothing here calls them."""


class ExportedGenerator:
    """Draws images from what `GenerativeModel.export` wrote.

    A SavedModel is a program. It is refused, before anything in it runs, if it has operations that
    do more than compute: read or write files, talk to the network, call Python.

    Args:
        path: The SavedModel's folder.

    Attributes:
        image_shape: `(height, width, channels)`.
        latent_dim: Length of the latents.

    Raises:
        InputError: If it is no such model, or damaged.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            _check_operations(path)
            self._model = _load(path)
            (decode,) = self._model.decode.concrete_functions
            (latents, labels), _ = decode.structured_input_signature
            images = decode.structured_outputs
            self.image_shape = tuple(images.shape[1:])
            self.latent_dim = latents.shape[1]
            signature = [(spec.dtype, spec.shape.rank) for spec in (latents, labels, images)]
            fits = signature == [(tf.float32, 2), (tf.int32, 1), (tf.float32, 4)]
            fits = fits and None not in (self.latent_dim, *self.image_shape)
            if not (fits and self.image_shape[2] in (1, 3)):
                raise ValueError("other inputs or outputs")
        except (InputError, tf.errors.ResourceExhaustedError):
            raise
        except DAMAGE_ERRORS as error:
            raise InputError(f"{path} is no SavedModel of kerasaug, or it is damaged") from error

    def generate(self, count: int, class_id: int, seed: int) -> np.ndarray:
        """Draws images as `GenerativeModel.generate` does from the model.

        Args:
            count: How many images; at least 1.
            class_id: Their class.
            seed: Same class and seed, same images; more of them begin with the same ones, but for
                rounding.

        Returns:
            uint8 array (count, height, width, channels).

        Raises:
            InputError: If the generator knows no such class.
        """
        latents = tf.random.stateless_normal((count, self.latent_dim), tf.constant([seed, 0]))
        try:
            return decode_to_uint8(self._model.decode, latents, class_id)
        except tf.errors.ResourceExhaustedError:
            raise
        except tf.errors.OpError as error:
            raise InputError(f"{self.path} can draw no image of class {class_id}") from error


def _load(path: Path) -> Any:
    # TensorFlow takes brackets and backslashes in the path of the variables for a pattern.
    if not re.search(r"[][\\]", str(path)):
        return tf.saved_model.load(str(path))
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "model")
        link.symlink_to(path.absolute())
        return tf.saved_model.load(str(link))


def _check_operations(path: Path) -> None:
    """Refuses a SavedModel with operations that do more than compute, before it is loaded."""
    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    # TensorFlow runs a model of before version 2 as it loads it.
    if not graph.object_graph_def.nodes:
        raise ValueError("no objects")
    called = set(graph.object_graph_def.concrete_functions)
    forbidden = set()
    for function in graph.graph_def.library.function:
        if CHECKPOINT_FUNCTION.match(function.signature.name):
            continue
        forbidden |= {node.op for node in function.node_def if not _computes(node.op)}
        for attribute in (value for node in function.node_def for value in node.attr.values()):
            called |= {attribute.func.name, *(item.name for item in attribute.list.func)}
    forbidden |= set(filter(CHECKPOINT_FUNCTION.match, called))
    if forbidden:
        raise InputError(
            f"{path} is not loaded: it holds {min(forbidden)}, which does more than compute, as "
            "nothing in a generator needs to"
        )


def _computes(operation: str) -> bool:
    if operation in CONTROL_OPERATIONS:
        return True
    computing = any(hasattr(module, operation) for module in COMPUTING_MODULES)
    return computing and operation not in FILE_OPERATIONS
