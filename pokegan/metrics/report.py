"""The report of ``pokegan compare``: Markdown, one HTML file, CSV and the pictures in them."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pokegan.metrics.collect import write_bytes, write_text
from pokegan.metrics.columns import FURTHER, headline_columns
from pokegan.metrics.compare import (
    Table,
    check_comparable,
    csv_text,
    further_tables,
    headline_table,
    markdown,
    notes,
    ranked,
    ratings_table,
)
from pokegan.metrics.figures import (
    comparison_figure,
    loss_figure,
    png,
    sample_sheet,
    timeline_sheet,
    types_sheet,
)
from pokegan.metrics.rating import REAL
from pokegan.models.base import SpriteModel

TEMPLATES = Path(__file__).parent


@dataclass(frozen=True)
class Picture:
    """A picture of the report.

    Attributes:
        file: its place in the report's folder.
        alt: what it shows, for those who do not see it.
        content: of the PNG file.
    """

    file: str
    alt: str
    content: bytes

    @property
    def uri(self) -> str:
        """The picture itself as an address, for a page without other files."""
        return f"data:image/png;base64,{base64.b64encode(self.content).decode()}"


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: its heading.
        text: sentences below the heading.
        table: or ``None``.
        notes: sentences below the table.
        pictures: below that.
    """

    title: str
    text: str = ""
    table: Table | None = None
    notes: str = ""
    pictures: tuple[Picture, ...] = ()


def write_report(
    out: Path,
    facts: Mapping[str, dict],
    models: Mapping[str, SpriteModel],
    folders: Mapping[str, Path],
    ratings: Mapping[str, Mapping[str, Mapping]],
    seed: int,
) -> Path:
    """Write report.md, report.html, metrics.csv and the pictures; none shows a dataset's sprite.

    Args:
        out: the folder; made where it is missing.
        facts: content of ``metrics.json`` by name of the model.
        models: the models.
        folders: model folders of those that have one, for logs and timelines.
        ratings: as for :func:`ratings_table`; may be empty.
        seed: of the sprites that are shown.

    Returns:
        The path of report.html.

    Raises:
        PokeGANError: protocols whose values must not be compared, a timeline that cannot be read,
            or a folder that cannot be written.
    """
    check_comparable(facts)
    order = ranked(facts, headline_columns(facts)[0])
    facts = {name: facts[name] for name in order}
    models = {name: models[name] for name in order}
    folders = {name: folders[name] for name in order if name in folders}
    ratings = {name: ratings[name] for name in (REAL, *order) if name in ratings}
    sections = [
        *_number_sections(facts, ratings),
        *_sprite_sections(models, folders, seed),
    ]
    for section in sections:
        for picture in section.pictures:
            write_bytes(out / picture.file, picture.content)
    write_text(out / "metrics.csv", csv_text(facts))
    write_text(out / "report.md", render("report.md.j2", sections))
    write_text(out / "report.html", render("report.html.j2", sections))
    return out / "report.html"


def render(template: str, sections: list[Section]) -> str:
    """Fill in one of the two templates."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["markdown"] = markdown
    return environment.get_template(template).render(sections=sections)


def _number_sections(
    facts: Mapping[str, dict], ratings: Mapping[str, Mapping[str, Mapping]]
) -> list[Section]:
    title = "Headline metrics, one panel each, models as bars and floors as lines"
    figure = Picture("comparison.png", title, png(comparison_figure(facts)))
    sections = [
        Section("Metrics", "", headline_table(facts), " ".join(notes(facts)), (figure,)),
    ]
    if ratings:
        text = "Means of the marks that people gave, and how many."
        sections.append(Section("Ratings", text, ratings_table(ratings)))
    for title, table in further_tables(facts).items():
        sections.append(Section(title, FURTHER[title], table))
    return sections


def _sprite_sections(
    models: Mapping[str, SpriteModel], folders: Mapping[str, Path], seed: int
) -> list[Section]:
    sheet = Picture("samples.png", "Sprites of every model", png(sample_sheet(models, seed)))
    text = (
        f"The first sprites of seed {seed} by each model, none picked out. Models whose latents"
        f" have one length start from the same ones."
    )
    sections = [Section("Sprites", text, pictures=(sheet,))]
    typed = types_sheet(models, seed)
    if typed is not None:
        text = (
            "Each row starts from one latent: it shows what the type alone changes. All models have"
            " the same two rows of latents, where these have one length."
        )
        picture = Picture("types.png", "Types by model", png(typed))
        sections.append(Section("Type by type", text, pictures=(picture,)))
    timelines = []
    for name, folder in folders.items():
        strip = timeline_sheet(folder, models[name].size)
        if strip is not None:
            alt = f"{name} in the course of its training"
            timelines.append(Picture(f"timelines/{name}.png", alt, png(strip)))
    if timelines:
        text = "What the same latents became in the course of each training."
        sections.append(Section("Timelines", text, pictures=tuple(timelines)))
    losses = loss_figure(folders)
    if losses is not None:
        text = (
            "Losses of different objectives cannot be compared with each other; these show whether"
            " a training was stable. kimg: thousand real images seen."
        )
        picture = Picture("losses.png", "Losses of each training", png(losses))
        sections.append(Section("Losses", text, pictures=(picture,)))
    return sections
