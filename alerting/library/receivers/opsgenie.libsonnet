// Opsgenie, which pages the person on call.
local marks = import 'alerting/marks.libsonnet';
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('Opsgenie, which pages the person on call.', ['key_file'], {
    key_file: option.file('the key of an API integration'),
    team: option.text('The team in Opsgenie, such as operations; by default that of the integration.'),
    url: option.url("Opsgenie's address; in Europe https://api.eu.opsgenie.com/.", 'https://api.opsgenie.com/'),
  }),
  examples: [{ key_file: '/run/secrets/opsgenie', team: 'operations', url: 'https://api.eu.opsgenie.com/' }],
  texts: message({ name: 'opsgenie', escape: marks.lookalike }),
  build(options, target): {
    opsgenie_configs: [
      option.notify_flags(options) {
        api_key_file: options.key_file,
        message: '{{ template "deckwatch.opsgenie.title" . }}',
        description: '{{ template "deckwatch.opsgenie.text" . }}',
        source: '{{ template "deckwatch.alertmanager" . }}',
        priority: '{{ with .CommonLabels.severity }}{{ if eq . "critical" }}P1{{ else if eq . "error" }}P2{{ else if eq . "warning" }}P3{{ else }}P5{{ end }}{{ else }}P3{{ end }}',
        tags: '{{ with .CommonLabels.severity }}{{ . }}{{ end }},{{ with .CommonLabels.topic }}{{ . }}{{ end }}',
        update_alerts: true,
      }
      + (if 'team' in options then { responders: [{ name: options.team, type: 'team' }] } else {})
      + (if 'url' in options then { api_url: options.url } else {}),
    ],
  },
}
