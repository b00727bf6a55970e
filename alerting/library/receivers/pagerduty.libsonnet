// PagerDuty: a service, by its Events API v2.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('A service of PagerDuty, which pages the person on call.', ['key_file'], {
    key_file: option.file("the service's integration key (Events API v2)"),
    url: option.url(
      'The address of the Events API; in Europe https://events.eu.pagerduty.com/v2/enqueue.',
      'https://events.pagerduty.com/v2/enqueue'
    ),
  }),
  examples: [{ key_file: '/run/secrets/pagerduty', url: 'https://events.eu.pagerduty.com/v2/enqueue' }],
  texts: message({ name: 'pagerduty' }),
  build(options, target): {
    pagerduty_configs: [
      option.notify_flags(options) {
        routing_key_file: options.key_file,
        client: 'Deckwatch',
        client_url: '{{ template "deckwatch.alertmanager" . }}',
        description: '{{ template "deckwatch.pagerduty.title" . }}',
        // PagerDuty has the same four severities.
        severity: '{{ with .CommonLabels.severity }}{{ . }}{{ else }}error{{ end }}',
        source: '{{ with .CommonLabels.instance }}{{ template "deckwatch.pagerduty.value" . }}{{ else }}deckwatch{{ end }}',
        class: '{{ .CommonLabels.alertname }}',
        component: '{{ with .CommonLabels.topic }}{{ . }}{{ end }}',
        group: '{{ with .CommonLabels.owner }}{{ . }}{{ end }}',
        // Since 0.30 Alertmanager parses each of these as YAML and turns text that looks like a mapping into one: names
        // would become keys, and in some versions templates. Text that begins with a tab is never YAML. The default
        // details, a list of all labels, are left out.
        details: { text: '\t{{ template "deckwatch.pagerduty.text" . }}', firing: '', resolved: '' },
        links: [
          { href: '{{ with .CommonAnnotations.dashboard_url }}{{ . }}{{ end }}', text: 'Dashboard' },
          { href: '{{ with .CommonAnnotations.runbook_url }}{{ if match "^https?://" . }}{{ . }}{{ end }}{{ end }}', text: 'What to do' },
        ],
      } + (if 'url' in options then { url: options.url } else {}),
    ],
  },
}
