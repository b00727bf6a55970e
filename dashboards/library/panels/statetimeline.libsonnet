// States over time, one band per series.
local theme = import '../theme.libsonnet';

{
  words: { states: 'States over time, one band per series; `values` maps numbers to texts.' },
  called: { 'state-timeline': 'states', statetimeline: 'states', state_timeline: 'states', timeline: 'states' },
  grafana: {
    type: 'state-timeline', name: 'State timeline', public: true,
  },
  content: { '$ref': '#/$defs/queries' },
  queries: 'range',
  height: 8,
  width: 8,
  options: {
    show: { description: 'Whether states are shown in the bands.', enum: ['auto', 'always', 'never'], default: 'auto' },
  },
  example: {
    states: 'up',
    title: 'Targets',
    description: 'Targets that Prometheus scrapes.',
    values: { '0': 'down', '1': 'up' },
    bad: 'down',
    critical: 1,
  },

  panel(spec):: theme.queried(spec, 'state-timeline', 'range', {
    fieldConfig: theme.fieldConfig(spec, { mode: 'fixed', fixedColor: theme.colors.neutral }, {
      fillOpacity: 70,
      lineWidth: 0,
      hideFrom: { legend: false, tooltip: false, viz: false },
    }),
    options: {
      alignValue: 'left',
      mergeValues: true,
      rowHeight: 0.85,
      showValue: theme.get(theme.get(spec, 'options', {}), 'show', 'auto'),
      legend: { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] },
      tooltip: { mode: 'single', sort: 'none' },
    },
  }),
}
