// Alerts as Alertmanager has put them together for its messages.
local theme = import '../theme.libsonnet';

local filter(labels) = '{' + std.join(', ', [
  local value = labels[label];
  label + '=~"' + (if std.isArray(value) then std.join('|', value) else value) + '"'
  for label in std.objectFields(labels)
]) + '}';

{
  words: { alert_groups: "Alerts as Alertmanager puts them together, by their labels: {severity: critical}; {} shows all." },
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
    open: { description: 'Show the alerts of each group at once.', type: 'boolean', default: true },
    alertmanager: { description: "The Alertmanager to ask, by the name of its data source in Grafana.", type: 'string', default: 'Alertmanager' },
  },
  example: { alert_groups: { severity: ['critical', 'error'] }, title: 'What was sent', description: 'Alerts, as they are put together for messages.' },

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
