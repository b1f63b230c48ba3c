"""The few kinds of panel that the dashboards use, on Grafana's Foundation SDK.

Every panel has a description (what it shows and what to think of it), a unit, and asks the data source that the
variable `datasource` names. Rates use $__rate_interval, so any zoom and scrape interval is right.
"""

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import dashboard as dashboard_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = dashboard_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
SCHEMA_VERSION = 39
COLORS = ("green", "orange", "red")
LEGEND_LAST = ["lastNotNull", "max"]


def thresholds(steps: list[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(dashboard_models.ThresholdsMode.ABSOLUTE)
        .steps([dashboard_models.Threshold(value=value, color=color) for value, color in steps])
    )


def rising(orange: float, red: float) -> list[tuple[float | None, str]]:
    """More is worse."""
    return [(None, "green"), (orange, "orange"), (red, "red")]


def falling(orange: float, red: float) -> list[tuple[float | None, str]]:
    """Less is worse: below `orange`, below `red`."""
    return [(None, "red"), (red, "orange"), (orange, "green")]


def _query(expr: str, legend: str, ref: str, instant: bool = False, as_table: bool = False) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(ref).datasource(DATASOURCE)
    query = query.instant() if instant else query.range().exemplar("_bucket" in expr)
    return query.format(PromQueryFormat.TABLE) if as_table else query


def graph(
    title: str,
    description: str,
    queries: list[tuple[str, str]],
    unit: str = "short",
    width: int = 8,
    stacked: bool = False,
    maximum: float | None = None,
    limits: list[tuple[float | None, str]] | None = None,
) -> timeseries.Panel:
    """Lines over time; `queries` are expression and legend. `limits` are drawn as dashed lines."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .min(0)
        .span(width)
        .height(8)
        .line_width(1)
        .fill_opacity(30 if stacked else 10)
        .show_points(models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(models.LegendDisplayMode.TABLE)
            .placement(models.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(LEGEND_LAST)
        )
        .tooltip(common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI).sort(models.SortOrder.DESCENDING))
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(models.StackingMode.NORMAL))
    if maximum is not None:
        panel = panel.max(maximum)
    if limits:
        panel = panel.thresholds(thresholds(limits)).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(models.GraphTresholdsStyleMode.DASHED)
        )
    for i, (expr, legend) in enumerate(queries):
        panel = panel.with_target(_query(expr, legend, chr(ord("A") + i)))
    return panel


def number(
    title: str,
    description: str,
    expr: str,
    unit: str = "short",
    width: int = 4,
    steps: list[tuple[float | None, str]] | None = None,
    decimals: int | None = None,
) -> stat.Panel:
    """One value, coloured by its thresholds, its trend behind it."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .span(width)
        .height(4)
        .graph_mode(models.BigValueGraphMode.AREA)
        .color_mode(models.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(thresholds(steps or [(None, "text")]))
        .with_target(_query(expr, "", "A"))
    )
    return panel if decimals is None else panel.decimals(decimals)


def bars(
    title: str, description: str, expr: str, legend: str, unit: str, width: int = 8,
    steps: list[tuple[float | None, str]] | None = None, maximum: float | None = None,
) -> bargauge.Panel:  # fmt: skip
    """The present value of each series as a bar."""
    panel = (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .unit(unit)
        .min(0)
        .span(width)
        .height(8)
        .orientation(models.VizOrientation.HORIZONTAL)
        .display_mode(models.BarGaugeDisplayMode.GRADIENT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(thresholds(steps or [(None, "blue")]))
        .with_target(_query(expr, legend, "A", instant=True))
    )
    return panel if maximum is None else panel.max(maximum)


def rows(
    title: str, description: str, columns: list[tuple[str, str]], unit: str = "short", width: int = 24
) -> table.Panel:
    """A table: one row per label set, one column per (expression, heading)."""
    panel = table.Panel().title(title).description(description).datasource(DATASOURCE).unit(unit).span(width).height(8)
    renamed = {}
    for i, (expr, heading) in enumerate(columns):
        ref = chr(ord("A") + i)
        panel = panel.with_target(_query(expr, "", ref, instant=True, as_table=True))
        renamed["Value" if len(columns) == 1 else f"Value #{ref}"] = heading
    panel = panel.with_transformation(dashboard_models.DataTransformerConfig(id_val="merge", options={}))
    return panel.with_transformation(
        dashboard_models.DataTransformerConfig(
            id_val="organize",
            options={"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": renamed},
        )
    )


def section(title: str) -> dashboard.Row:
    return dashboard.Row(title)


def choice(name: str, label: str, query: str, many: bool = True) -> dashboard.QueryVariable:
    """A variable from the labels that are there: `query` is label_values(…)."""
    variable = (
        dashboard.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(DATASOURCE)
        .refresh(dashboard_models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard_models.VariableSort.ALPHABETICAL_ASC)
    )
    if not many:
        return variable
    everything = dashboard_models.VariableOption(text="All", value="$__all", selected=True)
    return variable.multi(True).include_all(True).all_value(".*").current(everything)


def board(uid: str, title: str, description: str, tags: list[str], refresh: str = "10s") -> dashboard.Dashboard:
    links = (
        dashboard.DashboardLink("Barograph")
        .type(dashboard_models.DashboardLinkType.DASHBOARDS)
        .tags(["barograph"])
        .as_dropdown(True)
        .keep_time(True)
    )
    alerts = (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .datasource(DATASOURCE)
        .enable(True)
        .hide(False)
        .icon_color("red")
        .expr('ALERTS{alertstate="firing"}')
    )
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["barograph", *tags])
        .editable()
        .refresh(refresh)
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(dashboard_models.DashboardCursorSync.CROSSHAIR)
        .link(links)
        .annotation(alerts)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
