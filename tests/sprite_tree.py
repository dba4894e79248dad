"""Small raw sprite sources that tests draw themselves, as folders, zips and tgz files."""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from pokegan.data.images import to_training_batch

ANIMATED = "sprites/pokemon/versions/generation-v/black-white/animated"


def blob(seed: int, width: int = 20, height: int = 14, side: int = 40) -> Image.Image:
    """A ``side`` px RGBA picture: a solid box of a colour of its own, off the centre."""
    pixels = np.zeros((side, side, 4), np.uint8)
    color = np.random.default_rng(seed).integers(0, 256, 3)
    pixels[3 : 3 + height, 5 : 5 + width] = [*color, 255]
    return Image.fromarray(pixels)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def gif(frames: list[Image.Image]) -> bytes:
    """An animated GIF with one full frame per image, repeated frames included."""
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        disposal=2,
        duration=list(range(20, 20 + 10 * len(frames), 10)),
        loop=0,
    )
    return buffer.getvalue()


def moving_gif(seed: int = 0, frames: int = 4, side: int = 40) -> bytes:
    """A box that moves two pixels to the right in every frame."""
    start = np.array(blob(seed, 8, 8, side))
    return gif([Image.fromarray(np.roll(start, 2 * step, 1)) for step in range(frames)])


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tgz(path: Path, files: dict[str, bytes], members: list[tarfile.TarInfo] = ()) -> Path:
    """``members`` are headers without data (links, devices), added after the files."""
    with (
        gzip.GzipFile(path, "wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in members:
            archive.addfile(member)
    return path


def gen5_tree() -> dict[str, bytes]:
    """Bulbasaur, Unown's letters, Rotom's and Deoxys' forms, Pikachu's sexes, in two colours."""
    files = {}
    for shiny, folder in enumerate(("", "shiny/")):
        stems = ["1", "18", "25", "201", "386", "386-attack", "10001", "479", "479-heat", "10009"]
        stems += [f"201-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
        for stem in stems:
            seed = 1000 * shiny + sum(stem.encode())
            files[f"{ANIMATED}/{folder}{stem}.gif"] = moving_gif(seed, 3)
        files[f"{ANIMATED}/{folder}female/25.gif"] = moving_gif(77 + shiny, 3)
        files[f"{ANIMATED}/back/{folder}1.gif"] = moving_gif(88 + shiny, 3)
    files[f"{ANIMATED}/substitute.gif"] = moving_gif(99, 1)
    return files


def gen34_tree() -> dict[str, bytes]:
    """Static sprites in the layout of generations 1 to 4, with what has to be left alone."""
    base = "sprites/pokemon/versions"
    paths = [
        "generation-iii/emerald/1.png",
        "generation-iii/emerald/shiny/1.png",
        "generation-iii/firered-leafgreen/1.png",
        "generation-iii/firered-leafgreen/back/shiny/386-attack.png",
        "generation-iii/ruby-sapphire/back/1.png",
        "generation-iii/ruby-sapphire/201-question.png",
        "generation-iv/diamond-pearl/female/25.png",
        "generation-iv/diamond-pearl/back/shiny/female/25.png",
        "generation-iv/heartgold-soulsilver/172-spiky-eared.png",
        "generation-iv/platinum/shiny/female/back/25.png",
        "generation-iv/platinum/10008.png",
        "generation-i/red-blue/1.png",
        "generation-i/red-blue/gray/1.png",
        "generation-i/red-blue/transparent/1.png",
        "generation-ii/crystal/transparent/shiny/152.png",
        "generation-ii/crystal/shiny/152.png",
        "generation-vii/icons/1.png",
    ]
    return {f"{base}/{path}": png(blob(seed, side=64)) for seed, path in enumerate(paths)}


def to_training_array(image, size, channels):
    """One sprite as networks see it: uint8 (channels, size, size)."""
    return to_training_batch(np.asarray(image.convert("RGBA"))[None], size, channels)[0]
