"""The engineer: a folder of images with a rare class.

    python examples/engineer.py FOLDER [smoke|quick]

`FOLDER` has a folder of images per class; `tests/digits` is a small one to try this with.
"""

# %% The images
import sys
from pathlib import Path

import kerasaug as ka

ka.quiet_tensorflow()

import keras
from my_classifier import build

if len(sys.argv) < 2:
    sys.exit(__doc__)
folder, preset = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "quick"
images = ka.data.load(folder)
for note in images.notes:
    print(note.text, *note.items[:3], sep="; ")
print("Images per class:", dict(zip(images.class_names, images.class_counts, strict=True)))

# %% Would generated images help this classifier, and does anything simpler?
arms = "none,balanced+auto,balanced+auto+half,conditional-vae:latent-perturbation+auto"
steps = ka.study.choose_steps(preset, images.image_shape)
config = ka.study.StudyConfig.from_preset(
    preset,
    folder,
    {},
    arms=arms,
    steps=steps,
    classifier=f"{Path(__file__).with_name('my_classifier.py')}:build",
    protocol=ka.study.choose_protocol("auto", images),
)
study = ka.study.Study(config, images, f"runs/engineer-{images.name}-{preset}")
with ka.ProgressBar(study.units()) as progress:
    results = study.run(progress)
for name, arm in results["arms"].items():
    print(f"{name:48} {arm['verdict'] or 'the baseline'}")
print("Why:", study.output / "report.html")

# %% The winner's batches, of all images, for a training of your own
winner = ka.study.winner(study.output)
classifier = build(images.image_shape, images.num_classes)
# An arm with CutMix blends labels, so they are probabilities.
loss = keras.losses.CategoricalCrossentropy(from_logits=True)
classifier.compile(classifier.optimizer, loss, metrics=["accuracy"])
batches = winner.batches(one_hot=True)
classifier.fit(batches, steps_per_epoch=winner.steps, shuffle=False, verbose=2)
classifier.save("classifier.keras")
counts = dict(zip(images.class_names, winner.dataset.class_counts, strict=True))
print(f"classifier.keras was trained on {winner.arm}, from {counts}.")
