"""What the page draws: a row of sprites is a function of a model and a request."""

import itertools
import logging
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from models_index import LoadedModel, ModelShelf, ModelSource
from PIL import Image
from png import png_uri

from pokegan import PokeGANError
from pokegan.cores import usable_cores
from pokegan.data.types import TYPES
from pokegan.models.base import CHUNK
from pokegan.models.conditioning import CLASSES

MAX_COUNT = 64
MAX_SEED = 2**32 - 1
MAX_TRUNCATION = 2.0
SHUFFLED_SEEDS = 1_000_000
"""Seeds that chance chooses are below: short enough to be read out."""

KEPT_SPRITES = 4096
"""Sprites in memory, so that a look at the same rows again costs nothing: some 25 kB each."""

KEPT_CODES = 512
"""Codes of drawn sprites in memory, for those that take steps to find: some 5 kB each."""

WORKERS = usable_cores()
"""Rows are drawn side by side, each by one thread: as quick for one visitor as many threads for
each row, and quicker for many visitors."""

NO_SPRITE = "That is no sprite of this page."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What is asked of every model.

    Attributes:
        count: sprites, 1 to ``MAX_COUNT``.
        seed: 0 to ``MAX_SEED``.
        types: pairs of a type and its weight, the heaviest first; empty for whatever the seed
            chooses. A model that knows no types ignores them, one that knows no mixtures takes the
            first.
        shiny: asked of the models that know shiny colours.
        truncation: factor on the latents, 0 to ``MAX_TRUNCATION``.
    """

    count: int = 16
    seed: int = 0
    types: tuple[tuple[str, float], ...] = ()
    shiny: bool = False
    truncation: float = 1.0

    def __post_init__(self):
        check_whole("count", self.count, 1, MAX_COUNT)
        check_whole("seed", self.seed, 0, MAX_SEED)
        check_number("truncation", self.truncation, 0, MAX_TRUNCATION)
        if not isinstance(self.shiny, bool):
            raise PokeGANError("shiny must be true or false.")
        names = [name for name, _ in self.types]
        if any(name not in TYPES for name in names) or len({*names}) != len(names):
            raise PokeGANError(f"types: choose among {', '.join(TYPES)}, each at most once.")
        for _, weight in self.types:
            check_number("weight", weight, 0, 1)

    @classmethod
    def from_dict(cls, data: object) -> "Request":
        """Read what ``dataclasses.asdict`` wrote and the browser sent back.

        Raises:
            PokeGANError: it is no such thing, or a value is out of range.
        """
        try:
            fields = dict(data)
            types = tuple((name, float(weight)) for name, weight in fields.pop("types", ()))
            return cls(types=types, **fields)
        except (TypeError, ValueError):
            raise PokeGANError(NO_SPRITE) from None

    def types_for(self, conditioning: str | None) -> Any:
        """``types`` as a model of this conditioning takes them; ``None`` where the seed chooses."""
        if conditioning is None or not self.types:
            return None
        mixes = conditioning == "types" and len(self.types) > 1
        return dict(self.types) if mixes else self.types[0][0]

    def arguments_for(self, conditioning: str | None) -> dict[str, Any]:
        """Keyword arguments of ``SpriteModel.sample`` beside ``n``, without what is default."""
        arguments: dict[str, Any] = {"seed": self.seed}
        types = self.types_for(conditioning)
        if types is not None:
            arguments["types"] = types
        if self.shiny and conditioning == "types":
            arguments["shiny"] = True
        if self.truncation != 1:
            arguments["truncation"] = self.truncation
        return arguments


@dataclass(frozen=True)
class SpriteRef:
    """One sprite that any visitor can have drawn again.

    Attributes:
        model: the public name of its model.
        request: what was asked of it.
        index: which sprite of the row, from 0.
        recolor: seed and number of a palette of its own, for models with a palette head.
    """

    model: str
    request: Request
    index: int = 0
    recolor: tuple[int, int] | None = None

    def to_dict(self) -> dict:
        """As JSON that :meth:`from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: object, models: Mapping[str, ModelSource]) -> "SpriteRef":
        """Read what the browser sent back.

        Raises:
            PokeGANError: whatever :meth:`to_dict` cannot have written for one of ``models``.
        """
        try:
            recolor = data.get("recolor")
            ref = cls(
                data["model"],
                Request.from_dict(data["request"]),
                data.get("index", 0),
                None if recolor is None else (recolor[0], recolor[1]),
            )
            known = ref.model in models
        except (TypeError, KeyError, IndexError, AttributeError):
            raise PokeGANError(NO_SPRITE) from None
        if not known:
            raise PokeGANError("There is no such model here.")
        check_whole("index", ref.index, 0, MAX_COUNT - 1)
        for number in ref.recolor or ():
            check_whole("palette", number, 0, MAX_SEED)
        return ref


@dataclass(frozen=True)
class Row:
    """What one model made of a request: its sprites, or the one line that says why there are none.

    Attributes:
        name: the model's public name.
        request: what was asked.
        images: the sprites, at the model's own size.
        uris: the same as ``data:`` URIs of PNGs.
        labels: the type, group or mixture of each sprite; empty for models without.
        seconds: how long the drawing took, when it was done.
        latent_dim: length of the model's latents.
        description: one line about the model.
        error: one line that names no path.
        species: what each real sprite shows; empty for models, whose sprites show none.
    """

    name: str
    request: Request
    images: tuple[Image.Image, ...] = ()
    uris: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    seconds: float = 0.0
    latent_dim: int = 0
    description: str = ""
    error: str = ""
    species: tuple[str, ...] = ()

    @property
    def captions(self) -> tuple[str, ...]:
        """What to call each sprite: its species, or what its model was asked for; may be empty."""
        return self.species or self.labels

    def ref(self, index: int) -> SpriteRef:
        """The sprite at this place, from 0."""
        return SpriteRef(self.name, self.request, index)


@dataclass
class Studio:
    """Draws for all visitors, with a bounded memory of what was drawn.

    Args:
        models: by public name, what may be drawn with. No other model is ever loaded.
        shelf: keeps the loaded ones.
        real: real sprites, which can be drawn in rows like a model's, but not loaded.
    """

    models: Mapping[str, ModelSource]
    shelf: ModelShelf
    real: Any = None
    _rows: OrderedDict[tuple[str, Request], Row] = field(default_factory=OrderedDict)
    _kept: int = 0
    _made: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(WORKERS))

    @property
    def sources(self) -> dict[str, Any]:
        """By public name, whatever rows can be drawn from: the models, then the real sprites."""
        return {**self.models} | ({self.real.name: self.real} if self.real else {})

    def load(self, name: str) -> LoadedModel:
        """The loaded model of this public name.

        Raises:
            PokeGANError: it is not on the list, or cannot be loaded.
        """
        if name not in self.models:
            raise PokeGANError("There is no such model here.")
        return self.shelf.get(self.models[name])

    def able(self, method: str) -> list[str]:
        """Names of the models that have this method."""
        return [name for name, model in self.models.items() if model.offers(method)]

    def draw(
        self, name: str, request: Request, progress: Callable[[float], None] | None = None
    ) -> Row:
        """Draw a row, or say in it why there is none: one model's fault is not the others'.

        Args:
            name: the model's public name.
            request: what is asked of it.
            progress: told the share that is done, for models that draw in many steps.
        """
        with self._lock:
            if row := self._rows.get((name, request)):
                self._rows.move_to_end((name, request))
                return row
        try:
            if self.real and name == self.real.name:
                row = self.real.row(request)
            else:
                row = self._drawn(name, request, progress)
        except PokeGANError as error:
            logger.info("%s", error)
            return Row(name, request, error=str(error))
        except Exception as error:
            # One model's fault, of whatever kind, must not take the page from the others.
            logger.exception("%s cannot be drawn", name)
            reason = f"{name}: cannot be drawn ({type(error).__name__})"
            return Row(name, request, error=reason)
        self._keep(row)
        return row

    def _keep(self, row: Row) -> None:
        with self._lock:
            if (row.name, row.request) not in self._rows:  # two visitors may have asked at once
                self._rows[row.name, row.request] = row
                self._kept += len(row.images)
            while self._kept > KEPT_SPRITES:
                _, oldest = self._rows.popitem(last=False)
                self._kept -= len(oldest.images)

    def _drawn(self, name: str, request: Request, progress: Callable[[float], None] | None) -> Row:
        loaded = self.load(name)
        generator = loaded.generator
        arguments = request.arguments_for(generator.conditioning)
        start = time.perf_counter()
        with _steps_told(generator, request.count, progress):
            images = tuple(generator.sample(request.count, **arguments))
        seconds = time.perf_counter() - start
        labels = label_names(generator, request)
        uris = tuple(png_uri(image) for image in images)
        about = (generator.latent_dim, loaded.description)
        return Row(name, request, images, uris, labels, seconds, *about)

    def remembered(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, from a memory of the last ``KEPT_CODES`` that all visitors share."""
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = make()  # by two visitors, if they ask at once
        with self._lock:
            self._made[key] = made
            while len(self._made) > KEPT_CODES:
                self._made.popitem(last=False)
        return made

    def draw_all(self, names: Sequence[str], request: Request) -> list[Row]:
        """One row for each of ``names``, in the order of the page's models.

        Models of one latent length start from the same latents, because these depend on the seed
        alone.
        """
        chosen = [name for name in self.sources if name in names]
        return self.side_by_side(lambda name: self.draw(name, request), chosen)

    def side_by_side(self, make: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        """``make`` of each item, in their order, on as many threads as there are cores."""
        return list(self._pool.map(make, items))

    def sprite(self, ref: SpriteRef) -> tuple[Image.Image, str]:
        """Draw one sprite again, and name its type (or nothing).

        Raises:
            PokeGANError: its model cannot be drawn with, or knows no palettes.
        """
        row = self._row_of(ref)
        label = row.labels[ref.index] if row.labels else ""
        if ref.recolor is None:
            return row.images[ref.index], label
        seed, number = ref.recolor
        check_whole("palette", number, 0, MAX_COUNT - 1)
        return self.recolored(replace(ref, recolor=None), seed, number + 1)[number], label

    def species(self, ref: SpriteRef) -> str:
        """Which species a real sprite shows; nothing for a model's.

        Raises:
            PokeGANError: it cannot be drawn again.
        """
        row = self._row_of(ref)
        return row.species[ref.index] if row.species else ""

    def _row_of(self, ref: SpriteRef) -> Row:
        count = max(ref.request.count, ref.index + 1)
        row = self.draw(ref.model, replace(ref.request, count=count))
        if row.error:
            raise PokeGANError(row.error)
        if ref.index >= len(row.images):  # there are only so many real sprites of a kind
            raise PokeGANError(NO_SPRITE)
        return row

    def recolored(self, ref: SpriteRef, seed: int, count: int) -> list[Image.Image]:
        """The sprite in ``count`` palettes of a seed; palette *i* depends on the seed and *i*.

        Raises:
            PokeGANError: its model cannot be loaded, or knows no palettes.
        """
        generator = self.load(ref.model).generator
        if not hasattr(generator, "recolor"):
            raise PokeGANError(f"{ref.model} has no palette to draw anew.")
        return generator.recolor(self.codes(ref).expand(count, -1), seed, shiny=ref.request.shiny)

    def codes(self, ref: SpriteRef):
        """The code (1, code_dim) of a sprite, for models that draw from codes."""
        generator, request = self.load(ref.model).generator, ref.request
        latents = generator.latents(ref.index + 1, request.seed)[-1:] * request.truncation
        return generator.codes_of(latents, self.types_of(ref), shiny=request.shiny)

    def types_of(self, ref: SpriteRef) -> dict[str, float] | str | None:
        """The types of a sprite as its model takes them, also where the seed chose them; ``None``
        for a model that knows none."""
        generator = self.load(ref.model).generator
        types = ref.request.types_for(generator.conditioning)
        if types is None and generator.conditioning is not None:
            request = replace(ref.request, count=ref.index + 1)
            return label_names(generator, request)[-1]
        return types


@contextmanager
def _steps_told(
    generator: Any, count: int, progress: Callable[[float], None] | None
) -> Iterator[None]:
    """Tell ``progress`` of each step of a model that draws in several."""
    if progress is None or generator.steps == 1:
        yield
        return
    done = itertools.count(1)
    total = generator.steps * -(-count // CHUNK)
    generator.on_step = lambda: progress(min(next(done) / total, 1.0))
    try:
        yield
    finally:
        generator.on_step = None


def label_names(generator: Any, request: Request) -> tuple[str, ...]:
    """What each sprite of a row was asked to be: "fire", "water-ice", "fire + ghost"; empty for
    models without conditioning."""
    conditioning = generator.conditioning
    if conditioning is None:
        return ()
    if conditioning == "types" and request.types:
        return (" + ".join(name for name, weight in request.types if weight),) * request.count
    types = request.types_for(conditioning)
    if types is None:
        labels = generator.labels(request.count, request.seed)
        if labels.ndim == 2:
            labels = labels[:, : len(TYPES)].argmax(1)
    else:
        labels = generator.labels_of(types, request.count)
    return tuple(CLASSES[conditioning][int(label)] for label in labels)


def check_names(names: object, known: Sequence[str]) -> list[str]:
    """Refuse what no list of the page's models can be; ``None`` means none are chosen.

    Raises:
        PokeGANError: no names, unknown ones, or one twice. The message repeats no text of the
            request.
    """
    if not isinstance(names, list) or not names:
        raise PokeGANError("Choose at least one model.")
    if len(names) > len(known) or any(name not in known for name in names):
        raise PokeGANError(f"models: choose among {', '.join(known)}, each at most once.")
    if len({*names}) != len(names):
        raise PokeGANError("models: choose each model at most once.")
    return names


def check_whole(name: str, value: object, low: int, high: int) -> None:
    """Refuse what is no whole number in a range.

    Raises:
        PokeGANError: with one line for the visitor.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise PokeGANError(f"{name} must be a whole number from {low} to {high}.")


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Refuse what is no number in a range; NaN is none.

    Raises:
        PokeGANError: with one line for the visitor.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise PokeGANError(f"{name} must be a number from {low:g} to {high:g}.")


def random_seed() -> int:
    """A seed that chance chooses."""
    return random.randrange(SHUFFLED_SEEDS)


def asked_types(*names: str | None) -> tuple[tuple[str, float], ...]:
    """A request's types, of equal weights, from choices any of which may be empty."""
    chosen = list(dict.fromkeys(filter(None, names)))
    return tuple((name, 1 / len(chosen)) for name in chosen)
