"""The engineer: a folder of images with a rare class.

    python examples/engineer.py FOLDER [smoke|quick]

`FOLDER` has a folder of images per class; `tests/digits` is a small one to try this with.
"""

# %% The images
import sys

import kerasaug as ka

ka.quiet_tensorflow()

import keras
import numpy as np

if len(sys.argv) < 2:
    sys.exit(__doc__)
folder, preset = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "quick"
images = ka.data.load(folder)
for note in images.notes:
    print(note.text, *note.items[:3], sep="; ")
rare = images.rare_classes[0]
print("Images per class:", dict(zip(images.class_names, images.class_counts, strict=True)))

# %% Would generated images help, and does anything simpler?
arms = "none,balanced+auto,balanced+auto+half,conditional-vae:latent-perturbation+auto"
options = {"arms": arms, "protocol": ka.study.choose_protocol("auto", images)}
config = ka.study.StudyConfig.from_preset(preset, folder, {}, **options)
study = ka.study.Study(config, images, f"runs/engineer-{images.name}-{preset}")
with ka.ProgressBar(study.units()) as progress:
    results = study.run(progress)
for name, arm in results["arms"].items():
    print(f"{name:48} {arm['verdict'] or 'the baseline'}")
print("Why:", study.output / "report.html")

# %% A classifier of your own, on batches with every class drawn equally often
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

# %% How many test images of the rare class it finds
pixels, labels = next(iter(images.test_batches(10_000)))
predictions = np.argmax(classifier.predict(pixels, verbose=0), axis=1)[labels == rare]
correct, name = (predictions == rare).sum(), images.class_names[rare]
print(f"It finds {correct} of {len(predictions)} test images of {name}.")
