// Annotations that people and programs stored in Grafana, such as deploys.
local theme = import '../theme.libsonnet';

{
  words: { annotations: "Annotations stored in Grafana, selected by tags: [deploy]; [] lists all." },
  called: { annolist: 'annotations', annotationslist: 'annotations' },
  grafana: { type: 'annolist', name: 'Annotations list', public: false },
  content: { description: 'Tags that an annotation must have, all of them.', type: 'array', items: { type: 'string', minLength: 1 } },
  queries: '',
  height: 8,
  width: 4,
  options: {
    limit: { description: 'The maximum number of entries.', type: 'integer', minimum: 1, default: 20 },
    here: { description: 'Only annotations of this dashboard.', type: 'boolean', default: false },
    shown_time: { description: 'Only annotations in the displayed time range.', type: 'boolean', default: true },
  },
  example: { annotations: ['deploy'], title: 'Deploys', description: 'Deploys and their times.' },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    theme.panel(spec, 'annolist', {
      options: {
        limit: theme.get(options, 'limit', 20),
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
