// States over time, one square per interval.
local theme = import '../theme.libsonnet';

{
  words: { history: 'States over time, one square per interval; `values` maps numbers to texts.' },
  called: { 'status-history': 'history', statusHistory: 'history', statushistory: 'history', status_history: 'history', discrete: 'history' },
  grafana: { type: 'status-history', name: 'Status history', public: true },
  content: { '$ref': '#/$defs/queries' },
  queries: 'range',
  height: 8,
  width: 8,
  options: {
    show: { description: 'Whether states are shown in the squares.', enum: ['auto', 'always', 'never'], default: 'auto' },
  },
  example: {
    history: 'up',
    title: 'Targets',
    description: 'Targets that Prometheus scrapes, sampled every five minutes.',
    min_interval: '5m',
    max_points: 60,
    values: { '0': 'down', '1': 'up' },
    bad: 'down',
    critical: 1,
  },

  // With a square per pixel, states would be too narrow to see: there are a hundred at most.
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
