"""An assessment as one self-contained page: no script, nothing asked of any other address."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, StrictUndefined

_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Accuracy of {{ title }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border: 1px solid #bbb; padding: .2rem .6rem; text-align: right; }
th { background: #f2f2f2; font-weight: 600; }
th[scope=row], caption { text-align: left; }
td.right { background: #dcefdc; font-weight: 600; }
td.zero { color: #888; }
.notice { background: #fff3cd; padding: .5rem 1rem; }
.scroll { overflow-x: auto; }
</style>
</head>
<body>
<h1>Accuracy of {{ title }}</h1>
{% if notice %}<p class="notice">{{ notice }}</p>{% endif %}
<p>{{ points.used }} of {{ points.given }} reference points were compared with the map.
{{ design }}</p>
{% if no_areas_because %}<p class="notice">Nothing can be estimated of the whole map: {{ no_areas_because }}</p>{% endif %}
{% if points.not_labelled %}<p>{{ points.not_labelled }} of the points that were drawn have no label.</p>{% endif %}
{% if points.left_out_by_reason %}
<p>Left out:</p>
<ul>{% for reason, count in points.left_out_by_reason.items() %}<li>{{ count }}: {{ reason }}</li>{% endfor %}</ul>
{% endif %}
<p>Overall accuracy: {% if overall.map %}<strong>{{ share(overall.map) }}</strong> of the mapped area,
{% endif %}{{ share(overall.sample) }} of the points. Intervals are of 95 %.</p>
<h2>Classes</h2>
<div class="scroll"><table>
<thead><tr><th scope="col">class</th><th scope="col">mapped, ha</th><th scope="col">estimated, ha</th>
<th scope="col">user's accuracy</th><th scope="col">producer's accuracy</th><th scope="col">F1 of the points</th></tr></thead>
<tbody>
{% for c in classes %}<tr><th scope="row">{{ c.name }}{% if not c.on_map %} (not on the map){% endif %}</th>
<td>{{ "{:,.1f}".format(c.mapped_hectares) }}</td><td>{{ hectares(c.hectares) }}</td>
<td>{{ share(c.users.map or c.users.sample) }}</td><td>{{ share(c.producers.map or c.producers.sample) }}</td>
<td>{{ "-" if c.f1 is none else "%.3f"|format(c.f1) }}</td></tr>
{% endfor %}</tbody></table></div>
<p>Mapped hectares are counts of pixels. Estimated ones are corrected by what the points say of the map's errors.</p>
<h2>Confusion matrix</h2>
<div class="scroll"><table>
<caption>Points: rows are the map's classes, columns what is there</caption>
<thead><tr><th scope="col">map</th>{% for c in classes %}<th scope="col">{{ c.name }}</th>{% endfor %}<th scope="col">sum</th></tr></thead>
<tbody>
{% for c in classes %}{% set i = loop.index0 %}<tr><th scope="row">{{ c.name }}</th>
{% for count in matrix.counts[i] %}<td{% if loop.index0 == i %} class="right"{% elif not count %} class="zero"{% endif %}>{{ count }}</td>{% endfor %}<td>{{ c.points_mapped }}</td></tr>
{% endfor %}<tr><th scope="row">sum</th>{% for c in classes %}<td>{{ c.points_reference }}</td>{% endfor %}<td>{{ points.used }}</td></tr>
</tbody></table></div>
<p>Map SHA-256 <code>{{ class_map_sha256 }}</code>, reference SHA-256 <code>{{ reference_sha256 }}</code>,
GeoCrop {{ geocrop }}.</p>
<p>P. Olofsson et al. 2014, Good practices for estimating area and assessing accuracy of land change, Remote Sensing of
Environment 148, 42-57. S. V. Stehman 2014, International Journal of Remote Sensing 35, 4923-4939. Intervals of shares of
points: E. B. Wilson 1927, JASA 22, 209-212.</p>
</body>
</html>
"""


def assessment_page(report: Mapping[str, Any]) -> str:
    """The page of an assessment's figures, as `pipeline/assess.py` reports them."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    template = environment.from_string(_TEMPLATE)
    return template.render(**report, share=_share, hectares=_hectares)


def _share(figure: Mapping[str, Any] | None) -> str:
    """A share with its interval, in percent."""
    if figure is None:
        return "-"
    value = f"{100 * figure['value']:.1f} %"
    if figure["interval_95"] is None:
        return value
    low, high = figure["interval_95"]
    return f"{value} ({100 * low:.1f} to {100 * high:.1f})"


def _hectares(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "-"
    value = f"{figure['value']:,.1f}"
    if figure["standard_error"] is None:
        return value
    return f"{value} ± {1.96 * figure['standard_error']:,.1f}"
