// A service of PagerDuty, by its Events API v2.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('A service of PagerDuty, which calls who is on duty.', ['key_file'], {
    key_file: option.file("the service's integration key (Events API v2)"),
    url: option.url(
      'Where PagerDuty takes events; in Europe https://events.eu.pagerduty.com/v2/enqueue.',
      'https://events.pagerduty.com/v2/enqueue'
    ),
  }),
  since: {},
  texts: message({ name: 'pagerduty' }),
  build(options, target): {
    pagerduty_configs: [
      option.tells(options) {
        routing_key_file: options.key_file,
        client: 'Deckwatch',
        client_url: '{{ .ExternalURL }}',
        description: '{{ template "deckwatch.pagerduty.title" . }}',
        // PagerDuty knows the same four words.
        severity: '{{ with .CommonLabels.severity }}{{ . }}{{ else }}error{{ end }}',
        source: '{{ with .CommonLabels.instance }}{{ template "deckwatch.pagerduty.value" . }}{{ else }}deckwatch{{ end }}',
        class: '{{ .CommonLabels.alertname }}',
        component: '{{ with .CommonLabels.topic }}{{ . }}{{ end }}',
        group: '{{ with .CommonLabels.owner }}{{ . }}{{ end }}',
        // From 0.30 on Alertmanager reads each of these as YAML, and makes a mapping of whatever looks like one: names
        // would be keys, and templates in the versions that read the result again. Nothing that begins with a tab is
        // YAML. What Alertmanager itself would add to the details is a list of all labels, and is left out.
        details: { text: '\t{{ template "deckwatch.pagerduty.text" . }}', firing: '', resolved: '' },
        links: [
          { href: '{{ with .CommonAnnotations.dashboard_url }}{{ . }}{{ end }}', text: 'Dashboard' },
          { href: '{{ with .CommonAnnotations.runbook_url }}{{ if match "^https?://" . }}{{ . }}{{ end }}{{ end }}', text: 'What to do' },
        ],
      } + (if 'url' in options then { url: options.url } else {}),
    ],
  },
}
