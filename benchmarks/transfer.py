"""How good images of the rare class are that were made by transferring styles of other classes.

Takes folders of `bin/train-gan` whose models have an encoder and were trained on the same data. The
styles are those of 1,000 training images of other classes.

    python benchmarks/transfer.py saved_models/mnist-conditional-vae ...
"""

import sys

import numpy as np

from kerasaug.runtime import quiet_tensorflow

quiet_tensorflow()

from kerasaug import data  # noqa: E402
from kerasaug import models  # noqa: E402
from kerasaug.data.streams import collect  # noqa: E402
from kerasaug.saved.folder import ModelFolder  # noqa: E402
from kerasaug.quality import fidelity  # noqa: E402
from kerasaug.quality.evaluator import Judge  # noqa: E402


def main() -> None:
    """The entry point."""
    folders = [ModelFolder(path) for path in sys.argv[1:]]
    if not folders or not all(folder.run_file.exists() for folder in folders):
        sys.exit("give folders of bin/train-gan")
    config = folders[0].read_run()["config"]
    whole = data.load(config["dataset"], **config.get("loading", {}))
    dataset = whole.reduce(config["keep"], config["seed"]).cache()
    rare = dataset.rare_classes[0]
    images, labels = collect(dataset.train)
    others = np.flatnonzero(labels != rare)
    for folder in folders:
        if folder.read_run()["dataset"]["fingerprint"] != dataset.fingerprint:
            sys.exit(f"{folder.path} was trained on other images than {folders[0].path}")
    judge = Judge(whole, config["judge_steps"])
    for folder in folders:
        model = models.load(folder.read_run()["config"]["model"], folder.model)

        def transferred(count, class_id, model=model):
            chosen = np.random.default_rng(0).choice(others, count, replace=False)
            return model.transfer(images[chosen], labels[chosen], class_id)

        measured = judge.measure(transferred, dataset, [rare])
        figures = fidelity.rows([measured], dataset.class_names[rare])["generated"]
        print(folder.path, {name: round(value, 3) for name, value in figures.items()}, flush=True)


if __name__ == "__main__":
    main()
