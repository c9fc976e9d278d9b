"""Plots as SVG, with nothing but text."""

import math
from html import escape

WIDTH = 760
OURS, OTHERS = "#1f6feb", "#9aa4af"
FONT = 'font-family="system-ui, sans-serif" font-size="13"'


def svg(height, parts):
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" {FONT}>\n<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def text(x, y, words, anchor="start", weight="normal", colour="#1f2328"):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">{escape(words)}</text>'


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def bars(title, unit, rows):
    """`rows`: name, value, whether it is ours. From the left, longest is most."""
    most = max((value for _, value, _ in rows), default=1) or 1
    left, room = 290, WIDTH - 290 - 90
    parts = [text(12, 24, f"{title} ({unit})", weight="bold")]
    for place, (name, value, ours) in enumerate(rows):
        y = 44 + 28 * place
        length = max(1, room * value / most)
        parts.append(text(left - 10, y + 14, name, anchor="end"))
        parts.append(f'<rect x="{left}" y="{y}" width="{length:.0f}" height="20" fill="{OURS if ours else OTHERS}"/>')
        parts.append(text(left + length + 6, y + 14, number(value)))
    return svg(56 + 28 * len(rows), parts)


def lines(title, unit, x_title, series):
    """`series`: name to points of x and y; x is drawn in powers of ten, y from 0."""
    height, left, right, top, bottom = 320, 70, WIDTH - 190, 50, 270
    points = [point for these in series.values() for point in these]
    x_low = min(math.log10(x) for x, _ in points)
    x_high = max(max(math.log10(x) for x, _ in points), x_low + 1)
    y_high = 1.15 * max(y for _, y in points) or 1

    def at(x, y):
        return (
            left + (right - left) * (math.log10(x) - x_low) / (x_high - x_low),
            bottom - (bottom - top) * y / y_high,
        )

    parts = [text(12, 24, f"{title} ({unit})", weight="bold"), text((left + right) / 2, height - 12, x_title, "middle")]
    for step in range(5):
        y = y_high * step / 4
        height_of = at(10**x_low, y)[1]
        parts.append(f'<line x1="{left}" y1="{height_of:.0f}" x2="{right}" y2="{height_of:.0f}" stroke="#e1e4e8"/>')
        parts.append(text(left - 8, height_of + 4, number(y), "end", colour="#57606a"))
    for x in sorted({x for x, _ in points}):
        parts.append(text(at(x, 0)[0], bottom + 18, f"{x:,}", "middle", colour="#57606a"))
    colours = [OURS, "#d9730d", "#2da44e", OTHERS, "#8250df"]
    for place, (name, these) in enumerate(series.items()):
        colour = colours[place % len(colours)]
        path = " ".join("{:.1f},{:.1f}".format(*at(x, y)) for x, y in these)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in these:
            cx, cy = at(x, y)
            parts.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="3.5" fill="{colour}"/>')
        parts.append(text(right + 12, at(*these[-1])[1] + 4, name, colour=colour))
    return svg(height, parts)
