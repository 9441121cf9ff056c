"""How much longer a quick study takes than its bare trainings.

Runs the whole study, one task at a time, in as many processes at once as `bin/evaluate` would use,
with timers around `fit` and around the callbacks in it. A bare training is `fit` without its
callbacks, but with a classifier's scores on the test split after every epoch. Prints the time of
each process over that of its bare trainings.

With `--waiting`, it times how long steps wait for images instead: as much as taking the next batch
is slower than taking one that is ready, which is timed in its place at every tenth step. That takes
the train functions apart and makes all else slower, so the other times are not printed.

    python benchmarks/whole_job.py [--seeds 3] [--processes 2] [--waiting]
"""

import time

START = time.perf_counter()

import argparse
import collections
import functools
import itertools
import os
import subprocess
import sys
import tempfile

from kerasaug.runtime import limit_threads, quiet_tensorflow

seconds: collections.Counter = collections.Counter()
calls: collections.Counter = collections.Counter()
running_timers: set[str] = set()
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
    processes = [subprocess.Popen(command, env={**os.environ, **threads}) for _ in range(count)]
    sys.exit(any([process.wait() for process in processes]))


def run_study(seeds, waiting):
    """Runs the quick study with timers, and prints their times."""
    import keras
    import studies

    limit_threads()
    keras.Model.fit = timed(keras.Model.fit, "fit")
    if waiting:
        keras.Model.make_train_function = make_timed_train_function
    for name in dir(keras.callbacks.CallbackList):
        if name.startswith("on_"):
            hook = timed(getattr(keras.callbacks.CallbackList, name), "callbacks", inside="fit")
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
            f"bare fit {bare:.0f} s, taking a batch {taking:.2f} ms, one that is ready {ready:.2f} "
            f"ms: waiting for images {waited:.2f} s, {waited / bare:.2%}",
            flush=True,
        )
        return
    print(
        f"whole {whole:.0f} s, of it imports {imported:.1f}, fit {seconds['fit']:.0f}, of it "
        f"callbacks {seconds['callbacks']:.1f}; whole over bare fit {whole / bare:.3f}",
        flush=True,
    )


def timed(function, timer, inside=None):
    """The function with its time added to a timer, unless that runs already.

    With `inside`, calls count only while the timer of that name runs.
    """

    @functools.wraps(function)
    def run(*args, **kwargs):
        if timer in running_timers or (inside is not None and inside not in running_timers):
            return function(*args, **kwargs)
        running_timers.add(timer)
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            seconds[timer] += time.perf_counter() - start
            calls[timer] += 1
            running_timers.discard(timer)

    return run


def make_timed_train_function(model, force=False):
    """Makes the train function in two parts, so that the first, the next batch, can be timed."""
    import tensorflow as tf

    step = tf.function(model.train_step, jit_compile=False)
    take, take_ready = timed(next, "next"), timed(next, "ready")
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
