// Firing and pending alerts.
local theme = import '../theme.libsonnet';

// The dead man's switch always fires and does not belong in a list of faults.
local always = 'alertname!="Watchdog", escalation=""';  // an escalation step repeats the alert

local filter(labels) = std.join(', ', [always] + [
  local value = labels[label];
  label + '=~"' + (if std.isArray(value) then std.join('|', value) else value) + '"'
  for label in std.objectFields(labels)
]);

{
  words: { alerts: 'Firing alerts, selected by labels: {severity: [critical, error]}; {} shows all but Watchdog.' },
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
    pending: { description: 'Also show pending alerts.', type: 'boolean', default: true },
    limit: { description: 'The maximum number of entries.', type: 'integer', minimum: 1, default: 20 },
    group: { description: 'Group alerts by these labels.', type: 'array', items: { type: 'string' }, examples: [['service']] },
  },
  example: { alerts: { severity: ['critical', 'error'] }, title: 'Alerts', description: 'Firing alerts.' },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    theme.panel(spec, 'alertlist', {
      options: {
        viewMode: 'list',
        groupMode: if std.objectHas(options, 'group') then 'custom' else 'default',
        groupBy: theme.get(options, 'group', []),
        maxItems: theme.get(options, 'limit', 20),
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
