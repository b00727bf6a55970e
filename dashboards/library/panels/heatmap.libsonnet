// The distribution of a histogram's observations over time, or one row for each series, coloured by its value.
local theme = import '../theme.libsonnet';

{
  words: { heatmap: 'The distribution of observations over time, of a histogram; of anything else, one row per series, such as requests by handler.' },
  called: { 'heatmap-new': 'heatmap', density: 'heatmap' },
  grafana: {
    type: 'heatmap', name: 'Heatmap', public: true,
  },
  content: { '$ref': '#/$defs/query' },
  queries: 'heatmap',
  height: 9,
  width: 8,
  options: {
    colors_by: {
      description: 'The colour scheme: shades of one colour, or many colours for fine differences.',
      enum: ['blues', 'greens', 'oranges', 'reds', 'purples', 'many'],
      default: 'oranges',
    },
    scale: { description: 'The colour scale; root makes small counts visible beside large ones.', enum: ['linear', 'root'], default: 'root' },
    show: { description: 'Whether counts are shown in the cells.', enum: ['auto', 'always', 'never'], default: 'never' },
    legend_at: { description: 'The position of the colour scale.', enum: ['bottom', 'hidden'], default: 'bottom' },
  },
  example: {
    heatmap: 'http_request_duration_seconds',
    title: 'Response times',
    description: 'The distribution of request durations over time.',
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local scheme = { blues: 'Blues', greens: 'Greens', oranges: 'Oranges', reds: 'Reds', purples: 'Purples', many: 'Spectral' };
    // The unit is that of the observations, on the axis, and counts have none. Rows are series, whose values have it.
    local rows = theme.get(spec.queries[0], 'query_type', 'heatmap') == 'range';
    local unit = if rows then spec.unit else 'short';
    theme.queried({ max_points: 200 } + spec, 'heatmap', 'heatmap', {
      fieldConfig: theme.fieldConfig(spec { unit: unit }, { mode: 'thresholds' }, {
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
        cellValues: { unit: unit },
        exemplars: { color: 'rgba(255,0,255,0.7)' },
        filterValues: { le: 1e-9 },
        legend: { show: theme.get(options, 'legend_at', 'bottom') != 'hidden' },
        rowsFrame: { layout: 'auto' },
        showValue: theme.get(options, 'show', 'never'),
        tooltip: { mode: 'single', yHistogram: !rows, showColorScale: rows },
        yAxis: {
          axisPlacement: 'left',
          reverse: false,
          unit: if rows then 'short' else spec.unit,
          [if std.objectHas(spec, 'decimals') then 'decimals']: spec.decimals,
        },
      },
    }),
}
