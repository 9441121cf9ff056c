"""Does it help to paste defects onto other photographs, where masks tell which pixels they are?

Half of every batch are photographs of the most common class with a patch pasted on: of a defect,
for its class; of another photograph of the common class, in the shape of a defect, for the common
one. So a seam alone says nothing; a shape that few classes have may. With `--shapes balanced`, all
defects lend their shapes equally often: of five defects, each shape is then seen on good parts a
fifth as often as with its defect, however rare that is. Prints average precision of the rare
classes, and its mean over all classes, by five folds.

    python benchmarks/local_paste.py FOLDER [--arm balanced] [--steps 400] [--image-size 48]
        [--shapes balanced]

A mask has the name of its photograph and the ending .png. Wang et al. 2022, "Defect Transfer GAN",
arXiv 2302.08366; Park et al. 2021, "The Majority Can Help The Minority", arXiv 2112.00412.
"""

import argparse
import dataclasses
from pathlib import Path

from kerasaug.runtime import limit_threads, quiet_tensorflow

quiet_tensorflow()

import keras
import numpy as np
from PIL import Image
from rare import FOLDS, Images, average_precisions
from scipy import ndimage

from kerasaug import data
from kerasaug.data.readers import image_files
from kerasaug.data.streams import collect
from kerasaug.study import trial
from kerasaug.study.arms import parse
from kerasaug.study.config import SMALL_CNN, Recipe

DRAWN = 600
"""Photographs that are made of each class."""
MARGIN = 2
"""Pixels around a defect that are pasted with it, less and less of them."""


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--arm", default="balanced")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--image-size", type=int, default=48)
    parser.add_argument("--shapes", choices=("as found", "balanced"), default="as found")
    parser.add_argument("--show", type=Path, help="writes a picture of pasted images and stops")
    options = parser.parse_args()
    limit_threads()
    keras.config.set_dtype_policy("float32")
    shape = (options.image_size, options.image_size)
    pooled = data.load(options.folder, image_size=shape).pooled()
    paths = [path.decode() for path, _ in pooled.records.as_numpy_iterator()]
    masks = np.zeros((len(paths), *shape), bool)
    for index, path in zip(pooled.indices, paths, strict=True):
        masks[index] = mask_of(path, shape)
    pooled = pooled.naming_rare(pooled.rare_classes).cache()
    recipe = Recipe(SMALL_CNN, options.steps, batch_size=256, epochs=1)
    control = parse(options.arm)
    half = dataclasses.replace(
        parse("conditional-vae:latent-perturbation"), modifiers=control.modifiers
    )
    rows: dict[str, list[tuple[float, float]]] = {options.arm: [], "half of the batch pasted": []}
    for number in range(FOLDS):
        fold = pooled.fold(number, FOLDS)
        balanced = options.shapes == "balanced"
        by_class = pasted(fold, masks[fold.indices], balanced, np.random.default_rng(number))
        if options.show:
            show(by_class, options.show)
            return
        for name, arm, images in zip(rows, (control, half), (None, Images(by_class)), strict=True):
            trained = trial.train(arm, trial.TrialInputs(fold, synthesizer=images), recipe, 0)
            values = average_precisions(trained, fold)
            rows[name].append((values[fold.rare_classes].mean(), values.mean()))
            print(number, name, *rows[name][-1], flush=True)
    for name, values in rows.items():
        rare, mean = np.mean(values, axis=0)
        each = ", ".join(f"{value:.3f}" for value, _ in values)
        print(f"| {name} | {rare:.3f} ({each}) | {mean:.3f} |")


def mask_of(path: str, shape: tuple[int, int]) -> np.ndarray:
    """Where the defect is, if only in a part of a pixel: bool (height, width)."""
    mask = np.asarray(Image.open(Path(path).with_suffix(".png")).convert("L"))[..., None]
    return image_files.fit(mask, (*shape, 1), "pad")[..., 0] > 25


def pasted(
    dataset: data.ImageDataset, masks: np.ndarray, balanced: bool, random
) -> list[np.ndarray]:
    """Photographs of every class, from training images and their masks alone.

    Args:
        dataset: Their images.
        masks: Where their defects are: bool (images, height, width).
        balanced: Whether each defect lends its shapes to good parts as often as every other one,
            else by the number of its photographs.
        random: A generator of NumPy.
    """
    images, labels = collect(dataset.train)
    common = int(np.argmax(dataset.class_counts))
    grounds = np.flatnonzero(labels == common)
    defects = [
        np.flatnonzero((labels == class_id) & masks.any(axis=(1, 2)))
        for class_id in range(dataset.num_classes)
    ]
    shapes = [rows for n, rows in enumerate(defects) if n != common]
    by_class = []
    for class_id in range(dataset.num_classes):
        made = []
        for _ in range(DRAWN):
            ground = images[random.choice(grounds)]
            if class_id != common:
                rows = defects[class_id]
            else:
                rows = shapes[random.integers(len(shapes))] if balanced else np.concatenate(shapes)
            row = random.choice(rows)
            source = images[random.choice(grounds) if class_id == common else row]
            made.append(paste(ground, source, masks[row], random))
        by_class.append(np.stack(made))
    return by_class


def paste(ground: np.ndarray, source: np.ndarray, mask: np.ndarray, random) -> np.ndarray:
    """Puts a patch of one photograph, mirrored and shifted, onto another of its brightness."""
    ground, source = ground.astype(np.float32), source.astype(np.float32)
    for axis in (0, 1):
        if random.random() < 0.5:
            source, mask = np.flip(source, axis), np.flip(mask, axis)
    shift = []
    for axis in (0, 1):
        used = np.flatnonzero(mask.any(axis=1 - axis))
        # The patch stays within the photograph, but a patch at its edge stays there.
        low, high = -used[0], mask.shape[axis] - 1 - used[-1]
        shift.append(int(random.integers(low, high + 1)) if low and high else 0)
    source, mask = np.roll(source, shift, (0, 1)), np.roll(mask, shift, (0, 1))
    near = ndimage.binary_dilation(mask, iterations=MARGIN)
    around = ndimage.binary_dilation(near, iterations=MARGIN) & ~near
    if around.any():
        source = source + (ground[around].mean(axis=0) - source[around].mean(axis=0))
    opacity = ndimage.gaussian_filter(near.astype(np.float32), MARGIN / 2)[..., None]
    opacity = np.maximum(opacity, mask[..., None])
    return np.clip(np.rint(opacity * source + (1.0 - opacity) * ground), 0, 255).astype(np.uint8)


def show(by_class: list[np.ndarray], path: Path) -> None:
    """Draws twelve images of every class."""
    rows = [np.concatenate(images[:12], axis=1) for images in by_class]
    Image.fromarray(np.concatenate(rows)[..., 0]).resize((12 * 96, len(rows) * 96)).save(path)


if __name__ == "__main__":
    main()
