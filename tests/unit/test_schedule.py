import numpy as np
import pytest
import tensorflow as tf

from kerasaug.models import registry, schedule


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0), (8, 0), (9, 0.125), (12, 0.5), (16, 1), (24, 1), (26, 1.25), (32, 2), (1000, 2)],
)
def test_progress_stays_for_a_phase_and_fades_for_a_phase(step, expected):
    progress = schedule.growing_progress(tf.constant(step, tf.int64), phase_steps=8, last_block=2)
    assert float(progress) == expected


@pytest.mark.parametrize(("name", "inputs"), [("wgan", 2), ("progressive-wgan", 3)])
def test_only_networks_that_grow_take_the_progress(name, inputs):
    model = registry.create(name, (8, 8, 1), 3, width=2)
    assert len(model.critic.inputs) == len(model.ema_generator.inputs) == inputs


@pytest.mark.parametrize(
    ("progress", "alphas", "stage"),
    [(0.0, [1, 0, 0], 0), (0.3, [1, 0.3, 0], 1), (1.0, [1, 1, 0], 1), (1.75, [1, 1, 0.75], 2)],
)
def test_alpha_and_the_live_stage_follow_from_progress(progress, alphas, stage):
    shares = [float(schedule.fade_in_alpha(tf.constant(progress), block)) for block in range(3)]
    np.testing.assert_allclose(shares, alphas, rtol=1e-6)
    assert int(schedule.live_stage(tf.constant(progress))) == stage


def test_a_block_gets_its_first_gradient_when_its_fade_begins(tiny, eagerly):
    model = registry.create(
        "progressive-wgan", (8, 8, 1), 3, width=4, latent_dim=4, n_critic=1, phase_steps=3
    )
    model.compile_for_training(1e-3)
    coarse, fine = ({v.path: v for v in g.trainable_variables} for _, g in model._stages)
    new = [variable for path, variable in fine.items() if path not in coarse]
    before = [variable.numpy() for variable in new]

    def moved():
        return [not np.array_equal(a, b.numpy()) for a, b in zip(before, new, strict=True)]

    batches = tiny.batches(4, seed=0)
    model.fit(batches, steps_per_epoch=4, verbose=0, shuffle=False)
    # Steps 0 to 2 are the first phase; at step 3 the fade begins with a share of 0.
    assert not any(moved())
    model.fit(batches, steps_per_epoch=1, verbose=0, shuffle=False)
    assert all(moved())


def test_the_stages_of_a_growing_model_agree_where_they_meet():
    """At progress 1, the second stage enlarges nothing of the first; at 0, it is the first."""
    model = registry.create("progressive-wgan", (16, 16, 1), 3, width=4, latent_dim=4)
    latents = tf.random.stateless_normal((2, 4), [0, 1])
    labels, zeros = tf.zeros(2, tf.int32), tf.zeros(2)
    (_, coarsest), *_, (_, finest) = model._stages
    small, large = (generator([latents, labels, zeros]) for generator in (coarsest, finest))
    enlarged = tf.repeat(tf.repeat(small, 4, axis=1), 4, axis=2)
    np.testing.assert_allclose(large, enlarged, atol=1e-5)


def test_real_images_are_blurred_as_far_as_the_stage_is_faded_in():
    images = tf.random.stateless_uniform((2, 8, 8, 1), [0, 1], -1.0, 1.0)
    coarse = images.numpy().reshape(2, 4, 2, 4, 2, 1).mean(axis=(2, 4))
    enlarged = coarse.repeat(2, axis=1).repeat(2, axis=2)

    for stage, progress, expected in (
        (0, 0.0, coarse),
        (1, 0.2, 0.8 * enlarged + 0.2 * images),
        (1, 1.0, images),
    ):
        shrunk = schedule.shrink_to_stage(images, stage, 2, tf.constant(progress))
        np.testing.assert_allclose(shrunk, expected, atol=1e-6)


@pytest.mark.parametrize(
    "shape",
    # Sides that are halved unevenly, and the most stages; those between bring nothing new.
    [(28, 28, 3), pytest.param((128, 128, 3), marks=pytest.mark.thorough)]
    + [pytest.param(shape, marks=pytest.mark.slow) for shape in ((32, 32, 3), (64, 64, 1))],
    ids=str,
)
def test_every_stage_of_every_size_trains_its_own_blocks(shape):
    model = registry.create("conditional-progressive-wgan", shape, 3, width=2, n_critic=1)
    model.compile_for_training(1e-3)
    images = tf.random.stateless_uniform((4, *shape), [0, 1], -1.0, 1.0)
    assert len(model._stages) == {28: 3, 32: 4, 64: 5, 128: 6}[shape[0]]
    for number, (critic, _) in enumerate(model._stages):
        model.step.assign(2 * model.phase_steps * number)
        finest = {v.path for v in model.trainable_variables}
        live = {v.path for v in critic.trainable_variables}
        before = {v.path: v.numpy() for v in model.critic.trainable_variables}
        logs = model.train_step((images, tf.constant([0, 1, 2, 0])))
        assert all(np.isfinite(float(value)) for value in logs.values())
        after = {v.path: v.numpy() for v in model.critic.trainable_variables}
        moved = {path for path in before if not np.array_equal(before[path], after[path])}
        assert moved <= live <= finest
        assert f"from_rgb_{number}" in " ".join(moved)
