// Current values as a bar per series: a ranking.
local theme = import '../theme.libsonnet';

{
  words: { bargauge: 'The current values, one bar per series; with `top`, a ranking.' },
  called: { bar_gauge: 'bargauge', barGauge: 'bargauge', ranking: 'bargauge' },
  grafana: {
    type: 'bargauge', name: 'Bar gauge', public: true,
  },
  content: { '$ref': '#/$defs/queries' },
  queries: 'instant',
  height: 8,
  width: 4,
  options: {
    direction: { description: 'The direction of the bars.', enum: ['right', 'up'], default: 'right' },
    style: { description: 'The style of the bars.', enum: ['plain', 'gradient', 'lcd'], default: 'gradient' },
  },
  example: {
    bargauge: 'node_filesystem_avail_bytes',
    title: 'Space available',
    description: 'Free space on each file system.',
    legend: '{{mountpoint}}',
    top: 5,
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local ratio = theme.get(spec, 'unit', '') == 'percentunit';
    local limited = theme.hasThresholds(spec);
    local color = if limited then { mode: 'thresholds' } else { mode: 'continuous-BlPu' };
    theme.queried(spec, 'bargauge', 'instant', {
      fieldConfig: theme.fieldConfig({ min: 0 } + (if ratio && limited then { max: 1 } else {}) + spec, color),
      options: {
        displayMode: { plain: 'basic', gradient: 'gradient', lcd: 'lcd' }[theme.get(options, 'style', 'gradient')],
        orientation: if theme.get(options, 'direction', 'right') == 'right' then 'horizontal' else 'vertical',
        reduceOptions: theme.reduce,
        valueMode: 'color',
        namePlacement: 'auto',
        showUnfilled: true,
        sizing: 'auto',
        minVizWidth: 8,
        minVizHeight: 16,
        maxVizHeight: 300,
        legend: { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] },
      } + theme.figures(spec, 30),
    }),
}
