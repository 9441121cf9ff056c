"""The engineer: a folder of images, one class of which has few.

    python examples/engineer.py FOLDER [smoke|quick]

`FOLDER` has a folder of images per class; `tests/digits` is a small one to try this with.
"""

# %% What is there
import sys

from kerasaug.quiet import quiet_tensorflow

quiet_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

import kerasaug as ka  # noqa: E402
from kerasaug.cli.progress import Progress  # noqa: E402

if len(sys.argv) < 2:
    sys.exit(__doc__)
folder, preset = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "quick"
images = ka.data.load(folder)
for note in images.notes:
    print(note.text, *note.items[:3], sep="; ")
rare = images.rare_classes[0]
print("Images per class:", dict(zip(images.class_names, images.class_counts, strict=True)))

# %% Would generated images help, and is there anything simpler that does?
arms = "none,balanced+affine,conditional-vae:varied+affine"
config = ka.study.StudyConfig.from_preset(preset, folder, {}, arms=arms)
study = ka.study.Study(config, images, f"runs/engineer-{images.name}-{preset}")
with Progress(study.units()) as progress:
    results = study.run(progress)
for name, arm in results["arms"].items():
    print(f"{name:32} {arm['verdict'] or 'the baseline'}")
print("Why:", study.output / "report.html")

# %% A classifier of your own, on batches that hold every class equally often
classifier = keras.Sequential(
    [
        keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
        keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(images.num_classes),
    ]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
classifier.compile("adam", loss, metrics=["accuracy"])
batches = images.cache().batches(32, balanced=True, augment=ka.data.affine)
steps = 20 if preset == "smoke" else 500
classifier.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=2)

# %% How many of the rare class it finds
pixels, labels = next(iter(images.test_batches(10_000)))
found = np.argmax(classifier.predict(pixels, verbose=0), axis=1)[labels == rare] == rare
print(f"It finds {found.sum()} of {len(found)} test images of {images.class_names[rare]}.")
