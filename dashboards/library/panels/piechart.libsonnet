// Parts of a whole, now.
local theme = import '../theme.libsonnet';

{
  words: { pie: 'Parts of a whole now; for up to about six of them.' },
  called: { piechart: 'pie', donut: 'pie' },
  grafana: { type: 'piechart', name: 'Pie chart', public: true },
  content: { '$ref': '#/$defs/queries' },
  queries: 'instant',
  height: 8,
  width: 4,
  options: theme.legendOptions {
    ring: { description: 'Leave the middle open.', type: 'boolean', default: true },
    show: {
      description: 'What stands in each part.',
      type: 'array',
      items: { enum: ['name', 'value', 'percent'] },
      default: ['percent'],
    },
    legend_values: {
      description: 'Figures beside each name.',
      type: 'array',
      items: { enum: ['value', 'percent'] },
      default: ['value'],
    },
  },
  example: {
    pie: 'count by (code) (http_requests_total)',
    title: 'Answers by status',
    description: 'How many handlers have answered so.',
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
