import base64
import io
import json
import re

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from hub_server import HubServer
from huggingface_hub import HfApi, constants
from PIL import Image
from space.histories import write_log, write_metrics, write_timeline
from space.space_server import copy_space, running_space, save_model

PLENTY = 2**24


@pytest.fixture
def training():
    import training

    return training


@pytest.fixture
def shown(training, tmp_path):
    """What a section shows of a folder that a test has written."""
    import history

    def of(part="own", name="m"):
        return training.Shown(
            name, history.parts_of(tmp_path), part, history.read_history(tmp_path, part, PLENTY)
        )

    return of


def stages(html):
    data = re.search(r'data-stages="([^"]+)"', html)[1]
    return json.loads(data.replace("&quot;", '"'))


def test_a_section_has_pictures_a_slider_and_marked_curves(training, shown, tmp_path):
    write_log(tmp_path)
    write_timeline(tmp_path)
    html = training.training_html([shown()])
    assert html.count("<img ") == 4
    assert html.count(" hidden>") == 3
    assert stages(html)[1] == {"step": 10, "kimg": 0.16, "label": "step 10 · 0.16 kimg · 1 min"}
    assert stages(html)[0]["label"].endswith(" · 6 s")
    assert '<input type="range" min="0" max="3" step="1" value="3"' in html
    assert html.count('class="pg-mark"') == 2
    assert html.count('d="M1000.0 0V1000"') == 2
    assert 'data-query="?tab=training&amp;models=m&amp;parts=own"' in html
    assert "data-part=" not in html.replace('data-model="m" data-part="own"', "")


@pytest.mark.parametrize(("step", "place"), [(None, 3), (0, 0), (12, 1), (10**12, 3)])
def test_the_picture_next_to_a_step_is_shown(training, shown, tmp_path, step, place):
    write_timeline(tmp_path)
    html = training.training_html([shown()], step)
    assert f'step="1" value="{place}"' in html
    assert [" hidden" in tag for tag in re.findall("<img [^>]+>", html)].index(False) == place


@pytest.mark.parametrize(
    ("run", "facts", "place"),
    [
        ({"clock": "cpu", "chosen": {"step": 1021}}, "in 4 min of CPU time · the model has", 1),
        ({"clock": "wall", "chosen": {"step": 1021}}, "in 4 min · the model has", 1),
        ({"clock": "cpu"}, "in 4 min of CPU time</p>", 2),
        ({"chosen": {"step": "<b>"}}, "in 4 min</p>", 2),
        ({"chosen": 3}, "in 4 min</p>", 2),
        ([], "in 4 min</p>", 2),
        ("{", "in 4 min</p>", 2),
    ],
)
def test_the_step_that_was_chosen_is_told_and_shown(training, shown, tmp_path, run, facts, place):
    write_log(tmp_path)
    write_timeline(tmp_path, steps=(1, 1000, 4000))
    (tmp_path / "run.json").write_text(run if isinstance(run, str) else json.dumps(run))
    html = training.training_html([shown()])
    assert facts in html
    assert ("the model has the weights of step 1,021" in html) is (place == 1)
    assert f'step="1" value="{place}"' in html
    assert 'step="1" value="0"' in training.training_html([shown()], 0)  # unless one is asked for


def test_two_parts_can_be_chosen_between(training, shown, tmp_path):
    for folder in (tmp_path, tmp_path / "before"):
        write_log(folder)
        write_timeline(folder)
    html = training.training_html([shown("before")])
    assert 'data-part="before" aria-pressed="true">Earlier training<' in html
    assert 'data-part="own" aria-pressed="false">Later training<' in html


def test_two_models_move_together(training, shown, tmp_path):
    write_log(tmp_path)
    write_timeline(tmp_path)
    html = training.training_html([shown(), shown(name="n")])
    assert html.count("<section") == 2
    assert html.count("data-together") == 1
    assert "data-together" not in training.training_html([shown()])


def test_a_log_or_a_timeline_alone_is_shown(training, shown, tmp_path):
    write_log(tmp_path)
    html = training.training_html([shown()], step=5)
    assert "There is no timeline" in html
    assert html.count('role="img"') == 2
    assert "pg-mark" not in html
    (tmp_path / "training_log.jsonl").unlink()
    write_timeline(tmp_path)
    html = training.training_html([shown()])
    assert "There is no log" in html
    assert stages(html)[0] == {"step": 1, "kimg": None, "label": "step 1"}


def test_texts_of_a_folder_are_escaped(training, shown, tmp_path):
    evil = '<script>"&'
    write_log(tmp_path, **{f"loss/{evil}": lambda step: 1, evil: lambda step: 2})
    write_timeline(tmp_path)
    (tmp_path / "recipe.yaml").write_text(json.dumps({"title": evil}))
    html = training.training_html([shown(name=evil), evil])
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5


def test_what_belongs_together_is_in_one_chart(training, shown, tmp_path):
    names = [
        "loss/generator", "loss/critic", "D(x)", "D(G(z))", "D(E(x))", "wasserstein",
        "validation/wasserstein", "margin", "penalty", "|G(E(x))-x|", "diversity", "eval/fd_a@9",
        "eval/kid_a@9", "saturation",
    ]  # fmt: skip
    write_log(tmp_path, **{name: lambda step: step for name in names})
    html = training.charts_html(shown().history, None)
    legends = [re.findall(r"</svg>([^<]+)</li>", part) for part in html.split("<figure")[1:]]
    assert legends == [
        ["generator", "critic"], ["D(x)", "D(G(z))", "D(E(x))"],
        ["wasserstein", "validation/wasserstein"], ["margin"], ["penalty"], ["|G(E(x))-x|"],
        ["diversity"], ["fd_a@9"], ["kid_a@9"], ["saturation"],
    ]  # fmt: skip


# ---- over the API --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained_space(tmp_path_factory):
    """Models whose trainings are whole, in two parts, damaged and unknown."""
    root = tmp_path_factory.mktemp("trained")
    models = copy_space(root / "space") / "models"
    for name in ("whole", "parts", "damaged", "bare"):
        save_model(models / name)
    write_log(models / "whole")
    write_timeline(models / "whole")
    write_log(models / "parts")
    write_timeline(models / "parts", colours=["#000000"])
    write_log(models / "parts" / "before", steps=100)
    write_timeline(models / "parts" / "before")
    (models / "damaged" / "training_log.jsonl").write_bytes(b"\x00{]" * 1000)
    write_timeline(models / "damaged")
    (models / "damaged" / "timeline" / "step-00000010.png").write_bytes(b"")
    with running_space(root / "space", root / "log.txt") as server:
        yield server


@pytest.fixture(scope="module")
def client(trained_space):
    return Client(trained_space.url, verbose=False)


def test_the_api_tells_a_training(client):
    told = client.predict(model="whole", api_name="/training")
    assert (told["model"], told["parts"], told["part"]) == ("whole", ["own"], "own")
    assert told["curves"]["loss/generator"]["kimg"] == pytest.approx([0.16, 0.32, 0.48, 0.64])
    assert [stage["step"] for stage in told["timeline"]] == [1, 10, 20, 40]
    kind, data = told["timeline"][0]["picture"].split(",")
    assert kind == "data:image/webp;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (42, 42)


def test_the_api_tells_either_part(client):
    assert client.predict(model="parts", api_name="/training")["part"] == "before"
    told = client.predict(model="parts", part="own", api_name="/training")
    assert told["part"] == "own"
    assert told["curves"]["D(x)"]["kimg"][-1] == pytest.approx(0.64)


def test_a_damaged_training_is_told_as_far_as_it_goes(client):
    told = client.predict(model="damaged", api_name="/training")
    assert told["curves"] == {}
    assert [stage["step"] for stage in told["timeline"]] == [1, 20, 40]
    assert len(told["notes"]) == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"model": "bare"}, "bare brings neither a log nor a timeline of its training"),
        ({"model": "../whole"}, "models: choose among "),
        ({"model": ["whole"]}, "models: choose among "),
        ({"model": "whole", "part": "../.."}, r"part: own or before, or empty\."),
        ({"model": "whole", "part": ["own"]}, r"part: own or before, or empty\."),
        ({"model": "whole", "part": "before"}, r"whole has no training of that part\."),
    ],
)
def test_what_cannot_be_told_is_one_line(client, asked, message):
    with pytest.raises(AppError, match=rf"^{message}[^\n]*$"):
        client.predict(**asked, api_name="/training")


def test_files_of_models_on_the_hub_are_fetched_when_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    folder = save_model(tmp_path / "tiny")
    write_log(folder)
    write_timeline(folder)
    (folder / "timeline" / "step-00000080.png").write_bytes(b"x" * (4 * 2**20 + 1))
    write_metrics(folder)
    bare = save_model(tmp_path / "bare")
    with HubServer() as hub:
        api = HfApi(endpoint=hub.url, token=hub.token("ada"))
        for name, source in (("ada/tiny", folder), ("ada/bare", bare)):
            api.create_repo(name)
            api.upload_folder(repo_id=name, folder_path=source)
        with running_space(
            copy_space(tmp_path / "space"),
            tmp_path / "log.txt",
            HF_ENDPOINT=hub.url,
            HF_HOME=str(tmp_path / "home"),
            HF_HUB_DISABLE_XET="1",
            POKEGAN_MODELS="ada/tiny,ada/bare,ada/missing",
        ) as server:
            client = Client(server.url, verbose=False)
            assert not (tmp_path / "home").exists() or not list(
                (tmp_path / "home").rglob("training_log.jsonl")
            )
            told = client.predict(model="ada/tiny", api_name="/training")
            scores = client.predict(api_name="/scores")
            errors = []
            for name in ("ada/bare", "ada/missing"):
                with pytest.raises(AppError) as caught:
                    client.predict(model=name, api_name="/training")
                errors.append(str(caught.value))
    # The picture that is too large was not even asked for.
    assert [stage["step"] for stage in told["timeline"]] == [1, 10, 20, 40]
    assert told["notes"] == []
    assert told["curves"]["D(x)"]["value"] == [0.5] * 4
    assert {score["model"] for score in scores} == {"ada/tiny"}
    assert errors[0] == "ada/bare: the repository has no file training_log.jsonl"
    assert errors[1].startswith("ada/missing: ")
    assert not list((tmp_path / "home").rglob("model.safetensors"))
