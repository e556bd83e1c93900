"""The drill's timeline, for a terminal and as a page."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from tests.benchmarks.drill_run import Log, Plan

BAR = 40
COLUMNS = ("written", "answered", "requests", "failed", "retries")
WIDTH, HEIGHT, LEFT, TOP, GAP = 900.0, 130.0, 60.0, 40.0, 46.0
COLOURS = {
    "calm": "#eef6ee",
    "529s and 5xx": "#fdf3d8",
    "stalls": "#fbe6cf",
    "total outage": "#f6d5d5",
    "recovery": "#e3eefb",
}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1c2430; }
table { border-collapse: collapse; margin: 1rem 0; } td { padding: .15rem 1rem .15rem 0; vertical-align: top; }
td:first-child { color: #5a6675; white-space: nowrap; }
svg { width: 100%; height: auto; } text { font-size: 12px; fill: #3a4453; }
"""

Answered = Sequence[tuple[float, float]]


def by_minute(plan: Plan, log: Log, answered: Answered) -> Mapping[str, Mapping[int, float]]:
    """Return what is drawn: a number for each minute."""
    failed = Counter(int(at // 60) for at, _, well in log.requests if not well)
    waiting: dict[int, float] = {}
    for sample in log.samples:
        minute = int(sample.at_s // 60)
        waiting[minute] = max(waiting.get(minute, 0), sample.waiting)
    return {
        "written": Counter(int(at // 60) for at in log.written),
        "answered": Counter(int(at // 60) for _, at in answered),
        "waiting": waiting,
        "requests": Counter(int(at // 60) for at, *_ in log.requests),
        "failed": failed,
        "retries": Counter(int(at // 60) for at in log.retries),
    }


def draw_timeline(plan: Plan, log: Log, answered: Answered) -> Iterator[str]:
    """Yield the lines of a timeline: a minute each, with a bar as long as the line of turns that wait."""
    series = by_minute(plan, log, answered)
    most = max(series["waiting"].values(), default=0) or 1
    yield "min weather      written answered requests failed retries  waiting"
    for minute in range(_minutes(log)):
        numbers = [int(series[name].get(minute, 0)) for name in COLUMNS]
        waiting = int(series["waiting"].get(minute, 0))
        bar = "█" * round(waiting / most * BAR) or ("▏" if waiting else "")
        weather = plan.weather(minute * 60).name
        columns = "{:7} {:8} {:8} {:6} {:7}".format(*numbers)
        yield f"{minute:3} {weather:12} {columns}  {bar} {waiting or ''}".rstrip()


def draw_page(plan: Plan, log: Log, answered: Answered, lines: Sequence[tuple[str, str]]) -> str:
    """Return a page with the figures and three graphs, one below the other."""
    series = by_minute(plan, log, answered)
    graphs = (
        ("messages a minute", {"written": "#5b7083", "answered": "#2b8a57"}),
        ("turns that wait for a model", {"waiting": "#b4453c"}),
        ("requests to providers a minute", {"requests": "#5b7083", "failed": "#b4453c", "retries": "#3a6fc4"}),
    )
    rows = "".join(f"<tr><td>{escape(what)}</td><td>{escape(figure)}</td></tr>" for what, figure in lines)
    height = TOP + len(graphs) * (HEIGHT + GAP)
    drawn = "".join(
        _graph(place, title, colours, series, plan, _minutes(log)) for place, (title, colours) in enumerate(graphs)
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Fault drill</title><style>{STYLE}</style>'
        f"<h1>Fault drill</h1><table>{rows}</table>"
        f'<svg viewBox="0 0 {WIDTH + LEFT + 20:.0f} {height:.0f}" role="img" aria-label="Timeline">{drawn}</svg></html>'
    )


def _minutes(log: Log) -> int:
    return int(log.ended_s // 60) + 1


def _graph(
    place: int,
    title: str,
    colours: Mapping[str, str],
    series: Mapping[str, Mapping[int, float]],
    plan: Plan,
    minutes: int,
) -> str:
    """Draw one graph: the weather behind, a line for each series, its scale from 0 to its largest number."""
    top = TOP + place * (HEIGHT + GAP)
    most = max((number for name in colours for number in series[name].values()), default=0) or 1
    parts = list(_weather(plan, minutes, top, named=place == 0))
    parts.append(f'<text x="{LEFT}" y="{top - 6}">{escape(title)}: ')
    parts += [f'<tspan fill="{colour}" font-weight="bold"> {escape(name)} </tspan>' for name, colour in colours.items()]
    parts.append("</text>")
    for share, number in ((0, most), (1, 0)):
        parts.append(f'<text x="{LEFT - 8}" y="{top + share * HEIGHT + 4}" text-anchor="end">{number:.0f}</text>')
    for name, colour in colours.items():
        heights = [HEIGHT * (1 - series[name].get(minute, 0) / most) for minute in range(minutes)]
        points = " ".join(
            f"{LEFT + (minute + 0.5) / minutes * WIDTH:.1f},{top + height:.1f}" for minute, height in enumerate(heights)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
    for minute in range(0, minutes + 1, 5):
        x = LEFT + minute / minutes * WIDTH
        parts.append(f'<text x="{x:.1f}" y="{top + HEIGHT + 15}" text-anchor="middle">{minute}</text>')
    return "".join(parts)


def _weather(plan: Plan, minutes: int, top: float, *, named: bool) -> Iterator[str]:
    begun = 0.0
    for weather in plan.forecast:
        x, width = LEFT + begun / minutes * WIDTH, (weather.until_min - begun) / minutes * WIDTH
        colour = COLOURS.get(weather.name, "#f4f4f4")
        yield f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="{HEIGHT}" fill="{colour}"/>'
        if named:
            yield f'<text x="{x + 4:.1f}" y="{top - 24}">{escape(weather.name)}</text>'
        begun = weather.until_min
