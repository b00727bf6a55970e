// Opsgenie, which calls who is on duty.
local marks = import 'alerting/marks.libsonnet';
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('Opsgenie, which calls who is on duty.', ['key_file'], {
    key_file: option.file('the key of an API integration'),
    team: option.text('The team in Opsgenie that is called, such as operations; by default the one of the integration.'),
    url: option.url("Opsgenie's address; in Europe https://api.eu.opsgenie.com/.", 'https://api.opsgenie.com/'),
  }),
  since: {},
  texts: message({ name: 'opsgenie', escape: marks.lookalike }),
  build(options, target): {
    opsgenie_configs: [
      option.tells(options) {
        api_key_file: options.key_file,
        message: '{{ template "deckwatch.opsgenie.title" . }}',
        description: '{{ template "deckwatch.opsgenie.text" . }}',
        source: '{{ .ExternalURL }}',
        priority: '{{ with .CommonLabels.severity }}{{ if eq . "critical" }}P1{{ else if eq . "error" }}P2{{ else if eq . "warning" }}P3{{ else }}P5{{ end }}{{ else }}P3{{ end }}',
        tags: '{{ with .CommonLabels.severity }}{{ . }}{{ end }},{{ with .CommonLabels.topic }}{{ . }}{{ end }}',
        update_alerts: true,
      }
      + (if 'team' in options then { responders: [{ name: options.team, type: 'team' }] } else {})
      + (if 'url' in options then { api_url: options.url } else {}),
    ],
  },
}
