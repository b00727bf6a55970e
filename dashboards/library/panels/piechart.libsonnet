// Current shares of a whole.
local theme = import '../theme.libsonnet';

{
  words: { pie: 'The current shares of a whole, up to about six.' },
  called: { piechart: 'pie', donut: 'pie' },
  grafana: { type: 'piechart', name: 'Pie chart', public: true },
  content: { '$ref': '#/$defs/queries' },
  queries: 'instant',
  height: 8,
  width: 4,
  options: theme.legendOptions {
    ring: { description: 'Draw a ring instead of a disc.', type: 'boolean', default: true },
    show: {
      description: 'The texts shown in each slice.',
      type: 'array',
      items: { enum: ['name', 'value', 'percent'] },
      default: ['percent'],
    },
    legend_values: {
      description: 'Values beside each name in the legend.',
      type: 'array',
      items: { enum: ['value', 'percent'] },
      default: ['value'],
    },
  },
  example: {
    pie: 'count by (code) (http_requests_total)',
    title: 'Responses by status',
    description: 'Handlers by response status.',
    show: ['name', 'percent'],
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local at = theme.get(options, 'legend_at', 'right');
    theme.queried(spec, 'piechart', 'instant', {
      fieldConfig: theme.fieldConfig(spec, { mode: 'palette-classic' }, { hideFrom: { legend: false, tooltip: false, viz: false } }),
      options: {
        pieType: if theme.get(options, 'ring', true) then 'donut' else 'pie',
        displayLabels: theme.get(options, 'show', ['percent']),
        orientation: 'auto',
        reduceOptions: theme.reduce,
        legend: {
          showLegend: at != 'hidden',
          displayMode: 'table',
          placement: if at == 'bottom' then 'bottom' else 'right',
          values: theme.get(options, 'legend_values', ['value']),
          calcs: [],
        },
        tooltip: { mode: 'single', sort: 'none' },
      },
    }),
}
