"""A SavedModel that makes images, with or without the folder that it was trained into."""

from pathlib import Path

from kerasaug.data import imbalance
from kerasaug.errors import InputError
from kerasaug.models.registry import MODELS
from kerasaug.saved.folder import ModelFolder, read_classes
from kerasaug.saved.savedmodel import ExportedGenerator


class SavedGenerator(ExportedGenerator):
    """An `ExportedGenerator` that knows what its classes are called.

    Args:
        path: A finished folder of `train-gan`, or a SavedModel that `GenerativeModel.export` wrote.

    Attributes:
        class_names: Names in the order of the labels; None for a SavedModel that does not say
            them, whose classes have only numbers.
        unmeasured: Names of the classes whose images were never compared with real ones; empty if
            that is not known.
        makes: The one class that it makes whatever it is asked for; None if it makes several, or
            if that is not known.
        dataset: Name or path of the data that it was trained on; None if that is not known.
        aspect: How these were resized, see `image_files.fit`; `"pad"` if that is not known.

    Raises:
        InputError: If there is no such generator, or it is damaged.
    """

    def __init__(self, path: str | Path):
        path = Path(path)
        is_saved_model = (path / "saved_model.pb").exists()
        # The SavedModel in a folder of train-gan knows what that folder says.
        folder = ModelFolder(path.resolve().parent if is_saved_model else path)
        run = None
        if not is_saved_model or (folder.run_file.exists() and path.resolve() == folder.generator):
            run = folder.read_run()
            if run is None or run["status"] != "finished":
                raise InputError(f"{path} holds no finished training and no SavedModel")
        super().__init__(folder.generator if run else path)
        self.class_names, self.makes = read_classes(self.path)
        self.unmeasured: set[str] = set()
        self.dataset: str | None = None
        self.aspect = "pad"
        if run:
            folder.check_shapes(self, folder.generator, run)
            self.dataset = run["config"]["dataset"]
            self.aspect = run["config"].get("loading", {}).get("aspect", "pad")
            self.class_names = tuple(run["dataset"]["class_names"])
            measured = (run.get("fidelity") or {"classes": {}})["classes"]
            self.unmeasured = set(self.class_names) - set(measured)
            if not MODELS[run["config"]["model"]].all_classes:
                self.makes = run["makes"]

    def class_index(self, label: str | int) -> int:
        """Finds the index of a class.

        Args:
            label: A name, or an index.

        Raises:
            InputError: If there is no such class, or the generator does not make it.
        """
        if self.class_names is None:
            if not str(label).isdecimal() or int(label) >= 2**31:
                raise InputError(f"{self.path} does not say its classes' names; give an index")
            return int(label)
        class_id = imbalance.class_index(label, self.class_names)
        if self.makes not in (None, self.class_names[class_id]):
            raise InputError(f"{self.path} makes only {self.makes}")
        return class_id

    def index_of_name(self, name: str) -> int:
        """As `class_index`, but takes a number only for a name, never for an index."""
        if self.class_names is None or name not in self.class_names:
            names = ", ".join(self.class_names[:12]) if self.class_names else "without names"
            raise InputError(f"the generator knows no class {name!r}; its classes: {names}")
        return self.class_index(name)

    def class_name(self, class_id: int) -> str:
        """The name of a class; its index, if the names are not known."""
        return str(class_id) if self.class_names is None else self.class_names[class_id]
