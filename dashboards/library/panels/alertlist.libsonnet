// Alerts that fire or are about to.
local theme = import '../theme.libsonnet';

// The dead man's switch always fires: that it does is what is right, and nothing for a list of what is wrong.
local always = 'alertname!="Watchdog", escalation=""';  // a step of an escalation is the alert once more

local filter(labels) = std.join(', ', [always] + [
  local value = labels[label];
  label + '=~"' + (if std.isArray(value) then std.join('|', value) else value) + '"'
  for label in std.objectFields(labels)
]);

{
  words: { alerts: 'Alerts that fire, by their labels: {severity: [critical, error]}; {} shows all but Watchdog.' },
  called: { alertlist: 'alerts', alert_list: 'alerts' },
  grafana: { type: 'alertlist', name: 'Alert list', public: false },
  content: {
    description: 'Labels that an alert must have, each with one value or several.',
    type: 'object',
    additionalProperties: { type: ['string', 'array'], items: { type: 'string' } },
  },
  queries: '',
  height: 8,
  width: 4,
  options: {
    pending: { description: 'Show alerts too that are about to fire.', type: 'boolean', default: true },
    most: { description: 'Show so many at most.', type: 'integer', minimum: 1, default: 20 },
    group: { description: 'Put alerts together that share these labels.', type: 'array', items: { type: 'string' }, examples: [['service']] },
  },
  example: { alerts: { severity: ['critical', 'error'] }, title: 'Alerts', description: 'What fires now.' },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    theme.panel(spec, 'alertlist', {
      options: {
        viewMode: 'list',
        groupMode: if std.objectHas(options, 'group') then 'custom' else 'default',
        groupBy: theme.get(options, 'group', []),
        maxItems: theme.get(options, 'most', 20),
        sortOrder: 3,  // the most important first
        dashboardAlerts: false,
        alertName: '',
        alertInstanceLabelFilter: '{' + filter(spec.content) + '}',
        datasource: '',
        stateFilter: {
          firing: true,
          pending: theme.get(options, 'pending', true),
          noData: false,
          normal: false,
          'error': true,
        },
      },
    }),
}
