"""The researcher: a model of my own as an arm of the comparison.

python examples/researcher.py [smoke|quick]
"""

import sys

import kerasaug as ka

ka.quiet_tensorflow()

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("mine")
class LeastSquaresGAN(ka.models.AdversarialModel):
    """Mao et al. 2017, "Least Squares Generative Adversarial Networks" (arXiv 1611.04076)."""

    loss_names = ("critic_loss", "generator_loss")

    def critic_losses(self, critic, real_images, fake_images, seed):
        """Real images to 1, generated ones to 0."""
        real, fake = critic(real_images), critic(fake_images)
        return {"critic_loss": tf.reduce_mean((real - 1.0) ** 2 + fake**2) / 2.0}

    def generator_loss(self, fake_scores):
        """Generated images to 1."""
        return tf.reduce_mean((fake_scores - 1.0) ** 2) / 2.0


ka.models.MODELS["my-gan"] = ka.models.Entry(
    f"{__name__}:LeastSquaresGAN", all_classes=True, description="GAN with squared losses"
)
preset = sys.argv[1] if len(sys.argv) > 1 else "quick"
arms = "none,balanced+affine,conditional-wgan,my-gan"
config = ka.study.StudyConfig.from_preset(preset, "mnist", {"5": 54}, arms=arms)
study = ka.study.Study(config, ka.data.load("mnist"), f"runs/researcher-{preset}")
with ka.ProgressBar(study.units()) as progress:
    results = study.run(progress)
for name, arm in results["arms"].items():
    print(f"{name:20} {arm['verdict'] or 'the baseline'}")
