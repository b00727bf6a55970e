// What state each thing was in at each look: one square for each.
local theme = import '../theme.libsonnet';

{
  words: { history: 'States over time, one square for each look at it; give values: words for the numbers.' },
  called: { 'status-history': 'history', statusHistory: 'history', statushistory: 'history', status_history: 'history', discrete: 'history' },
  grafana: { type: 'status-history', name: 'Status history', public: true },
  content: { '$ref': '#/$defs/queries' },
  queries: 'range',
  height: 8,
  width: 8,
  options: {
    show: { description: 'Write the state into its square.', enum: ['auto', 'always', 'never'], default: 'auto' },
  },
  example: {
    history: 'up',
    title: 'Targets',
    description: 'Pages that Prometheus reads, looked at every five minutes.',
    min_interval: '5m',
    max_points: 60,
    values: { '0': 'down', '1': 'up' },
    bad: 'down',
    critical: 1,
  },

  // A square for each point would be too narrow to see where many fit, so there are a hundred at most.
  panel(spec):: theme.queried({ max_points: 100 } + spec, 'status-history', 'range', {
    fieldConfig: theme.fieldConfig(spec, if theme.hasThresholds(spec) then { mode: 'thresholds' } else { mode: 'continuous-BlPu' }, {
      fillOpacity: 70,
      lineWidth: 1,
      hideFrom: { legend: false, tooltip: false, viz: false },
    }),
    options: {
      rowHeight: 0.85,
      colWidth: 0.9,
      showValue: theme.get(theme.get(spec, 'options', {}), 'show', 'auto'),
      legend: { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] },
      tooltip: { mode: 'single', sort: 'none' },
    },
  }),
}
