import collections

import keras
import tensorflow as tf
from tensorflow.python.eager import context

from kerasaug.models import create
from kerasaug.runtime import make_reproducible


def test_names_begin_anew_and_the_precision_stays():
    keras.config.set_dtype_policy("mixed_bfloat16")
    names = []
    for _ in range(2):
        make_reproducible(0)
        names.append(keras.layers.Dense(1).name)
    assert names == ["dense", "dense"]
    assert keras.config.dtype_policy().name == "mixed_bfloat16"


def optimized_graph(function, *arguments):
    """What TensorFlow runs, after its graph optimizers."""
    context.enable_run_metadata()
    try:
        function(*arguments)
        metadata = context.export_run_metadata()
    finally:
        context.disable_run_metadata()
    return max(
        (function.post_optimization_graph for function in metadata.function_graphs),
        key=lambda graph: len(graph.node),
    )


def racing(graph):
    """Pairs of a read and a write of one variable that nothing puts in an order."""
    nodes = {node.name: node for node in graph.node}
    followers, uses = collections.defaultdict(set), collections.defaultdict(list)
    for node in graph.node:
        for name in node.input:
            followers[name.lstrip("^").split(":")[0]].add(node.name)
        if node.op == "ReadVariableOp" or node.op.startswith("Assign"):
            uses[node.input[0]].append(node.name)

    def after(name):
        reached, left = set(), [name]
        while left:
            new = followers[left.pop()] - reached
            reached |= new
            left += new
        return reached

    return [
        (first, second)
        for names in uses.values()
        for number, first in enumerate(names)
        for second in names[number + 1 :]
        if {nodes[first].op, nodes[second].op} != {"ReadVariableOp"}
        if second not in after(first) and first not in after(second)
    ]


def test_no_weight_is_read_while_it_is_written():
    # With TensorFlow 2.21's dependency optimizer, the critic's last layer is: the gradient penalty
    # uses that layer's weights, but not what comes out of it.
    make_reproducible(0)
    model = create("wgan", (8, 8, 1), 3, width=4, n_critic=2)
    model.compile_for_training(1e-3)
    batch = tf.zeros((4, 8, 8, 1)), tf.zeros((4,), tf.int32)
    # The other tests do without any optimizer.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    try:
        assert racing(optimized_graph(tf.function(model.train_step), batch)) == []
        tf.config.optimizer.set_experimental_options({"dependency_optimization": True})
        # Once this is not so, it need not be turned off any more.
        assert racing(optimized_graph(tf.function(model.train_step), batch)) != []
    finally:
        make_reproducible(0)
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
