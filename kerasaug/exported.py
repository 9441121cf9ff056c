"""A generator as a SavedModel, which may come from a stranger: looked at, loaded, drawn from."""

import importlib
import re
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from kerasaug.errors import InputError
from kerasaug.images import make

BROKEN = (
    *(OSError, ValueError, AttributeError, TypeError, IndexError, KeyError, AssertionError),
    *(RuntimeError, DecodeError, tf.errors.OpError),
)
"""What TensorFlow answers a SavedModel with that is damaged, or somebody else's."""
KINDS = ("array", "image", "linalg", "math", "nn", "random", "stateless_random")
MODULES = [*(f"gen_{kind}_ops" for kind in KINDS), "gen_stateless_random_ops_v2"]
COMPUTING = [importlib.import_module(f"tensorflow.python.ops.{name}") for name in MODULES]
"""TensorFlow's modules whose operations make tensors of tensors, but for `REACHING`."""
REACHING = {"ImmutableConst"}
CALLING = {
    *("PartitionedCall", "StatefulPartitionedCall", "If", "StatelessIf", "Case", "StatelessCase"),
    *("While", "StatelessWhile", "NoOp", "Assert", "ReadVariableOp", "DisableCopyOnRead"),
}
"""Operations that call others, and read the model's own variables."""
SAVING = re.compile("__inference__traced_(save|restore)_")
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
            reaching = _reaching_out(path)
            if not reaching:
                self._model = tf.saved_model.load(str(path))
                (decode,) = self._model.decode.concrete_functions
                (latents, labels), _ = decode.structured_input_signature
                images = decode.structured_outputs
                self.image_shape = tuple(images.shape[1:])
                self.latent_dim = latents.shape[1]
                found = [(each.dtype, each.shape.rank) for each in (latents, labels, images)]
                fits = found == [(tf.float32, 2), (tf.int32, 1), (tf.float32, 4)]
                fits = fits and None not in (self.latent_dim, *self.image_shape)
                if not (fits and self.image_shape[2] in (1, 3)):
                    raise ValueError("other inputs or outputs")
        except tf.errors.ResourceExhaustedError:
            raise
        except BROKEN as error:
            raise InputError(f"{path} is no SavedModel of kerasaug, or it is damaged") from error
        if reaching:
            raise InputError(
                f"{path} is not opened: it holds {min(reaching)}, which does more than compute, as "
                "nothing in a generator needs to"
            )

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
            return make(self._model.decode, latents, class_id)
        except tf.errors.ResourceExhaustedError:
            raise
        except tf.errors.OpError as error:
            raise InputError(f"{self.path} can draw no image of class {class_id}") from error


def _reaching_out(path: Path) -> set[str]:
    """The operations in a SavedModel that do more than compute."""
    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    # TensorFlow runs a model of before version 2 as it loads it.
    if not graph.object_graph_def.nodes:
        raise ValueError("no objects")
    reaching = {name for name in graph.object_graph_def.concrete_functions if SAVING.match(name)}
    for function in graph.graph_def.library.function:
        if SAVING.match(function.signature.name):
            continue
        for node in function.node_def:
            if not _computes(node.op):
                reaching.add(node.op)
            for attribute in node.attr.values():
                called = [attribute.func.name, *(each.name for each in attribute.list.func)]
                reaching |= {name for name in called if SAVING.match(name)}
    return reaching


def _computes(operation: str) -> bool:
    if operation in CALLING:
        return True
    return operation not in REACHING and any(hasattr(each, operation) for each in COMPUTING)
