"""Whatever reaches a parser, only our own error comes out; and what was written is read back."""

import csv
import io
import json
import string
from contextlib import suppress

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pokegan import PokeGANError
from pokegan.cli import main
from pokegan.data import species as facts
from pokegan.data.decode import BadImage, read_frames
from pokegan.data.layout import FLAGS, is_layout, layout_prefix, parse_path
from pokegan.data.metadata import COLUMNS, parse_metadata
from pokegan.data.options import VIEWS
from pokegan.data.records import Ignored, Rejected
from pokegan.data.sources import safe_name
from pokegan.data.synthetic import parse_synthetic
from pokegan.data.types import TYPE_GROUPS, TYPES
from pokegan.models.aegan import AEGAN
from pokegan.models.base import SpriteModel
from pokegan.models.conditioning import CLASSES, labels_of
from pokegan.training.command_line import parse_command_line
from pokegan.training.recipe_files import read_recipe_file, recipe_names

STABLE = settings(
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FEWER = settings(STABLE, max_examples=15)
"""For what takes tens of milliseconds."""

texts = st.text(max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


# ---- recipes and command lines -----------------------------------------------------------------

FIELDS = {
    "seed": st.integers(0, 2**31),
    "batch_size": st.integers(1, 4096),
    "title": st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
    "ema_half_life_kimg": st.floats(0.001, 1e6),
    "optimizer.learning_rate": st.floats(1e-9, 1.0),
    "optimizer.cooldown": st.floats(0, 1),
    "augmentation.translate": st.floats(0, 0.5),
    "kimg": st.floats(0.001, 1e9),
    "shiny": st.sampled_from(["both", "normal", "only"]),
    "networks.generator.latent_dim": st.integers(1, 4096),
}


@FEWER
@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_a_recipe_is_read_back_as_it_was_written(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "recipe.yaml"
    recipe, _ = parse_command_line([f"--{name}={value}" for name, value in values.items()])
    path.write_text(recipe.to_yaml(), encoding="utf-8")
    again, _ = parse_command_line([f"--recipe={path}"])
    assert again == recipe


@pytest.mark.parametrize("name", recipe_names())
def test_each_recipe_is_read_back_as_it_was_written(name, tmp_path):
    recipe, _ = parse_command_line([f"--recipe={name}"])
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.to_yaml(), encoding="utf-8")
    assert parse_command_line([f"--recipe={path}"])[0] == recipe


NAMES = sorted(yaml.safe_load(parse_command_line([])[0].to_yaml()))


@STABLE
@given(
    st.dictionaries(st.sampled_from(NAMES) | texts, json_values, max_size=4),
    st.sampled_from(NAMES),
    st.booleans(),
)
def test_any_mapping_as_a_recipe(tmp_path_factory, changes, dropped, whole):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    content = yaml.safe_load(parse_command_line([])[0].to_yaml()) if whole else {}
    content.pop(dropped, None)
    path.write_text(yaml.safe_dump(content | changes), encoding="utf-8")
    with suppress(PokeGANError):
        parse_command_line([f"--recipe={path}"])


WHOLE = "kimg: 1\nname: x\ntitle: y\nobjective: {family: gan}\n"
ROLE = "networks: {g: {architecture: dcgan-generator}}\n"


@pytest.mark.parametrize(
    "content",
    [
        *("a: 2001-99-99", "a: 0x_", "a: !!int x", "a: !!float x", "a: !!timestamp x"),
        *("[" * 5000, "a: " + "9" * 5000, "a: &x [*x]", "!!python/object:os.system x"),
        WHOLE + "networks: {1: {architecture: dcgan-generator}}",
        WHOLE + "networks: {a.b: {architecture: dcgan-generator}}",
        WHOLE + ROLE + "seed: 2001-01-01",
        WHOLE + ROLE + "seed: &x [*x]",
        WHOLE + ROLE + "optimizer: &x {betas: *x}",
    ],
)
def test_what_yaml_knows_and_recipes_do_not(tmp_path, content):
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(PokeGANError, match=r"recipe\.yaml") as caught:
        parse_command_line([f"--recipe={path}"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", ["--kimg=1e400", "--minutes=.inf", "--epochs=.nan"])
def test_a_length_is_a_finite_number(option):
    with pytest.raises(PokeGANError, match="must be above 0 and finite"):
        parse_command_line([option])


def test_a_path_with_a_zero_byte():
    with pytest.raises(PokeGANError, match="cannot be read"):
        parse_command_line(["--recipe=a\0.yaml"])


@STABLE
@given(
    st.binary(max_size=60)
    | st.text(alphabet="{}[]&*!|>-:,'\"#%@ \nab\t", max_size=40).map(str.encode)
)
def test_any_bytes_as_a_recipe(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    with suppress(PokeGANError):
        read_recipe_file(str(path))


OPTIONS = st.sampled_from(
    ["recipe", "kimg", "seed", "data", "image.size", "optimizer.betas", "cpu"]
)


@STABLE
@given(
    st.lists(
        texts
        | st.tuples(OPTIONS | texts, texts | json_values.map(json.dumps)).map(
            "--{0[0]}={0[1]}".format
        ),
        max_size=3,
    )
)
def test_any_command_line(argv):
    if any(argument.startswith("--h") or argument == "-h" for argument in argv):
        return  # help, which exits
    with suppress(PokeGANError):
        parse_command_line(argv)


@FEWER
@given(
    st.sampled_from(["recipes", "runs", "sample", "dataset"]),
    st.lists(texts, max_size=3),
)
def test_any_command_of_pokegan(tmp_path_factory, capsys, command, rest):
    """Told in one line (status 2), or by argparse, which exits with 2 itself."""
    if any(argument.startswith("-") for argument in rest):
        return  # options that write, or help
    try:
        status = main([command, *(f"/nowhere/{argument}" for argument in rest)])
    except SystemExit as stop:
        status = stop.code
    assert status in (0, 2)
    assert "Traceback" not in capsys.readouterr().err


@STABLE
@given(texts | st.integers().map("synthetic:{}".format))
def test_any_name_of_data(spec):
    with suppress(PokeGANError):
        assert parse_synthetic(spec) is None or spec.startswith("synthetic")


# ---- config.json -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("model")
    AEGAN(base_width=2, latent_dim=2, size=16).save_pretrained(out)
    return out


@STABLE
@given(st.data())
def test_any_config(folder, data):
    path = folder / "config.json"
    whole = path.read_text()
    config = json.loads(whole)
    name = data.draw(st.sampled_from(sorted(config)) | texts)
    content = data.draw(json_values.map(lambda value: json.dumps({**config, name: value})) | texts)
    try:
        path.write_text(content, encoding="utf-8", errors="surrogatepass")
        with suppress(PokeGANError):
            assert isinstance(SpriteModel.from_pretrained(folder), AEGAN)
    finally:
        path.write_text(whole)


# ---- metadata.csv ------------------------------------------------------------------------------

known = st.sampled_from(facts.all_species())
words = st.text(string.ascii_letters + string.digits + " ,\"'é", min_size=1, max_size=12).filter(
    lambda word: word == word.strip()
)
rows = st.fixed_dictionaries(
    {
        "species": known,
        "types": st.lists(st.sampled_from(TYPES), min_size=2, max_size=2, unique=True),
        "view": st.sampled_from(VIEWS),
        "shiny": st.booleans(),
        "game": words,
        "generation": st.integers(0, 127),
        "gender": st.sampled_from(["", "female"]),
    }
)


@STABLE
@given(st.lists(rows, min_size=1, max_size=6), st.permutations(COLUMNS))
def test_valid_rows_come_back(rows, columns):
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns)
    writer.writeheader()
    for place, row in enumerate(rows):
        first, second = row["types"]
        writer.writerow(
            {
                "file_name": f"folder/{place}.png",
                "species_id": row["species"].number,
                "species": row["species"].name,
                "form": "",
                "type1": first,
                "type2": second,
                "shiny": "yes" if row["shiny"] else "no",
                **{name: row[name] for name in ("view", "game", "generation", "gender")},
            }
        )
    files = {f"folder/{place}.png": place + 100 for place in range(len(rows))}
    read = parse_metadata(stream.getvalue(), "metadata.csv", files)
    assert sorted(read) == sorted(files.values())
    for place, row in enumerate(rows):
        sprite = read[place + 100]
        assert (sprite.species.number, sprite.species.name) == (
            row["species"].number,
            row["species"].name,
        )
        assert [sprite.species.type1, sprite.species.type2] == row["types"]
        assert (
            sprite.view,
            sprite.shiny,
            sprite.game,
            sprite.gender,
            sprite.species.generation,
        ) == (tuple(row[name] for name in ("view", "shiny", "game", "gender", "generation")))


cells = st.sampled_from([*COLUMNS, "a.png", "Mew", "fire", "151", "yes", "back"]) | texts


@STABLE
@given(st.lists(st.lists(cells, max_size=6).map(",".join), max_size=5).map("\n".join) | texts)
def test_any_text_as_metadata(text):
    for header in ("", "file_name,species,form,type1,type2\na.png,"):
        with suppress(PokeGANError):
            parse_metadata(header + text, "metadata.csv", {"a.png": 0})


# ---- sprite paths, species and types -----------------------------------------------------------


@STABLE
@given(
    known,
    st.sampled_from(
        ["generation-iii/emerald", "generation-iv/platinum", "generation-v/black-white"]
    ),
    st.sets(st.sampled_from(sorted(FLAGS))),
    st.sampled_from([".png", ".gif", ".PNG"]),
    st.sampled_from(["", "repo/", "generation-i/x/"]),
)
def test_a_path_of_the_layout_tells_what_it_was_made_of(species, game, flags, suffix, before):
    folders = "".join(f"{flag}/" for flag in sorted(flags))
    name = f"{before}sprites/pokemon/versions/{game}/{folders}{species.number}{suffix}"
    assert is_layout(name)
    sprite = parse_path(name)
    assert sprite.source == name
    assert sprite.species == species
    assert sprite.game == game.split("/")[1]
    assert sprite.view == ("back" if "back" in flags else "front")
    assert (sprite.shiny, sprite.gender, sprite.animated) == (
        "shiny" in flags,
        "female" if "female" in flags else "",
        "animated" in flags,
    )


parts = (
    st.sampled_from(["generation-v", "x", "back", "..", ".", "1.png", "1-.gif", "10001.png"])
    | texts
)


@STABLE
@given(st.lists(parts, max_size=6).map("/".join))
def test_any_path(name):
    is_layout(name)
    layout_prefix(name)
    with suppress(Ignored, Rejected):
        parse_path(name)
    with suppress(PokeGANError):
        safe = safe_name("archive", name)
        assert ".." not in safe.split("/")
        assert not safe.startswith("/")


@STABLE
@given(texts)
def test_folding_a_name_twice_is_folding_it_once(name):
    assert facts.fold_name(facts.fold_name(name)) == facts.fold_name(name)


@STABLE
@given(known, st.data())
def test_a_species_is_found_however_its_name_is_spelt(species, data):
    spelling = data.draw(st.sampled_from([str.upper, str.lower, str.title, str.casefold]))
    assert facts.by_name(f" {spelling(species.name)}. ") == species


@STABLE
@given(texts | st.integers().map(str))
def test_any_name_of_a_species(name):
    facts.by_name(name)
    facts.near_names(name)
    with suppress(ValueError):
        facts.by_stem(name)


@STABLE
@given(
    st.lists(
        st.dictionaries(st.sampled_from(TYPES), st.integers(1, 1000), min_size=1, max_size=5),
        min_size=1,
        max_size=4,
    )
)
def test_a_mixture_of_types_comes_back_as_shares(mixtures):
    labels = labels_of(mixtures, len(mixtures), "types")
    for label, mixture in zip(labels, mixtures, strict=True):
        total = sum(mixture.values())
        expected = [mixture.get(name, 0) / total for name in TYPES]
        np.testing.assert_allclose(label[:-1].numpy(), expected, atol=1e-6)
        assert label[-1] == 0
    equal = ["+".join(mixture) for mixture in mixtures]
    shares = [dict.fromkeys(mixture, 1) for mixture in mixtures]
    assert torch.equal(
        labels_of(equal, len(equal), "types"), labels_of(shares, len(shares), "types")
    )


@STABLE
@given(st.lists(st.sampled_from(TYPES), min_size=1, max_size=6))
def test_types_and_their_groups_are_known_by_name(names):
    assert labels_of(names, len(names), "type").tolist() == [TYPES.index(name) for name in names]
    groups = labels_of(names, len(names), "group").tolist()
    assert all(
        name in TYPE_GROUPS[group].split("-") for name, group in zip(names, groups, strict=True)
    )


odd = texts | st.lists(st.sampled_from([*TYPES, "", " ", "+", "fire"]), max_size=3).map("+".join)
weights = st.dictionaries(odd, json_values, max_size=3)


@STABLE
@given(odd | weights | st.lists(odd | weights, max_size=3), st.sampled_from(sorted(CLASSES)))
def test_any_names_of_types(types, conditioning):
    with suppress(PokeGANError):
        labels = labels_of(types, 2, conditioning)
        assert len(labels) == 2
        assert torch.isfinite(labels.float()).all()


# ---- uploaded images ---------------------------------------------------------------------------


@STABLE
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.randoms(use_true_random=False),
    st.sampled_from(["PNG", "GIF", "WEBP", "BMP"]),
)
def test_an_image_comes_back_as_it_was_saved(width, height, random, kind):
    color = tuple(random.randrange(256) for _ in range(3))
    stream = io.BytesIO()
    Image.new("RGB", (width, height), color).save(
        stream, kind, **({"lossless": True} if kind == "WEBP" else {})
    )
    (frame,) = read_frames(stream.getvalue())
    assert frame.pixels.shape == (height, width, 4)
    assert (frame.pixels == (*color, 255)).all()


MAGIC = (b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"RIFF", b"\xff\xd8\xff\xe0")


@STABLE
@given(st.sampled_from(MAGIC), st.binary(max_size=300), st.sampled_from([1, 3, None]))
def test_any_bytes_as_an_image(magic, content, count):
    with suppress(BadImage):
        assert read_frames(magic + content, count)
