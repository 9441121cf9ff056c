"""The student: the report's experiment, from the data to the verdict.

    python examples/student.py [smoke|quick]

The report took MNIST, deleted 99 % of the fives, trained a classifier that then failed on them,
and GANs that were to generate the missing fives. Cells begin with `# %%`, as editors know them.
"""

# %% MNIST, and 54 of its fives
import sys

import kerasaug as ka

ka.quiet_tensorflow()

preset = sys.argv[1] if len(sys.argv) > 1 else "quick"
mnist = ka.data.load("mnist")
few_fives = mnist.reduce({"5": 54})
print("Training images per class:", few_fives.class_counts)

# %% The report's arms: nothing, crop and rotation, and more and more fives from the report's GANs
arms = "none,oversample,crop-rotate,balanced+affine"
for model in ("gan", "wgan", "conditional-wgan"):
    arms += "".join(f",{model}:{count}" for count in (100, 1000, 2000, 4500))
config = ka.study.StudyConfig.from_preset(preset, "mnist", {"5": 54}, arms=arms)

# %% Every arm is repeated, each repetition with its own 54 fives
study = ka.study.Study(config, mnist, f"runs/student-{preset}")
with ka.ProgressBar(study.units()) as progress:
    results = study.run(progress)

# %% The results
for name, arm in results["arms"].items():
    recall = arm["summary"]["rare_recall"]["mean"]
    print(f"{name:24} finds {recall:6.1%} of the fives   {arm['verdict'] or 'the baseline'}")
print("The map of the data, the matrices and the curves:", study.output / "report.html")
