"""The PokeGAN Space: models side by side, for one seed.

    python space/app.py [--host HOST] [--port PORT]

Models come from ``models/`` beside this file and from ``POKEGAN_MODELS`` (folders or Hub ids,
separated by commas). They are looked for once, at the start, and loaded when first drawn.
"""

import argparse
import functools
import os
import random
import sys
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

# Read when gradio is imported: no visitor's or user's data leaves this machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
from models_index import ModelShelf, ModelSource, find_models, models_of_card
from rows import MAX_COUNT, check_request, draw_rows, png_uri, problems_html, rows_html, rows_json

from pokegan import PokeGANError

HERE = Path(__file__).resolve().parent
LOGO = HERE / "logo.png"
CACHED_MODELS = 8
FIRST_MODELS = 4
FIRST_COUNT = 16
FIRST_SEED = 0
SHUFFLED_SEEDS = 1_000_000
WAITING_VISITORS = 64

# Only fonts that machines have: the page must not ask anyone else's server for anything.
THEME = gr.themes.Base(
    primary_hue="teal",
    neutral_hue="stone",
    radius_size="lg",
    font=("Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"),
    font_mono=("Menlo", "Consolas", "DejaVu Sans Mono", "monospace"),
).set(
    body_background_fill="*neutral_50",
    body_background_fill_dark="*neutral_950",
    body_text_color_subdued="*neutral_500",
    body_text_color_subdued_dark="*neutral_400",
    background_fill_primary_dark="*neutral_900",
    border_color_primary_dark="*neutral_700",
    input_background_fill_dark="*neutral_800",
    block_label_text_color="*neutral_600",
    block_title_text_color="*neutral_600",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_600",
    button_primary_text_color="white",
    checkbox_background_color_selected="*primary_700",
    checkbox_border_color_selected="*primary_700",
    slider_color="*primary_700",
    slider_color_dark="*primary_500",
)

HOW_TO_TRAIN = """<section class="pg-empty"><h2>No models yet</h2>
<p>Train one, then start this page on its run folder:</p>
<pre><code>accelerate launch train.py --recipe dcgan --out runs/dcgan
POKEGAN_MODELS=runs/dcgan python space/app.py</code></pre>
<p>Or put a model folder into <code>space/models/</code>, or name published models by their Hub
ids: <code>POKEGAN_MODELS=user/name</code>.</p></section>"""


def build(models: Sequence[ModelSource], problems: Sequence[str]) -> gr.Blocks:
    """Lay out the page and its API for the models that were found.

    Args:
        models: what visitors may choose from.
        problems: one line for each folder that is no model, shown above the rows.
    """
    by_name = {model.name: model for model in models}
    names = list(by_name)
    first_names = names[:FIRST_MODELS]
    shelf = ModelShelf(CACHED_MODELS)

    def draw(chosen, count, seed):
        check_request(chosen, count, seed, names)
        return draw_rows(chosen, count, seed, by_name, shelf)

    def show(chosen: list[str], count: int, seed: int) -> str:
        return rows_html(draw(chosen, count, seed), seed)

    def shuffle(chosen: list[str], count: int) -> tuple[int, str]:
        seed = random.randrange(SHUFFLED_SEEDS)
        return seed, show(chosen, count, seed)

    def compare(
        models: list[str] | None = None, count: int = FIRST_COUNT, seed: int = FIRST_SEED
    ) -> list[dict]:
        return rows_json(draw(first_names if models is None else models, count, seed))

    with gr.Blocks(title="PokeGAN", analytics_enabled=False) as demo:
        gr.HTML(_header(), js_on_load=None)
        if problems:
            gr.HTML(problems_html(problems), js_on_load=None)
        if not models:
            gr.HTML(HOW_TO_TRAIN, js_on_load=None)
            return demo
        with gr.Column(elem_id="controls"):
            chosen = gr.CheckboxGroup(names, value=first_names, label="Models", elem_id="models")
            with gr.Row(elem_id="strip"):
                count = gr.Slider(
                    1, MAX_COUNT, FIRST_COUNT, step=1, precision=0, label="Sprites each",
                    elem_id="count", scale=4, min_width=220, buttons=[],
                )  # fmt: skip
                seed = gr.Number(
                    FIRST_SEED, precision=0, label="Seed", elem_id="seed", scale=2, min_width=130
                )
                shuffle_button = gr.Button(
                    "Shuffle seed", elem_id="shuffle", scale=1, min_width=140
                )
                draw_button = gr.Button(
                    "Draw", variant="primary", elem_id="draw", scale=1, min_width=140
                )
        output = gr.HTML(elem_id="rows", min_height=240, js_on_load=None)

        # All drawing shares the processor, so it shares one queue too.
        queued = {"concurrency_id": "draw", "concurrency_limit": 1}
        gr.on(
            [demo.load, draw_button.click, seed.submit], _told(show), [chosen, count, seed],
            # A click while the last one is being drawn counts: it is drawn next.
            output, trigger_mode="always_last", api_visibility="private",
            show_progress="minimal", **queued,
        )  # fmt: skip
        shuffle_button.click(
            _told(shuffle), [chosen, count], [seed, output],
            api_visibility="private", show_progress="minimal", show_progress_on=output, **queued,
        )  # fmt: skip
        gr.api(
            _told(compare),
            api_name="compare",
            api_description=(
                "Draw the sprites of one seed with several models. Returns one object for each"
                " model: model, description, latent_dim, seconds and sprites (PNG data URIs), or"
                f" model and error. models: any of {', '.join(names)} (default: the first"
                f" {len(first_names)}); count: 1 to {MAX_COUNT}; seed: 0 to 4294967295."
            ),
            **queued,
        )
    return demo.queue(max_size=WAITING_VISITORS)


def _told(function: Callable) -> Callable:
    """Show a ``PokeGANError`` as one line to the visitor, with no traceback in the log."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except PokeGANError as error:
            # Gradio renders the message as HTML.
            message = escape(str(error), quote=False)
            raise gr.Error(message, print_exception=False) from None

    return wrapped


def _header() -> str:
    from PIL import Image

    with Image.open(LOGO) as logo:
        uri = png_uri(logo)
    return (
        f'<header class="pg-header"><img src="{uri}" alt="" width="64" height="64"><div>'
        "<h1>PokeGAN</h1><p>Neural networks that learned from game sprites draw new monsters."
        " Pick models and a seed, and see what each makes of the same random numbers.</p>"
        "</div></header>"
    )


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")
    return int(text)


def main(argv: Sequence[str] | None = None) -> int:
    """Start the server and keep it running; returns the exit status."""
    parser = argparse.ArgumentParser(description="Start the PokeGAN page.")
    parser.add_argument(
        "--host", help="address to listen on (default: GRADIO_SERVER_NAME, else 127.0.0.1)"
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("GRADIO_SERVER_PORT"),
        help="default: GRADIO_SERVER_PORT, else the first free one from 7860",
    )
    arguments = parser.parse_args(argv)
    for problem in PROBLEMS:
        print(f"warning: {problem}", file=sys.stderr)
    try:
        _, url, _ = demo.launch(
            server_name=arguments.host,
            server_port=arguments.port,
            theme=THEME,
            css_paths=HERE / "style.css",
            favicon_path=LOGO,
            footer_links=["api"],
            # It would keep every drawn page, megabytes each, in the visitor's browser.
            run_history=False,
            ssr_mode=False,
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"PokeGAN is running on {url} with {len(MODELS)} model(s); Ctrl+C ends it.", flush=True)
    demo.block_thread()
    return 0


EXTRA = [*models_of_card(HERE / "README.md"), os.environ.get("POKEGAN_MODELS", "")]
MODELS, PROBLEMS = find_models(HERE / "models", ",".join(EXTRA))
demo = build(MODELS, PROBLEMS)

if __name__ == "__main__":
    sys.exit(main())
