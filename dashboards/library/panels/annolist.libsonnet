// What people and programs have noted in Grafana: deploys, switches, trials.
local theme = import '../theme.libsonnet';

{
  words: { annotations: "What was noted in Grafana, by its tags: [deploy]; [] lists all." },
  called: { annolist: 'annotations', annotationslist: 'annotations' },
  grafana: { type: 'annolist', name: 'Annotations list', public: false },
  content: { description: 'Tags that a note must have, all of them.', type: 'array', items: { type: 'string', minLength: 1 } },
  queries: '',
  height: 8,
  width: 4,
  options: {
    most: { description: 'Show so many at most.', type: 'integer', minimum: 1, default: 20 },
    here: { description: 'Only notes of this dashboard.', type: 'boolean', default: false },
    shown_time: { description: 'Only notes of the time that is shown.', type: 'boolean', default: true },
  },
  example: { annotations: ['deploy'], title: 'Deploys', description: 'What was brought out when.' },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    theme.panel(spec, 'annolist', {
      options: {
        limit: theme.get(options, 'most', 20),
        tags: spec.content,
        onlyFromThisDashboard: theme.get(options, 'here', false),
        onlyInTimeRange: theme.get(options, 'shown_time', true),
        showUser: true,
        showTime: true,
        showTags: true,
        navigateToPanel: true,
        navigateBefore: '10m',
        navigateAfter: '10m',
      },
    }),
}
