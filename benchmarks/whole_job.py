"""What the time of a quick study goes into, beside its bare trainings.

Runs the study in as many processes at once as `bin/evaluate` would use, each the whole of it, one
task at a time, with stop watches around `fit` and around the callbacks in it. A bare training is
`fit` without its callbacks, but with a classifier's scores on the test split after every epoch.
Prints, of each process, how many times as long as its bare trainings the whole took.

With `--waiting`, a stop watch stands around the taking of the next batch instead, for which the
train functions are taken apart; that makes what is not `fit` slower, so it is not told then. A step
waits for images as long as taking its batch is slower than taking one that is there, which is timed
in its place at every tenth step.

    python benchmarks/whole_job.py [--seeds 3] [--processes 2] [--waiting]
"""

import time

START = time.perf_counter()

import argparse  # noqa: E402
import collections  # noqa: E402
import functools  # noqa: E402
import itertools  # noqa: E402
import os  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402

from kerasaug.quiet import quiet_tensorflow  # noqa: E402

seconds: collections.Counter = collections.Counter()
calls: collections.Counter = collections.Counter()
watching: set[str] = set()
READY_EVERY = 10
LINEAR_ALGEBRA = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=0, help="0 for what bin/evaluate takes")
    parser.add_argument("--waiting", action="store_true", help="time the wait for images instead")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    quiet_tensorflow()
    if options.alone:
        run_study(options.seeds, options.waiting)
        return
    from kerasaug.study.parallel import default_jobs

    command = [sys.executable, __file__, "--alone", "--seeds", str(options.seeds)]
    command += ["--waiting"] * options.waiting
    count = options.processes or default_jobs()
    # As joblib does it for its workers.
    threads = dict.fromkeys(LINEAR_ALGEBRA, str(max(1, os.cpu_count() // count)))
    running = [subprocess.Popen(command, env={**os.environ, **threads}) for _ in range(count)]
    sys.exit(any([each.wait() for each in running]))


def run_study(seeds, waiting):
    """Runs the quick study with stop watches, and prints what they show."""
    import keras
    import studies

    from kerasaug.study import parallel

    parallel.limit_threads()
    keras.Model.fit = watched(keras.Model.fit, "fit")
    if waiting:
        keras.Model.make_train_function = watched_train_function
    for name in dir(keras.callbacks.CallbackList):
        if name.startswith("on_"):
            hook = watched(getattr(keras.callbacks.CallbackList, name), "callbacks", inside="fit")
            setattr(keras.callbacks.CallbackList, name, hook)
    imported = time.perf_counter() - START
    with tempfile.TemporaryDirectory() as folder:
        studies.quick(folder, seeds=seeds).run()
    whole = time.perf_counter() - START
    bare = seconds["fit"] - seconds["callbacks"]
    if waiting:
        taking, ready = (1000 * seconds[name] / calls[name] for name in ("next", "ready"))
        waited = (taking - ready) / 1000 * (calls["next"] + calls["ready"])
        print(
            f"bare fit {bare:.0f} s, taking a batch {taking:.2f} ms, one that is there {ready:.2f} "
            f"ms: waiting for images {waited:.2f} s, {waited / bare:.2%}",
            flush=True,
        )
        return
    print(
        f"whole {whole:.0f} s, of it imports {imported:.1f}, fit {seconds['fit']:.0f}, of it "
        f"callbacks {seconds['callbacks']:.1f}; whole over bare fit {whole / bare:.3f}",
        flush=True,
    )


def watched(function, name, inside=None):
    """The function, its time counted; not twice where it calls another of that name.

    With `inside`, only that of calls from what is watched by this name.
    """

    @functools.wraps(function)
    def run(*args, **kwargs):
        if name in watching or (inside is not None and inside not in watching):
            return function(*args, **kwargs)
        watching.add(name)
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[name] += time.perf_counter() - start
            calls[name] += 1
            watching.discard(name)

    return run


def watched_train_function(model, force=False):
    """Makes the train function in two parts, so that the first, the next batch, can be timed."""
    import tensorflow as tf

    step = tf.function(model.train_step, jit_compile=False)
    take, take_ready = watched(next, "next"), watched(next, "ready")
    numbers, ready = itertools.count(), None

    def run(iterator):
        nonlocal ready
        if ready is not None and next(numbers) % READY_EVERY == 0:
            # Not after the other: what was done just before goes faster.
            take_ready(ready)
            return step(next(iterator))
        batch = take(iterator)
        if ready is None:
            ready = iter(tf.data.Dataset.from_tensors(batch).repeat().prefetch(tf.data.AUTOTUNE))
            next(ready)
        return step(batch)

    model.train_function = run


if __name__ == "__main__":
    main()
