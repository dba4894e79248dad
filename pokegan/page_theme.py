"""The look that our pages share: the Space's and the one for rating."""

import gradio as gr


def page_theme() -> gr.themes.Base:
    """A fresh theme of gradio's, to be changed as a page needs."""
    # Only fonts that machines have: the page must not ask anyone else's server for anything.
    return gr.themes.Base(
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
