import keras

from kerasaug.models.gan import GAN


@keras.saving.register_keras_serializable("tests")
class Custom(GAN):
    """A model as somebody else may write it."""

    def __init__(self, *args, sharpness=1.0, hidden=2, **options):
        super().__init__(*args, **options)
        self.sharpness = sharpness
        self._hidden = hidden

    def get_config(self):
        return {**super().get_config(), "hidden": self._hidden}


def test_a_custom_model_is_saved_with_its_arguments(tmp_path):
    model = Custom((8, 8, 1), 3, width=4, sharpness=0.5, hidden=7, name="mine")
    model.save(tmp_path / "mine.keras")
    copy = keras.models.load_model(tmp_path / "mine.keras")
    assert (copy.sharpness, copy._hidden, copy.width, copy.name) == (0.5, 7, 4, "mine")
    assert copy.get_config() == model.get_config()
