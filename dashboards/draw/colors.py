"""Colours as people with and without colour vision see them, and how far two of them lie apart.

The simulation is that of Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
Deficiency", IEEE TVCG 15(6), 2009, at full severity; the distance CIEDE2000 as in Sharma, Wu and Dalal, "The CIEDE2000
Color-Difference Formula: Implementation Notes", Color Research and Application 30(1), 2005. Of Grafana's names the
values are those of its dark theme (packages/grafana-data/src/themes/createVisualizationColors.ts).
"""

from __future__ import annotations

import math
import re

Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

VISIONS: dict[str, Matrix] = {
    "normal vision": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
_SHADES = ("dark", "semi-dark", "", "light", "super-light")
_HUES = {
    "red": ("C4162A", "E02F44", "F2495C", "FF7383", "FFA6B0"),
    "orange": ("FA6400", "FF780A", "FF9830", "FFB357", "FFCB7D"),
    "yellow": ("E0B400", "F2CC0C", "FADE2A", "FFEE52", "FFF899"),
    "green": ("37872D", "56A64B", "73BF69", "96D98D", "C8F2C2"),
    "blue": ("1F60C4", "3274D9", "5794F2", "8AB8FF", "C0D8FF"),
    "purple": ("8F3BB8", "A352CC", "B877D9", "CA95E5", "DEB6F2"),
}
NAMED = {
    f"{shade}-{hue}".lstrip("-"): "#" + value
    for hue, values in _HUES.items()
    for shade, value in zip(_SHADES, values, strict=True)
} | {"text": "#CCCCDC", "white": "#FFFFFF", "black": "#000000"}
_HEX = re.compile(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})\Z")
# From sRGB to XYZ under D65 (IEC 61966-2-1), each row already divided by the white point.
_XYZ: Matrix = (
    (0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883),
)


def to_linear_rgb(color: str) -> Triple | None:
    """Return a colour's red, green and blue as shares of light; None for one that is not known."""
    found = _HEX.match(NAMED.get(color, color))
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(2 * one for one in found[1])
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return _to_linear(red), _to_linear(green), _to_linear(blue)


def least_distance(one: str, other: str) -> tuple[float, str]:
    """Return how far two colours lie apart where they are seen as nearest, and by which vision that is.

    Infinitely far where one of them is not known.
    """
    left, right = to_linear_rgb(one), to_linear_rgb(other)
    if left is None or right is None:
        return math.inf, "normal vision"
    return min(
        (ciede2000(_to_lab(_simulate_vision(left, matrix)), _to_lab(_simulate_vision(right, matrix))), name)
        for name, matrix in VISIONS.items()
    )


def ciede2000(one: Triple, other: Triple) -> float:
    """Return CIEDE2000 between two colours of CIELAB; about 1 is the smallest difference visible side by side."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean_c = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean_c**7 / (mean_c**7 + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = math.degrees(math.atan2(b1, a1)) % 360, math.degrees(math.atan2(b2, a2)) % 360
    turn = 0.0 if not c1 * c2 else (h2 - h1 + 180) % 360 - 180
    hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    mean_h = h1 + h2 if not c1 * c2 else (h1 + turn / 2) % 360
    t = (
        1
        - 0.17 * _cos_degrees(mean_h - 30)
        + 0.24 * _cos_degrees(2 * mean_h)
        + 0.32 * _cos_degrees(3 * mean_h + 6)
        - 0.20 * _cos_degrees(4 * mean_h - 63)
    )
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / math.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    spread = 60 * math.exp(-(((mean_h - 275) / 25) ** 2))
    r = -2 * math.sqrt(mean_c**7 / (mean_c**7 + 25**7)) * math.sin(math.radians(spread))
    light, chroma, tone = (l2 - l1) / s_l, (c2 - c1) / s_c, hue / s_h
    return math.sqrt(light**2 + chroma**2 + tone**2 + r * chroma * tone)


def _simulate_vision(color: Triple, matrix: Matrix) -> Triple:
    return _multiply(matrix, color)


def _multiply(matrix: Matrix, vector: Triple) -> Triple:
    first, second, third = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def _to_lab(color: Triple) -> Triple:
    within = (min(max(color[0], 0.0), 1.0), min(max(color[1], 0.0), 1.0), min(max(color[2], 0.0), 1.0))
    x, y, z = (_lab_root(one) for one in _multiply(_XYZ, within))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _to_linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _lab_root(value: float) -> float:
    return math.cbrt(value) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29


def _cos_degrees(degrees: float) -> float:
    return math.cos(math.radians(degrees))
