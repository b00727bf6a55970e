// Values over time: lines, areas, bars, points, steps.
local theme = import '../theme.libsonnet';

local styles = {
  lines: { drawStyle: 'line', fillOpacity: 12, stack: false, gradient: 'opacity' },
  area: { drawStyle: 'line', fillOpacity: 35, stack: true, gradient: 'none' },
  bars: { drawStyle: 'bars', fillOpacity: 70, stack: true, gradient: 'none' },
  points: { drawStyle: 'points', fillOpacity: 0, stack: false, gradient: 'none' },
  steps: { drawStyle: 'line', fillOpacity: 12, stack: false, gradient: 'opacity', interpolation: 'stepAfter' },
};

// A line at one value, as a series, so that it has a name and stays visible.
local goal(spec) = {
  refId: 'Target',
  datasource: theme.source(spec),
  editorMode: 'code',
  expr: 'vector(' + std.toString(spec.target) + ')',
  legendFormat: 'target',
  range: true,
  instant: false,
  format: 'time_series',
};

// A value below zero, such as sent below received, has the name of its counterpart above: one colour and one entry in
// the legend for both.
local isMirror(spec, query) =
  theme.get(query, 'negative_y', false) && std.objectHas(query, 'legend')
  && std.length([one for one in spec.queries if one.ref != query.ref && theme.get(one, 'legend', '') == query.legend]) > 0;

local mirrorLooks(query) = {
  matcher: { id: 'byFrameRefID', options: query.ref },
  properties: [{ id: 'custom.hideFrom', value: { legend: true, tooltip: false, viz: false } }],
};

local goalLooks = {
  matcher: { id: 'byFrameRefID', options: 'Target' },
  properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: theme.colors.plain } }] + theme.styles.dashed,
};

{
  words: {
    lines: 'Values over time, as lines.',
    area: 'Parts of a whole over time, stacked.',
    bars: 'Values over time, as stacked bars; suited to counts per interval.',
    points: 'Values over time, as points; suited to rare measurements.',
    steps: 'Values over time that hold until the next one, as steps.',
  },
  called: { graph: 'lines', timeseries: 'lines', chart: 'lines', line: 'lines', scatter: 'points' },
  grafana: { type: 'timeseries', name: 'Time series', public: true, palette: true },
  content: { '$ref': '#/$defs/queries' },
  queries: 'range',
  height: 8,
  width: 6,
  options: theme.legendOptions {
    stack: {
      description: 'Stack the series; percent shows each as its share of all.',
      enum: [true, false, 'percent'],
    },
    limits: { description: 'Draw the thresholds as dashed lines.', type: 'boolean', default: true },
    target: { description: 'Draw a dashed line at this target value.', '$ref': '#/$defs/quantity' },
    zero: { description: 'Start the axis at zero; false suits values close to 100 %.', type: 'boolean', default: true },
    scale: { description: 'The scale of the axis.', enum: ['linear', 'log'], default: 'linear' },
    axis_title: { description: 'The title of the axis.', type: 'string', examples: ['Orders per second'] },
    join: { description: 'Connect lines over gaps: all (true), or those shorter than a duration such as 5m.', '$ref': '#/$defs/switch_or_duration' },
  },
  example: {
    lines: ['node_load1', { show: 'node_load15', style: 'dashed', axis: 'right' }],
    title: 'Load',
    description: 'Processes that run or wait, averaged over a minute.',
    legend_at: 'right',
    legend_values: ['last', 'max'],
    target: 4,
  },

  panel(spec)::
    local style = styles[spec.word];
    local options = theme.get(spec, 'options', {});
    local below = std.length([q for q in spec.queries if theme.get(q, 'negative_y', false)])
                  + std.length([name for name in std.objectFields(theme.get(spec, 'series', {})) if theme.get(spec.series[name], 'negative_y', false)]) > 0;
    local mirrors = [query for query in spec.queries if isMirror(spec, query)];
    local zero = theme.get(options, 'zero', true);
    local stack = theme.get(options, 'stack', style.stack);
    local stacked = stack != false;
    local dashed = theme.hasThresholds(spec) && theme.get(options, 'limits', true) && !stacked;
    // The first threshold stays visible even if values are far below it; without data, a share does not end at 10000 %.
    local limits = theme.get(spec, 'thresholds', {});
    local softMax = if std.objectHas(spec, 'max') then null else if dashed && theme.get(spec, 'bad', '') == 'up' && std.objectHas(limits, 'high') then limits.high
    else if zero && !below && spec.unit == 'percentunit' then 0.01 else null;
    local made = theme.queried(spec, 'timeseries', 'range', {
      fieldConfig: theme.fieldConfig(spec, { mode: if mirrors == [] then 'palette-classic' else 'palette-classic-by-name' }, {
        drawStyle: style.drawStyle,
        fillOpacity: style.fillOpacity,
        gradientMode: style.gradient,
        lineInterpolation: theme.get(style, 'interpolation', 'linear'),
        lineWidth: 1,
        pointSize: if spec.word == 'points' then 6 else 4,
        showPoints: 'auto',
        spanNulls: theme.get(spec, 'join', false),
        insertNulls: false,
        axisPlacement: 'auto',
        axisLabel: theme.get(options, 'axis_title', ''),
        axisBorderShow: false,
        axisCenteredZero: false,
        axisColorMode: 'text',
        [if zero && !below then 'axisSoftMin']: 0,
        [if softMax != null then 'axisSoftMax']: softMax,
        barAlignment: 0,
        hideFrom: { legend: false, tooltip: false, viz: false },
        scaleDistribution: if theme.get(options, 'scale', 'linear') == 'log' then { type: 'log', log: 10 } else { type: 'linear' },
        stacking: { mode: if stack == 'percent' then 'percent' else if stacked then 'normal' else 'none', group: 'A' },
        thresholdsStyle: { mode: if dashed then 'dashed' else 'off' },
      }) + { overrides+: [mirrorLooks(query) for query in mirrors] },
      options: {
        legend: theme.legend(spec, ['min', 'mean', 'max']),
        tooltip: { mode: 'multi', sort: if below then 'none' else 'desc' },
      },
    });
    if !std.objectHas(spec, 'target') then made
    else made { targets+: [goal(spec)], fieldConfig+: { overrides+: [goalLooks] } },
}
