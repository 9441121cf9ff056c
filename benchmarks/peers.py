"""What train steps are compared with: the networks and the manner of keras.io's WGAN-GP example.

The networks are those of the example "WGAN-GP overriding Model.train_step" (A. K. Nain, keras.io):
a critic of four 5x5 convolutions with stride 2 (64, 128, 256, 512 maps), a generator from 4x4x256
by upsampling and 3x3 convolutions, 128 latents. PyTorch's have the same layers.
"""

import keras
import tensorflow as tf

LATENT_DIM = 128
PENALTY_WEIGHT = 10.0
CRITIC_MAPS = (64, 128, 256, 512)
DROPOUT = {128: 0.3, 256: 0.3}
SLOPE = 0.2


def build_critic(rectifier=None, last_convolution=keras.layers.Conv2D):
    """From images (n, 28, 28, 1) to scores (n, 1); the arguments replace layers by others."""
    rectifier = rectifier or (lambda: keras.layers.LeakyReLU(negative_slope=SLOPE))
    images = keras.Input((28, 28, 1))
    features = keras.layers.ZeroPadding2D(2)(images)
    for maps in CRITIC_MAPS:
        convolution = last_convolution if maps == CRITIC_MAPS[-1] else keras.layers.Conv2D
        features = convolution(maps, 5, strides=2, padding="same")(features)
        features = rectifier()(features)
        if maps in DROPOUT:
            features = keras.layers.Dropout(DROPOUT[maps])(features)
    features = keras.layers.Dropout(0.2)(keras.layers.Flatten()(features))
    scores = keras.layers.Dense(1)(features)
    return keras.Model(images, keras.layers.Activation("linear", dtype="float32")(scores))


def build_generator():
    """From latents (n, 128) to images (n, 28, 28, 1) in [-1, 1]."""
    latents = keras.Input((LATENT_DIM,))
    features = keras.layers.Dense(4 * 4 * 256, use_bias=False)(latents)
    features = keras.layers.BatchNormalization()(features)
    features = keras.layers.LeakyReLU(negative_slope=SLOPE)(features)
    features = keras.layers.Reshape((4, 4, 256))(features)
    for maps in (128, 64):
        features = _enlarge(features, maps)
        features = keras.layers.LeakyReLU(negative_slope=SLOPE)(features)
    images = keras.layers.Activation("tanh", dtype="float32")(_enlarge(features, 1))
    return keras.Model(latents, keras.layers.Cropping2D(2, dtype="float32")(images))


def _enlarge(features, maps):
    features = keras.layers.UpSampling2D(2)(features)
    features = keras.layers.Conv2D(maps, 3, padding="same", use_bias=False)(features)
    return keras.layers.BatchNormalization()(features)


def optimizers(learning_rate):
    """Those of the example, for the critic and the generator."""
    return [keras.optimizers.Adam(learning_rate, beta_1=0.5, beta_2=0.9) for _ in range(2)]


class StraightforwardWGAN(keras.Model):
    """A Wasserstein GAN with gradient penalty whose train step is written in the plainest way."""

    def __init__(self, n_critic=3, learning_rate=2e-4):
        super().__init__()
        self.critic, self.generator = build_critic(), build_generator()
        self.critic_optimizer, self.generator_optimizer = optimizers(learning_rate)
        self.n_critic = n_critic

    def penalty(self, real, fake):
        """The gradient penalty, without its weight."""
        epsilon = tf.random.uniform((tf.shape(real)[0], 1, 1, 1))
        points = real + epsilon * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(points)
            scores = self.critic(points, training=True)
        gradients = tape.gradient(scores, points)
        norms = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3]) + 1e-12)
        return tf.reduce_mean(tf.square(norms - 1.0))

    def train_step(self, images):
        """Takes `n_critic` critic steps on parts of the batch, and one generator step."""
        size = tf.shape(images)[0] // self.n_critic
        for number in range(self.n_critic):
            real = images[number * size : (number + 1) * size]
            latents = tf.random.normal((size, LATENT_DIM))
            with tf.GradientTape() as tape:
                fake = self.generator(latents, training=True)
                fake_scores = self.critic(fake, training=True)
                real_scores = self.critic(real, training=True)
                loss = tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores)
                loss += PENALTY_WEIGHT * self.penalty(real, fake)
            variables = self.critic.trainable_variables
            self.critic_optimizer.apply(tape.gradient(loss, variables), variables)
        latents = tf.random.normal((size, LATENT_DIM))
        with tf.GradientTape() as tape:
            fake = self.generator(latents, training=True)
            generator_loss = -tf.reduce_mean(self.critic(fake, training=True))
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(generator_loss, variables), variables)
        return {"critic_loss": loss, "generator_loss": generator_loss}


def torch_step(batch_size, n_critic=3, learning_rate=2e-4, compiled=False):
    """The same networks and train step in PyTorch, with channels last, its faster layout here.

    `torch.compile` refuses to differentiate twice, so the penalty is never compiled.

    Returns:
        A function that takes a train step on images (n_critic * batch_size, 1, 28, 28), and the
        generator.
    """
    import torch
    from torch import nn

    layers, inputs = [nn.ZeroPad2d(2)], 1
    for maps in CRITIC_MAPS:
        layers += [nn.Conv2d(inputs, maps, 5, stride=2, padding=2), nn.LeakyReLU(SLOPE)]
        layers += [nn.Dropout(DROPOUT[maps])] if maps in DROPOUT else []
        inputs = maps
    critic = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(4 * inputs, 1))
    layers = [nn.Linear(LATENT_DIM, 4 * 4 * 256, bias=False), nn.BatchNorm1d(4 * 4 * 256)]
    layers += [nn.LeakyReLU(SLOPE), nn.Unflatten(1, (256, 4, 4))]
    for inputs, maps in ((256, 128), (128, 64), (64, 1)):
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, maps, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(maps), nn.LeakyReLU(SLOPE) if maps > 1 else nn.Tanh()]
    generator = nn.Sequential(*layers, nn.ZeroPad2d(-2))
    critic, generator = (
        network.to(memory_format=torch.channels_last) for network in (critic, generator)
    )
    make, judge = map(torch.compile, (generator, critic)) if compiled else (generator, critic)
    critic_optimizer, generator_optimizer = (
        torch.optim.Adam(network.parameters(), learning_rate, betas=(0.5, 0.9))
        for network in (critic, generator)
    )

    def penalty(real, fake):
        epsilon = torch.rand(len(real), 1, 1, 1)
        points = (real + epsilon * (fake - real)).requires_grad_()
        (gradients,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
        norms = (gradients.square().sum((1, 2, 3)) + 1e-12).sqrt()
        return (norms - 1.0).square().mean()

    def step(images):
        for real in images.split(batch_size)[:n_critic]:
            with torch.no_grad():
                fake = make(torch.randn(batch_size, LATENT_DIM))
            loss = judge(fake).mean() - judge(real).mean()
            loss = loss + PENALTY_WEIGHT * penalty(real, fake)
            critic_optimizer.zero_grad()
            loss.backward()
            critic_optimizer.step()
        for parameter in critic.parameters():
            parameter.requires_grad_(False)
        loss = -judge(make(torch.randn(batch_size, LATENT_DIM))).mean()
        generator_optimizer.zero_grad()
        loss.backward()
        generator_optimizer.step()
        for parameter in critic.parameters():
            parameter.requires_grad_(True)
        return loss.item()

    return step, generator
