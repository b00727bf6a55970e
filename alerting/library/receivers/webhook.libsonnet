// A webhook: JSON by HTTP POST to a program of yours.
local message = import 'alerting/message.libsonnet';
local option = import 'alerting/options.libsonnet';
{
  options: option.of('A program that receives alerts as JSON by HTTP POST.', [], {
    url: option.url(
      'Its address. One that contains a password or a key must be in a file: see url_file.',
      'http://bot.internal:8080/alerts'
    ),
    url_file: option.file('the address'),
    text: {
      description: "Send a title, a body and a type as apprise-api reads them, instead of Alertmanager's own JSON.",
      type: 'boolean',
    },
  }) {
    examples: [{ url: 'http://bot.internal:8080/alerts' }],
    'if': { required: ['url'] },
    'then': { properties: { url_file: false } },
    'else': { required: ['url_file'] },
  },
  since: { url_file: '0.26', text: '0.32' },
  examples: [
    { url: 'http://bot.internal:8080/alerts' },
    { url: 'http://apprise:8000/notify/ops', text: true },
    { url_file: '/run/secrets/webhook' },
  ],
  texts: message({ name: 'webhook' }),
  build(options, target): {
    webhook_configs: [
      option.notify_flags(options)
      + (if 'url' in options then { url: options.url } else { url_file: options.url_file })
      + (
        if std.get(options, 'text', false)
        // Each text is parsed as YAML unless it begins with a tab: see pagerduty.libsonnet.
        then {
          payload: {
            title: '\t{{ template "deckwatch.webhook.title" . }}',
            body: '\t{{ template "deckwatch.webhook.text" . }}',
            type: '{{ if eq .Status "firing" }}failure{{ else }}success{{ end }}',
          },
        }
        else {}
      ),
    ],
  },
}
