"""Fuse, Types and Recolour in a real Chromium."""

import io
import re
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

# The first draw of a server loads torch, which takes a while on a busy machine.
expect.set_options(timeout=60_000)


def open_tab(open_page, space, name, query="", **size):
    """The page with one tab open, by a link where there is a query, else by hand."""
    if query:
        page = open_page(space, query=f"?tab={name.lower()}&{query}", **size)
    else:
        page = open_page(space, **size)
        page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tab", name=name)).to_have_attribute("aria-selected", "true")
    return page


def params(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def path(page):
    return page.locator("#fuse-result .pg-path .pg-sprite img")


def sources(images):
    return images.evaluate_all("images => images.map(image => image.src)")


def own(page, place):
    """The sprite in one of the two places."""
    return page.locator(f"#fuse-{place} .pg-pair img").first


def png(size=32, noise=0):
    pixels = np.random.default_rng(noise).integers(0, 256, (size, size, 4)).astype(np.uint8)
    pixels[..., 3] = 255
    pixels[: size // 4] = 0
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def test_two_sprites_are_fused_before_anyone_asks(open_page, fuse_space):
    page = open_tab(open_page, fuse_space, "Fuse")
    expect(path(page)).to_have_count(12)
    assert len(set(sources(path(page)))) > 6
    for place in ("first", "second"):
        expect(page.locator(f"#fuse-{place} .pg-pair img")).to_have_count(2)
    film = page.locator("#fuse-result .pg-film img")
    expect(film).to_have_attribute("src", re.compile("^data:image/gif"))
    assert film.evaluate("image => image.currentSrc").startswith("data:image/gif")
    page.emulate_media(reduced_motion="reduce")
    page.wait_for_function(
        "document.querySelector('.pg-film img').currentSrc.startsWith('data:image/png')"
    )
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save as GIF").click()
    assert saved.value.suggested_filename == "paints-path.gif"
    assert Image.open(saved.value.path()).n_frames > 10


def test_drawing_swapping_and_the_paths_length_change_what_is_fused(open_page, fuse_space):
    page = open_tab(open_page, fuse_space, "Fuse", "steps=3")
    expect(path(page)).to_have_count(3)
    first, _, second = sources(path(page))
    page.get_by_role("button", name="Swap the two").click()
    expect(path(page).first).to_have_attribute("src", second)
    expect(path(page).last).to_have_attribute("src", first)
    page.get_by_role("button", name="Draw the first").click()
    expect(path(page).first).not_to_have_attribute("src", second)
    expect(path(page).last).to_have_attribute("src", first)
    page.get_by_label("number input for Sprites on the path").fill("5")
    expect(path(page)).to_have_count(5)
    # The address restores the view.
    shown = sources(path(page))
    page = open_page(fuse_space, query=f"?{urlsplit(page.url).query}")
    expect(path(page)).to_have_count(5)
    assert sources(path(page)) == shown


def test_pictures_are_fused_and_stay_in_the_browser(open_page, fuse_space):
    page = open_tab(open_page, fuse_space, "Fuse")
    expect(path(page)).to_have_count(12)
    drawn = own(page, "first").get_attribute("src")
    chooser = page.get_by_label("Your own picture as the first sprite")
    chooser.set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": png()})
    expect(page.locator("#fuse-first figcaption").first).to_have_text("Your first picture")
    assert own(page, "first").get_attribute("src") != drawn
    assert own(page, "first").evaluate("image => [image.naturalWidth, image.width]") == [32, 128]
    # No link holds a picture, and another event still knows it.
    page.wait_for_function("!location.search.includes('first-model')")
    assert params(page)["second-model"] == "paints"
    page.get_by_role("button", name="Swap the two").click()
    expect(page.locator("#fuse-second figcaption").first).to_have_text("Your first picture")


def test_a_picture_can_be_dropped(open_page, fuse_space):
    page = open_tab(open_page, fuse_space, "Fuse")
    expect(path(page)).to_have_count(12)
    dropped = page.evaluate_handle(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "mine.png", {type: "image/png"}));
            return data;
        }""",
        list(png(noise=1)),
    )
    page.locator("#fuse-second .pg-drop").dispatch_event("drop", {"dataTransfer": dropped})
    expect(page.locator("#fuse-second figcaption").first).to_have_text("Your second picture")


def test_what_is_no_picture_is_one_line_and_the_sprites_stay(open_page, fuse_space):
    page = open_tab(open_page, fuse_space, "Fuse")
    expect(path(page)).to_have_count(12)
    shown = sources(path(page))
    chooser = page.get_by_label("Your own picture as the second sprite")
    large = {"name": "x.png", "mimeType": "image/png", "buffer": bytes(5 * 2**20 + 1)}
    chooser.set_input_files(large)
    note = page.locator("#fuse-second .pg-drop-note")
    expect(note).to_have_text("That file is larger than 5 MB.")
    chooser.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": b"<script>"})
    expect(page.get_by_text("That is no PNG, GIF, JPEG or WebP image.")).to_be_visible()
    expect(note).to_be_empty()
    assert sources(path(page)) == shown


@pytest.mark.parametrize("place", ["first", "second"])
def test_a_sprite_of_another_tab_is_fused(open_page, fuse_space, place):
    page = open_page(fuse_space)
    sprite = page.locator('#rows .pg-row[data-model="plain"] .pg-sprite').nth(2)
    source = sprite.locator("img").get_attribute("src")
    sprite.click()
    page.get_by_role("button", name=f"Fuse as {place}").click()
    expect(page.get_by_role("tab", name="Fuse")).to_have_attribute("aria-selected", "true")
    expect(own(page, place)).to_have_attribute("src", source)
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.wait_for_function("location.search.includes('tab=fuse')")
    assert params(page)[f"{place}-model"] == "plain"
    assert params(page)[f"{place}-sprite"] == "3"


def test_a_sprite_of_the_path_opens_the_dialog_and_is_fused_again(open_page, fuse_space):
    page = open_tab(open_page, fuse_space, "Fuse", "steps=4")
    expect(path(page)).to_have_count(4)
    source = path(page).nth(1).get_attribute("src")
    path(page).nth(1).click()
    expect(page.locator("dialog[open] .pg-enlarged")).to_have_attribute("src", source)
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    path(page).nth(1).click()
    page.get_by_role("button", name="Fuse as second").click()
    expect(page.locator("#fuse-second figcaption").first).to_have_text(
        "33 % of the way, drawn by paints"
    )


def test_an_encoder_that_is_told_types_asks_for_one(open_page, fuse_space):
    page = open_tab(open_page, fuse_space, "Fuse", "model=told&steps=3&type=fire")
    expect(path(page)).to_have_count(3)
    expect(page.get_by_label("Type that the model is told")).to_have_value("Fire")
    page.get_by_label("Fused by").click()
    page.get_by_role("option", name="paints").click()
    expect(page.locator("#fuse-result h2")).to_have_count(2)  # it mixes, too
    expect(page.get_by_label("Type that the model is told")).to_have_count(0)


def test_types_are_a_table_whose_head_stays(open_page, fuse_space):
    page = open_tab(open_page, fuse_space, "Types")
    heads = page.locator("#types-grid thead th")
    expect(heads).to_have_count(4)
    expect(page.locator("#types-grid tbody tr")).to_have_count(18)
    expect(page.get_by_alt_text(re.compile("dark, drawn as the group dark-ghost"))).to_have_count(2)
    table = page.locator("#types-grid .pg-type-table")
    top = heads.first.bounding_box()["y"]
    table.evaluate("table => table.scrollTo(0, 500)")
    assert heads.first.bounding_box()["y"] == top
    first = page.locator("#types-grid td img").first
    source = first.get_attribute("src")
    page.locator("#types-forth").click()
    expect(first).not_to_have_attribute("src", source)
    expect(page.get_by_label("Sprite's seed").first).to_have_value("1")
    page.locator("#types-back").click()
    expect(first).to_have_attribute("src", source)
    page.locator("#types-shuffle").click()
    expect(first).not_to_have_attribute("src", source)


def test_on_a_phone_the_table_scrolls_and_the_page_does_not(open_page, fuse_space):
    page = open_tab(open_page, fuse_space, "Types", "seed=2", width=320, height=640)
    expect(page.locator("#types-grid tbody tr")).to_have_count(18)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    name = page.locator("#types-grid tbody th").first
    left = name.bounding_box()["x"]
    table = page.locator("#types-grid .pg-type-table")
    assert table.evaluate("table => { table.scrollTo(9999, 0); return table.scrollLeft }") > 0
    assert name.bounding_box()["x"] == left


def test_a_blend_follows_its_slider_and_its_link(open_page, fuse_space):
    page = open_tab(open_page, fuse_space, "Types", "from=bug&to=rock&share=20&seed=3")
    head = page.locator("#blend h3").first
    expect(head).to_have_text("8 sprites, 80 % bug and 20 % rock")
    row = page.locator("#blend .pg-sprites").first.locator("img")
    expect(row).to_have_count(8)
    source = row.first.get_attribute("src")
    slider = page.locator("#blend-share input[type=range]")
    slider.focus()
    slider.press("ArrowRight")
    expect(head).to_have_text("8 sprites, 79 % bug and 21 % rock")
    expect(row.first).not_to_have_attribute("src", source)
    page.wait_for_function("location.search.includes('share=21')")
    assert (params(page)["from"], params(page)["seed"]) == ("bug", "3")
    row.nth(2).click()
    expect(page.locator("dialog[open] h2")).to_have_text("paints, number 3")


def test_a_sprite_is_recoloured_and_its_palettes_shuffled(open_page, fuse_space):
    page = open_page(fuse_space)
    sprite = page.locator('#rows .pg-row[data-model="paints"] .pg-sprite').nth(4)
    source = sprite.locator("img").get_attribute("src")
    sprite.click()
    page.get_by_role("button", name="Recolour", exact=True).click()
    expect(page.get_by_role("tab", name="Recolour")).to_have_attribute("aria-selected", "true")
    original = page.locator("#recolour-result .pg-original img")
    expect(original).to_have_attribute("src", source)
    expect(page.get_by_label("Sprite number").last).to_have_value("5")
    palettes = page.locator("#recolour-result .pg-sprites img")
    expect(palettes).to_have_count(12)
    shown = sources(palettes)
    assert len({*shown}) > 6
    page.get_by_role("button", name="New palettes").click()
    expect(palettes.first).not_to_have_attribute("src", shown[0])
    expect(original).to_have_attribute("src", source)
    palettes.nth(7).click()
    expect(page.locator("dialog[open] dd", has_text="8 of seed")).to_be_visible()
    page.keyboard.press("Escape")
    shown = sources(palettes)
    page = open_page(fuse_space, query=f"?{urlsplit(page.url).query}")
    expect(palettes).to_have_count(12)
    assert sources(palettes) == shown


def test_only_sprites_with_a_palette_offer_to_be_recoloured(open_page, fuse_space):
    page = open_page(fuse_space)
    page.locator('#rows .pg-row[data-model="plain"] .pg-sprite').first.click()
    expect(page.get_by_role("button", name="Fuse as first")).to_be_visible()
    expect(page.get_by_role("button", name="Recolour", exact=True)).to_have_count(0)


def test_the_address_is_that_of_the_tab_that_is_seen(open_page, fuse_space):
    page = open_page(fuse_space)
    page.wait_for_function("location.search.includes('tab=compare')")
    page.get_by_role("tab", name="Types").click()
    page.wait_for_function("location.search.includes('tab=types')")
    page.get_by_role("tab", name="Recolour").click()
    page.wait_for_function("location.search.includes('tab=recolour')")
    page.get_by_role("tab", name="Fuse").click()
    page.wait_for_function("location.search.includes('tab=fuse')")
    page.get_by_role("tab", name="Types").click()
    page.wait_for_function("location.search.includes('tab=types')")
    page.get_by_role("tab", name="Compare").click()
    page.wait_for_function("location.search.includes('tab=compare')")


@pytest.mark.parametrize(
    ("tab", "line"),
    [
        ("Fuse", "No model here can fuse sprites"),
        ("Types", "No model here knows types"),
        ("Recolour", "No model here can recolour sprites"),
    ],
)
def test_where_no_model_can_a_line_says_so(open_page, space, tab, line):
    page = open_page(space)
    page.get_by_role("tab", name=tab).click()
    expect(page.get_by_role("heading", name=line)).to_be_visible()
