// Alerts as Alertmanager groups them for notifications.
local theme = import '../theme.libsonnet';

local filter(labels) = '{' + std.join(', ', [
  local value = labels[label];
  label + '=~"' + (if std.isArray(value) then std.join('|', value) else value) + '"'
  for label in std.objectFields(labels)
]) + '}';

{
  words: { alert_groups: "Alerts as Alertmanager groups them, selected by labels: {severity: critical}; {} shows all." },
  called: { alertgroups: 'alert_groups', alertGroups: 'alert_groups' },
  grafana: { type: 'alertGroups', name: 'Alert groups', public: false },
  content: {
    description: 'Labels that an alert must have, each with one value or several.',
    type: 'object',
    additionalProperties: { type: ['string', 'array'], items: { type: 'string' } },
  },
  queries: '',
  height: 8,
  width: 6,
  options: {
    open: { description: 'Whether groups are initially expanded.', type: 'boolean', default: true },
    alertmanager: { description: "The name of Alertmanager's data source in Grafana.", type: 'string', default: 'Alertmanager' },
  },
  example: { alert_groups: { severity: ['critical', 'error'] }, title: 'Alert groups', description: 'Alerts as grouped for notifications.' },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    theme.panel(spec, 'alertGroups', {
      options: {
        alertmanager: theme.get(options, 'alertmanager', 'Alertmanager'),
        expandAll: theme.get(options, 'open', true),
        labels: if spec.content == {} then '' else filter(spec.content),
      },
    }),
}
