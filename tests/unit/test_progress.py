"""What the bar shows of a long job."""

import rich.progress

from kerasaug.progress import TimeLeftColumn


def task_at(seconds, completed):
    """A task of 100 units after so many seconds."""
    bar = rich.progress.Progress(get_time=lambda: 0.0)
    bar.add_task("training", total=100.0, completed=completed)
    (task,) = bar.tasks
    task._get_time = lambda: seconds
    return task


def test_time_left_follows_from_all_that_was_done_so_far():
    # Nothing was done between 30 and 60 seconds.
    shown = [TimeLeftColumn().render(task_at(*at)) for at in ((30.0, 10.0), (60.0, 10.0))]
    assert list(map(str, shown)) == ["0:04:30", "0:09:00"]


def test_before_the_first_step_nothing_is_known():
    assert str(TimeLeftColumn().render(task_at(5.0, 0.0))) == "-:--:--"
