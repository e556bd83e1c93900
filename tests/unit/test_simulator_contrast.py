"""Every pair of ink and ground that the pages use meets WCAG 2.2 AA (4.5 : 1), in the light and in the dark."""

import re
from importlib.resources import files

from tests.tables import each_row

INKS = ("ink", "ink-soft")
GROUNDS = ("ground", "surface", "raised", "whatsapp-bubble", "sms-bubble", "email-bubble")
PAIRS = (
    *((ink, ground) for ink in INKS for ground in GROUNDS),
    *((f"{tone}", f"{tone}-soft") for tone in ("good", "warn", "bad")),
    *((ink, "night") for ink in ("on-night", "on-night-soft", "lamp")),
    *((ink, "night-soft") for ink in ("on-night", "on-night-soft")),
    *(("read", ground) for ground in ("surface", "whatsapp-bubble", "sms-bubble", "email-bubble")),
    *((channel, "surface") for channel in ("whatsapp", "sms", "email")),
    ("on-accent", "accent"),
    ("accent", "surface"),
    ("accent", "raised"),
    ("ink", "accent-soft"),
    ("warn", "surface"),
    ("bad", "surface"),
    ("bad", "ground"),
)


def schemes() -> dict[str, dict[str, str]]:
    css = files("channels").joinpath("static", "tokens.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    light_colours, dark_colours = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", each)) for each in (light, dark))
    return {"light": light_colours, "dark": {**light_colours, **dark_colours}}


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@each_row("scheme", ["light", "dark"])
@each_row(("ink", "ground"), PAIRS)
def test_pair_is_readable(scheme: str, ink: str, ground: str) -> None:
    colours = schemes()[scheme]
    bright, dim = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5
