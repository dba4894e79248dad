"""The PokeGAN Space: models side by side, for one seed.

    python space/app.py [--host HOST] [--port PORT]

Models come from ``models/`` beside this file and from ``POKEGAN_MODELS`` (folders or Hub ids,
separated by commas). They are looked for once, at the start, and loaded when first drawn.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

# Read when gradio is imported: no visitor's or user's data leaves this machine.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
# Read when torch is imported: rows are drawn side by side, so each takes one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gradio as gr
from compare import add_compare
from dialog import add_dialog
from drawing import Studio
from fuse import add_fuse
from markup import problems_html
from models_index import ModelShelf, ModelSource, best_first, find_models, models_of_card
from page import WAITING_VISITORS, Page, script
from png import png_uri
from real_sprites import find_real_sprites
from recolour import add_recolour
from scores import add_scores
from theme import STYLES, THEME
from training import add_training
from type_grid import add_types
from uploads import MAX_BYTES

HERE = Path(__file__).resolve().parent
LOGO = HERE / "logo.png"
CACHED_MODELS = 16
STATUS_SECONDS = 2.0
"""How often waiting visitors are told their place; by default all are told at every change."""

TABS = {
    "compare": ("Compare", add_compare),
    "fuse": ("Fuse", add_fuse),
    "types": ("Types", add_types),
    "recolour": ("Recolour", add_recolour),
    "training": ("Training", add_training),
    "scores": ("Scores", add_scores),
}
"""The tabs by their name in links: what is written on them, and what lays them out."""

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
    with gr.Blocks(title="PokeGAN", analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        gr.HTML(_header(), js_on_load=None, apply_default_css=False)
        if problems:
            gr.HTML(problems_html(problems), js_on_load=None, apply_default_css=False)
        if not models:
            gr.HTML(HOW_TO_TRAIN, js_on_load=None, apply_default_css=False)
            return demo
        by_name = {model.name: model for model in models}
        studio = Studio(by_name, ModelShelf(CACHED_MODELS), find_real_sprites(by_name))
        page = Page(studio, demo, problems)
        page.saver = page.html("saver", js="saver", render=False)
        add_dialog(page)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
            page.tabs = tabs
            for name, (title, add) in TABS.items():
                with gr.Tab(title, id=name, render_children=True):
                    add(page)
        page.saver.render()
        page.dialog.render()
        demo.load(_asked_tab, None, tabs, api_visibility="private", queue=False)
    return demo.queue(max_size=WAITING_VISITORS, status_update_rate=STATUS_SECONDS)


def _asked_tab(request: gr.Request):
    """The tab that the link names; where it names none, a visitor may be on another already."""
    name = request.query_params.get("tab")
    return gr.Tabs(selected=name) if name in TABS else gr.skip()


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
            css_paths=STYLES,
            js=script("page"),
            favicon_path=LOGO,
            footer_links=["api"],
            # It would keep every drawn page, megabytes each, in the visitor's browser.
            run_history=False,
            ssr_mode=False,
            # Nothing here takes files, but gradio's door for them is always open.
            max_file_size=MAX_BYTES,
            # The Hub installs what this needs; who has gradio alone has the page all the same.
            mcp_server=find_spec("mcp") is not None,
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
demo = build(best_first(MODELS), PROBLEMS)

if __name__ == "__main__":
    sys.exit(main())
