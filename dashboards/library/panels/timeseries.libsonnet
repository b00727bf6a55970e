// Values over time: lines, areas, bars.
local theme = import '../theme.libsonnet';

local styles = {
  lines: { drawStyle: 'line', fillOpacity: 12, stack: false, gradient: 'opacity' },
  area: { drawStyle: 'line', fillOpacity: 35, stack: true, gradient: 'none' },
  bars: { drawStyle: 'bars', fillOpacity: 70, stack: true, gradient: 'none' },
};

{
  words: {
    lines: 'Values over time, as lines.',
    area: 'Parts of a whole over time, stacked.',
    bars: 'Values over time, as stacked bars; good for counts in a span of time.',
  },
  content: { '$ref': '#/$defs/queries' },
  queries: 'range',
  height: 8,
  width: 6,
  options: theme.legendOptions {
    stack: { description: 'Put the series on top of each other.', type: 'boolean' },
    limits: { description: 'Draw the thresholds as dashed lines.', type: 'boolean', default: true },
    scale: { description: 'How the values are laid out on the axis.', enum: ['linear', 'log'], default: 'linear' },
  },
  example: {
    lines: 'node_load1',
    title: 'Load',
    description: 'Processes that run or wait, averaged over a minute.',
    legend_at: 'right',
    legend_values: ['last', 'max'],
  },

  panel(spec)::
    local style = styles[spec.word];
    local options = theme.get(spec, 'options', {});
    local below = std.length([q for q in spec.queries if theme.get(q, 'below', false)]) > 0;
    local stack = theme.get(options, 'stack', style.stack);
    local dashed = theme.hasThresholds(spec) && theme.get(options, 'limits', true) && !stack;
    // The first limit is in sight even where the values are far below it; shares of nothing do not end at 10000 %.
    local limits = theme.get(spec, 'thresholds', {});
    local softMax = if std.objectHas(spec, 'max') then null else if dashed && theme.get(spec, 'bad', '') == 'up' && std.objectHas(limits, 'high') then limits.high
    else if !below && spec.unit == 'percentunit' then 0.01 else null;
    theme.queried(spec, 'timeseries', 'range', {
      fieldConfig: theme.fieldConfig(spec, { mode: 'palette-classic' }, {
        drawStyle: style.drawStyle,
        fillOpacity: style.fillOpacity,
        gradientMode: style.gradient,
        lineInterpolation: 'linear',
        lineWidth: 1,
        pointSize: 4,
        showPoints: 'auto',
        spanNulls: false,
        insertNulls: false,
        axisPlacement: 'auto',
        axisLabel: '',
        axisBorderShow: false,
        axisCenteredZero: false,
        axisColorMode: 'text',
        [if !below then 'axisSoftMin']: 0,
        [if softMax != null then 'axisSoftMax']: softMax,
        barAlignment: 0,
        hideFrom: { legend: false, tooltip: false, viz: false },
        scaleDistribution: if theme.get(options, 'scale', 'linear') == 'log' then { type: 'log', log: 10 } else { type: 'linear' },
        stacking: { mode: if stack then 'normal' else 'none', group: 'A' },
        thresholdsStyle: { mode: if dashed then 'dashed' else 'off' },
      }),
      options: {
        legend: theme.legend(spec),
        tooltip: { mode: 'multi', sort: if below then 'none' else 'desc' },
      },
    }),
}
