"""How good images of the rare class are that style transfer made of images of other classes.

Takes folders of `bin/train-gan` whose models have an encoder and were trained on the same data. The
styles are those of 1,000 training images of other classes.

    python benchmarks/transfer.py saved_models/mnist-conditional-vae ...
"""

import sys
from types import SimpleNamespace

import numpy as np

from kerasaug.runtime import quiet_tensorflow

quiet_tensorflow()

from kerasaug import data
from kerasaug.data.streams import collect
from kerasaug.quality import fidelity
from kerasaug.quality.evaluator import Evaluator
from kerasaug.saved.folder import ModelFolder


def main() -> None:
    """The entry point."""
    folders = [ModelFolder(path) for path in sys.argv[1:]]
    if not folders or not all(folder.run_file.exists() for folder in folders):
        sys.exit("give folders of bin/train-gan")
    config = folders[0].read_run()["config"]
    full = data.load(config["dataset"], **config.get("loading", {}))
    dataset = full.reduce(config["keep"], config["seed"]).cache()
    rare = dataset.rare_classes[0]
    images, labels = collect(dataset.train)
    others = np.flatnonzero(labels != rare)
    for folder in folders:
        if folder.read_run()["dataset"]["fingerprint"] != dataset.fingerprint:
            sys.exit(f"{folder.path} was trained on other images than {folders[0].path}")
    evaluator = Evaluator(full, config["evaluator_steps"])
    for folder in folders:
        encoder = folder.load_encoder()

        def transfer(count, class_id, seed, encoder=encoder):
            rows = np.random.default_rng(seed).choice(others, count, replace=False)
            return encoder.transfer(images[rows], labels[rows], class_id)

        measured = evaluator.measure(SimpleNamespace(generate=transfer), dataset, [rare])
        figures = fidelity.rows(measured, dataset.class_names[rare])["generated"]
        print(folder.path, {name: round(value, 3) for name, value in figures.items()}, flush=True)


if __name__ == "__main__":
    main()
