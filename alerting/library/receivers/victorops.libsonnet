// VictorOps (Splunk On-Call), which pages the person on call.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('VictorOps (Splunk On-Call), which pages the person on call.', ['key_file', 'routing_key'], {
    key_file: option.file("the integration's API key"),
    routing_key: option.text('The routing key, which selects the team in VictorOps, such as operations.'),
    url: option.url('The address of VictorOps, if it is not the default.', 'https://alert.victorops.com/integrations/generic/20131114/alert/'),
  }),
  examples: [{
    key_file: '/run/secrets/victorops',
    routing_key: 'operations',
    url: 'https://alert.victorops.com/integrations/generic/20131114/alert/',
  }],
  // Appears in the address of the integration and only selects a team.
  plain: ['routing_key'],
  // 0.25 is the first version that reads api_key_file.
  needs: '0.25',
  // Alertmanager truncates state_message at 20480 characters.
  texts: message({ name: 'victorops' }),
  build(options, target): {
    victorops_configs: [
      option.notify_flags(options) {
        api_key_file: options.key_file,
        routing_key: options.routing_key,
        // Alertmanager sends RECOVERY for resolved alerts.
        message_type: '{{ if eq .CommonLabels.severity "info" }}INFO{{ else if eq .CommonLabels.severity "warning" }}WARNING{{ else }}CRITICAL{{ end }}',
        entity_display_name: '{{ template "deckwatch.victorops.title" . }}',
        state_message: '{{ template "deckwatch.victorops.text" . }}',
        monitoring_tool: 'Deckwatch',
      } + (if 'url' in options then { api_url: options.url } else {}),
    ],
  },
}
