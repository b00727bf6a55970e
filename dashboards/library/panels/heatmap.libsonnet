// How a histogram's observations are spread, over time.
local theme = import '../theme.libsonnet';

{
  words: { heatmap: 'How observations are spread over time, of a signal or metric that is a histogram: the darker, the more.' },
  called: { 'heatmap-new': 'heatmap', density: 'heatmap' },
  grafana: {
    type: 'heatmap', name: 'Heatmap', public: true,
    since: { 'options.selectionMode': { version: '11.1' } },
  },
  content: { '$ref': '#/$defs/query' },
  queries: 'heatmap',
  height: 9,
  width: 8,
  options: {
    colors_by: {
      description: 'The colours: from light to dark of one, or of many for fine differences.',
      enum: ['blues', 'greens', 'oranges', 'reds', 'purples', 'many'],
      default: 'oranges',
    },
    scale: { description: 'How the colours follow the counts; root shows few observations beside many.', enum: ['linear', 'root'], default: 'root' },
    show: { description: 'Write the count into each cell.', enum: ['auto', 'always', 'never'], default: 'never' },
    legend_at: { description: 'Where the scale of colours stands.', enum: ['bottom', 'hidden'], default: 'bottom' },
  },
  example: {
    heatmap: 'http_request_duration_seconds',
    title: 'Response times',
    description: 'How many requests took how long, over time.',
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local scheme = { blues: 'Blues', greens: 'Greens', oranges: 'Oranges', reds: 'Reds', purples: 'Purples', many: 'Spectral' };
    theme.queried({ max_points: 200 } + spec, 'heatmap', 'heatmap', {
      // The unit is that of what is observed, on the axis; what is counted has none.
      fieldConfig: theme.fieldConfig(spec { unit: 'short' }, { mode: 'thresholds' }, {
        hideFrom: { legend: false, tooltip: false, viz: false },
        scaleDistribution: { type: 'linear' },
      }),
      options: {
        calculate: false,
        color: {
          mode: 'scheme',
          scheme: scheme[theme.get(options, 'colors_by', 'oranges')],
          fill: 'dark-orange',
          scale: 'exponential',
          exponent: if theme.get(options, 'scale', 'root') == 'root' then 0.5 else 1,
          steps: 64,
          reverse: false,
        },
        cellGap: 1,
        cellValues: { unit: 'short' },
        exemplars: { color: 'rgba(255,0,255,0.7)' },
        filterValues: { le: 1e-9 },
        legend: { show: theme.get(options, 'legend_at', 'bottom') != 'hidden' },
        rowsFrame: { layout: 'auto' },
        showValue: theme.get(options, 'show', 'never'),
        tooltip: { mode: 'single', yHistogram: true, showColorScale: false },
        yAxis: {
          axisPlacement: 'left',
          reverse: false,
          unit: spec.unit,
          [if std.objectHas(spec, 'decimals') then 'decimals']: spec.decimals,
        },
      },
    }),
}
