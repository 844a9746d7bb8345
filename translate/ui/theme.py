"""How the page looks: colours, type and spacing, in light and dark; system fonts, nothing fetched from elsewhere."""

from pathlib import Path

import gradio as gr

ICON = Path(__file__).with_name("favicon.svg")
HEADER = f"""<header class="tr-header">{ICON.read_text(encoding="utf-8").strip()}
<div><h1>translate</h1><p>Upload a photo, get its translation.</p></div></header>"""
# Not in the style sheet: Gradio confines what that has inside @media to the content of the page.
HEAD = """<style>@media (max-width: 640px) { .gradio-container .main.app { padding: 12px 14px !important; } }</style>"""
# style.css is the whole page's; a tab that needs its own has a sheet of its name.
CSS = "\n".join(sheet.read_text(encoding="utf-8") for sheet in sorted(Path(__file__).parent.glob("*.css")))

THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.teal,
    secondary_hue=gr.themes.colors.teal,
    neutral_hue=gr.themes.colors.slate,
    radius_size=gr.themes.sizes.radius_lg,
    # Names alone: Gradio fetches nothing for them. style.css has the whole list of fonts.
    font=["sans-serif"],
    font_mono=["monospace"],
).set(
    body_background_fill="*neutral_50",
    body_background_fill_dark="*neutral_950",
    # The defaults are too pale to read: 2.6 and 2.5 to 1 on white.
    body_text_color_subdued="*neutral_500",
    block_info_text_color="*neutral_500",
    color_accent="*primary_700",
    block_background_fill="white",
    block_background_fill_dark="*neutral_900",
    block_border_width="1px",
    block_border_color="*neutral_200",
    block_border_color_dark="*neutral_800",
    block_shadow="0 1px 2px rgb(15 23 42 / 0.05)",
    block_shadow_dark="none",
    input_background_fill="white",
    input_background_fill_dark="*neutral_900",
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_600",
    button_primary_text_color="white",
    button_primary_text_color_dark="white",
)
