"""A SavedModel that makes images, with or without the folder that it was trained into."""

from pathlib import Path

from kerasaug.data import imbalance
from kerasaug.errors import InputError
from kerasaug.exported import ExportedGenerator
from kerasaug.model_folder import ModelFolder
from kerasaug.models.registry import MODELS


class SavedGenerator(ExportedGenerator):
    """An `ExportedGenerator` that knows what its classes are called.

    Args:
        path: A finished folder of `train-gan`, or a SavedModel that `GenerativeModel.export` wrote.

    Attributes:
        class_names: Names in the order of the labels; None for a SavedModel away from its folder,
            whose classes have numbers alone.
        unmeasured: Names of the classes whose images were never held against real ones; empty where
            that is not known.
        makes: The one class that it makes whatever it is asked for; None if it makes several, or
            if, away from its folder, that is not known.

    Raises:
        InputError: If there is no such generator, or it is damaged.
    """

    def __init__(self, path: str | Path):
        path = Path(path)
        self.class_names: tuple[str, ...] | None = None
        self.unmeasured: set[str] = set()
        self.makes: str | None = None
        bare = (path / "saved_model.pb").exists()
        # The SavedModel in a folder of train-gan knows what that folder says.
        folder = ModelFolder(path.resolve().parent if bare else path)
        if bare and not (folder.run_file.exists() and path.resolve() == folder.generator):
            super().__init__(path)
            return
        run = folder.read_run()
        if run is None or run["status"] != "finished":
            raise InputError(f"{path} holds no finished training and no SavedModel")
        super().__init__(folder.generator)
        folder.check_shapes(self, folder.generator, run)
        self.class_names = tuple(run["dataset"]["class_names"])
        measured = (run.get("fidelity") or {}).get("classes", {})
        self.unmeasured = set(self.class_names) - set(measured)
        if not MODELS[run["config"]["model"]].all_classes:
            self.makes = run["makes"]

    def class_index(self, label: str | int) -> int:
        """Finds a class.

        Args:
            label: A name, or an index.

        Returns:
            Its index.

        Raises:
            InputError: If there is no such class, or the generator makes another one.
        """
        if self.class_names is None:
            if not str(label).isdecimal() or int(label) >= 2**31:
                raise InputError(f"{self.path} does not say its classes' names; give an index")
            return int(label)
        class_id = imbalance.class_index(label, self.class_names)
        if self.makes not in (None, self.class_names[class_id]):
            raise InputError(f"{self.path} makes {self.makes} alone")
        return class_id

    def index_of_name(self, name: str) -> int:
        """Finds a class by its name alone, where a number may be one too.

        Args:
            name: The name.

        Returns:
            Its index.

        Raises:
            InputError: If no class has that name, or the generator makes another one.
        """
        if self.class_names is None or name not in self.class_names:
            known = (
                "without names" if self.class_names is None else ", ".join(self.class_names[:12])
            )
            raise InputError(f"the generator knows no class {name!r}; its classes: {known}")
        return self.class_index(name)

    def class_name(self, class_id: int) -> str:
        """What a class is called.

        Args:
            class_id: Its index.
        """
        return str(class_id) if self.class_names is None else self.class_names[class_id]
